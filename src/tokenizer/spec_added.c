/* The ids of added and special tokens: which Transformers 5.24 gives them, by the order in which it adds them. See
 * spec_reader.h. */
#include "linnet/core/memory.h"
#include "tokenizer/spec_tokens.h"
#include <inttypes.h>
#include <string.h>

static const SpecToken *token_of_id(const TokenizerSpec *spec, int64_t id) {
    size_t low = 0, high = spec->token_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (spec->tokens[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < spec->token_count && spec->tokens[low].id == id ? &spec->tokens[low] : NULL;
}

/* The id that Transformers gives a token: that of the vocabulary, else the next one. Ids in files are not obeyed, so
 * one that differs is refused. `final` holds the tokens that have been added. */
static Status give_id(const SpecTokens *g, const Candidates *final, Candidate *token, Error *error) {
    const TokenizerSpec *spec = g->reader->spec;
    const uint32_t known = vocabulary_find(g->reader->vocabulary, token->text, strlen(token->text));
    int64_t id = (int64_t)spec->token_count;
    if (final->count > 0 && final->highest >= id) id = final->highest + 1;
    if (known != NO_TOKEN) id = spec->tokens[known].id;
    if (token->id != UNSET && token->id != id)
        return error_set(error, STATUS_INPUT,
                         "%s: the added token `%s` has the id %" PRId64 ", but Transformers gives it %" PRId64
                         ": save the tokenizer again with save_pretrained()",
                         g->reader->paths[token->file], token->text, token->id, id);
    const SpecToken *other = known == NO_TOKEN ? token_of_id(spec, id) : NULL;
    if (other)
        return error_set(error, STATUS_INPUT,
                         "%s: the added token `%s` gets the id %" PRId64 ", which `%s` of the vocabulary has",
                         g->reader->paths[token->file], token->text, id, other->text);
    if (id >= INT32_MAX) return error_set(error, STATUS_INPUT, "the added token `%s` has no id left", token->text);
    token->id = id;
    return STATUS_OK;
}

/* Add a token; one that is there already gets the new one's flags. */
static Status add(const SpecTokens *g, Candidates *final, Candidate token, Error *error) {
    Candidate *twin = candidates_find_text(final, token.text, error);
    if (error->status) return error->status;
    if (token.normalized == UNSET) token.normalized = !token.special;
    if (!twin && !give_id(g, final, &token, error)) return candidates_push(final, token, error);
    if (twin && token.id != UNSET && token.id != twin->id)
        return error_set(error, STATUS_INPUT, "%s: the added token `%s` has the ids %" PRId64 " and %" PRId64,
                         g->reader->paths[token.file], token.text, twin->id, token.id);
    if (twin) {
        token.id = twin->id;
        candidates_replace(final, twin, token);
    }
    return error->status;
}

/* Whether a special token is the same, text and flags, as one before it, which then is not added again. */
static bool is_repeated(Candidates *list, const Candidate *token, Error *error) {
    const Candidate *first = candidates_find(list, BY_LOOK, token, error);
    const bool own = token >= list->items && token < list->items + list->count;
    return first && (!own || first < token);
}

/* Add a special token by name or an extra one, unless a list before it has the token. */
static Status add_special(SpecTokens *g, Candidates *final, const Candidate *token, bool named, Error *error) {
    if (!token->text || candidates_find_text(&g->first, token->text, error) ||
        candidates_find_text(&g->by_id, token->text, error) || is_repeated(&g->named, token, error) ||
        (!named && is_repeated(&g->extra, token, error)))
        return error->status;
    return error->status ? error->status : add(g, final, *token, error);
}

/* The order is Transformers': what tokenizer.json has, added tokens by id, special tokens by name, extra ones. */
static Status add_all(SpecTokens *g, Candidates *final, Error *error) {
    for (size_t i = 0; i < g->first.count; i++)
        if (add(g, final, g->first.items[i], error)) return error->status;
    candidates_sort(&g->by_id);
    for (size_t i = 0; i < g->by_id.count; i++) {
        Candidate token = g->by_id.items[i];
        token.special |= candidates_find_text(&g->named, token.text, error) != NULL;
        if (error->status || add(g, final, token, error)) return error->status;
    }
    for (size_t i = 0; i < g->named.count; i++)
        if (add_special(g, final, &g->named.items[i], true, error)) return error->status;
    for (size_t i = 0; i < g->extra.count; i++)
        if (add_special(g, final, &g->extra.items[i], false, error)) return error->status;
    return STATUS_OK;
}

/* --- The result --- */

static Status copy_tokens(TokenizerSpec *spec, Candidates *final, Error *error) {
    size_t bytes = 0;
    candidates_sort(final);
    for (size_t i = 0; i < final->count; i++) bytes += strlen(final->items[i].text) + 1;
    spec->added = memory_allocate(final->count, sizeof *spec->added, error);
    spec->added_texts = memory_allocate(bytes, 1, error);
    if (error->status) return error->status;
    char *text = spec->added_texts;
    for (size_t i = 0; i < final->count; i++) {
        const Candidate *token = &final->items[i];
        const size_t size = strlen(token->text);
        memcpy(text, token->text, size + 1);
        spec->added[i] = (AddedToken){text,          (uint32_t)size,     (int32_t)token->id,     token->lstrip,
                                      token->rstrip, token->single_word, token->normalized != 0, token->special};
        text += size + 1;
        if (token->id >= spec->size) spec->size = (int32_t)token->id + 1;
    }
    spec->added_count = final->count;
    return STATUS_OK;
}

/* The ids of special tokens, and of the end of a text. */
static Status take_special(const SpecTokens *g, Candidates *final, Error *error) {
    TokenizerSpec *spec = g->reader->spec;
    for (int i = 0; i < SPECIAL_COUNT; i++) {
        const char *text = g->named.items[i].text;
        const Candidate *token = text ? candidates_find_text(final, text, error) : NULL;
        spec->special[i] = token ? (int32_t)token->id : -1;
    }
    const Candidate *end = candidates_find_text(final, END_OF_TEXT, error);
    const uint32_t known = vocabulary_find(g->reader->vocabulary, END_OF_TEXT, strlen(END_OF_TEXT));
    spec->end_of_text = spec->special[SPECIAL_EOS] >= 0 ? spec->special[SPECIAL_EOS]
                        : end                           ? (int32_t)end->id
                        : known != NO_TOKEN             ? spec->tokens[known].id
                                                        : -1;
    if (error->status || spec->end_of_text >= 0) return error->status;
    return error_set(error, STATUS_INPUT, "%s: no eos_token, and no token `%s`: linnet needs one for empty texts",
                     g->reader->paths[SPEC_CONFIG], END_OF_TEXT);
}

Status spec_read_added(SpecReader *reader, Error *error) {
    SpecTokens tokens;
    Candidates final = {0};
    if (!spec_tokens_read(&tokens, reader, error) && !add_all(&tokens, &final, error) &&
        !copy_tokens(reader->spec, &final, error))
        take_special(&tokens, &final, error);
    spec_tokens_free(&tokens);
    candidates_free(&final);
    return error->status;
}
