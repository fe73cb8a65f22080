/* Added and special tokens: which there are, in which order Transformers 5.24 adds them (so which ids they get), and
 * their flags. See spec_reader.h. */
#include "linnet/core/memory.h"
#include "text/spec_reader.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ADDED_MAX 16384 /* no tokenizer comes near; time grows with the square */

typedef enum { UNSET = -1 } Unset;

/* A token that is to be added, as a file gives it. */
typedef struct {
    const char *text; /* borrowed from a tree */
    int64_t id;       /* that the file gives; UNSET without */
    int normalized;   /* UNSET: what `special` is not */
    bool lstrip, rstrip, single_word, special;
    SpecFile file;
} Candidate;

typedef struct {
    Candidate *items;
    size_t count, capacity;
} Candidates;

/* What the files say. */
typedef struct {
    SpecReader *reader;
    Candidates by_id;        /* added_tokens_decoder, or added_tokens.json and tokenizer.json's added_tokens */
    Candidates named;        /* [SPECIAL_COUNT] by role, of text NULL where there is none; then others by name */
    Candidates extra;        /* extra_special_tokens */
    bool legacy;             /* there is no added_tokens_decoder: special_tokens_map.json counts */
    const cJSON *from_model; /* added_tokens of tokenizer.json */
} Gathering;

static const char *const KEYS[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                   "pad_token", "cls_token", "mask_token"};
_Static_assert(sizeof KEYS / sizeof *KEYS == SPECIAL_COUNT, "a key for every special token");

const char *special_token_key(SpecialToken token) {
    return KEYS[token];
}

static Status push(Candidates *list, Candidate candidate, Error *error) {
    if (list->count == ADDED_MAX) return error_set(error, STATUS_INPUT, "expected at most %d added tokens", ADDED_MAX);
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 16;
        Candidate *items = memory_resize(list->items, list->count * sizeof *items, capacity, sizeof *items, error);
        if (!items) return error->status;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = candidate;
    return STATUS_OK;
}

static Candidate *find(const Candidates *list, const char *text) {
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].text && strcmp(list->items[i].text, text) == 0) return &list->items[i];
    return NULL;
}

/* --- Tokens as files give them --- */

/* An object {"content": …, "lstrip": …, …}; unknown members are refused, as by Transformers. */
static Status read_object(const Gathering *g, SpecFile file, const char *key, const cJSON *object, Candidate *token,
                          Error *error) {
    static const char *const FLAGS[] = {"lstrip", "rstrip", "single_word", "special"};
    bool *const flags[] = {&token->lstrip, &token->rstrip, &token->single_word, &token->special};
    bool good = cJSON_IsObject(object);
    for (const cJSON *item = good ? object->child : NULL; item && good; item = item->next) {
        size_t flag = 0;
        while (flag < 4 && strcmp(item->string, FLAGS[flag]) != 0) flag++;
        if (flag < 4 && cJSON_IsBool(item))
            *flags[flag] = cJSON_IsTrue(item);
        else if (strcmp(item->string, "normalized") == 0 && cJSON_IsBool(item))
            token->normalized = cJSON_IsTrue(item);
        else if (strcmp(item->string, "content") == 0 && cJSON_IsString(item) && item->valuestring[0])
            token->text = item->valuestring;
        else if (strcmp(item->string, "id") == 0 && cJSON_IsNumber(item) && item->valuedouble >= 0)
            token->id = item->valuedouble < INT32_MAX ? (int64_t)item->valuedouble : INT32_MAX;
        else
            good = strcmp(item->string, "__type") == 0;
    }
    if (good && token->text) return STATUS_OK;
    return spec_refuse(
        g->reader, file, key, object,
        "a token {\"content\": …} with lstrip, rstrip, single_word, normalized, special as true or false", error);
}

/* A special token: a text, or an object; *token has text NULL for null. */
static Status read_special(const Gathering *g, SpecFile file, const char *key, const cJSON *value, Candidate *token,
                           Error *error) {
    *token = (Candidate){.id = UNSET, .normalized = UNSET, .special = true, .file = file};
    if (cJSON_IsNull(value)) return STATUS_OK;
    if (cJSON_IsString(value) && value->valuestring[0]) {
        token->text = value->valuestring;
        return STATUS_OK;
    }
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(value, "__type");
    if (!cJSON_IsObject(value) || (file == SPEC_CONFIG && !cJSON_IsString(type)))
        return spec_refuse(g->reader, file, key, value, "the token's text, an object with __type AddedToken, or null",
                           error);
    read_object(g, file, key, value, token, error);
    token->special = true;
    return error->status;
}

/* Put a token in place of one of the same id; a text that has another id already is refused. */
static Status put_by_id(Gathering *g, Candidate token, Error *error) {
    Candidates *list = &g->by_id;
    const Candidate *twin = find(list, token.text);
    if (twin && twin->id != token.id)
        return error_set(error, STATUS_INPUT, "%s: the added token `%s` has the ids %" PRId64 " and %" PRId64,
                         g->reader->paths[token.file], token.text, twin->id, token.id);
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].id == token.id) {
            list->items[i] = token;
            return STATUS_OK;
        }
    return push(list, token, error);
}

/* added_tokens_decoder: {"50257": {"content": …}}. */
static Status read_decoder(Gathering *g, const cJSON *decoder, Error *error) {
    const cJSON *item;
    if (!cJSON_IsObject(decoder))
        return spec_refuse(g->reader, SPEC_CONFIG, "added_tokens_decoder", decoder, "an object of ids and tokens",
                           error);
    cJSON_ArrayForEach(item, decoder) {
        char *end = item->string;
        Candidate token = {.id = UNSET, .normalized = UNSET, .file = SPEC_CONFIG};
        if (read_object(g, SPEC_CONFIG, "added_tokens_decoder", item, &token, error)) break;
        token.id = strtol(item->string, &end, 10);
        if (end == item->string || *end || token.id < 0 || token.id >= INT32_MAX)
            return spec_refuse(g->reader, SPEC_CONFIG, "added_tokens_decoder", decoder, "ids as its keys", error);
        if (put_by_id(g, token, error)) break;
    }
    return error->status;
}

/* added_tokens.json: {"[PAD]": 50257}. Those that are special tokens by name or extra_special_tokens are special. */
static Status read_added_file(Gathering *g, Error *error) {
    const cJSON *tree = g->reader->trees[SPEC_ADDED], *item;
    cJSON_ArrayForEach(item, tree) {
        if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble < INT32_MAX) || !item->string[0])
            return spec_refuse(g->reader, SPEC_ADDED, item->string, item, "the token's id", error);
        const bool special = find(&g->named, item->string) || find(&g->extra, item->string);
        const Candidate token = {item->string, (int64_t)item->valuedouble, !special, .special = special,
                                 .file = SPEC_ADDED};
        if (put_by_id(g, token, error)) break;
    }
    return error->status;
}

/* added_tokens of tokenizer.json, into `list` by order or into by_id. */
static Status read_model_tokens(Gathering *g, Candidates *list, Error *error) {
    const cJSON *item;
    cJSON_ArrayForEach(item, g->from_model) {
        Candidate token = {.id = UNSET, .normalized = UNSET, .file = SPEC_TOKENIZER};
        if (read_object(g, SPEC_TOKENIZER, "added_tokens", item, &token, error)) break;
        if (token.id < 0) return spec_refuse(g->reader, SPEC_TOKENIZER, "added_tokens", item, "the token's id", error);
        if (list ? push(list, token, error) : put_by_id(g, token, error)) break;
    }
    return error->status;
}

/* --- Special tokens by name --- */

/* Any other key that ends in _token and has a token as its value is a special token too. A key that both files have
 * must have the same value. */
static Status read_other(Gathering *g, SpecFile file, const cJSON *item, Error *error) {
    static const char ENDING[] = "_token";
    const size_t size = strlen(item->string), ending = sizeof ENDING - 1;
    Candidate token;
    for (int i = 0; i < SPECIAL_COUNT; i++)
        if (strcmp(item->string, KEYS[i]) == 0) return STATUS_OK;
    if (size < ending || strcmp(item->string + size - ending, ENDING) != 0) return STATUS_OK;
    if (!cJSON_IsString(item) && !cJSON_IsObject(item)) return STATUS_OK;
    const cJSON *twin = spec_member(g->reader->trees[SPEC_CONFIG], item->string);
    if (file == SPEC_SPECIAL && twin && !cJSON_Compare(twin, item, true))
        return spec_refuse(g->reader, file, item->string, item, "the value that tokenizer_config.json has", error);
    if (read_special(g, file, item->string, item, &token, error)) return error->status;
    return push(&g->named, token, error);
}

static Status read_named(Gathering *g, Error *error) {
    const cJSON *config = g->reader->trees[SPEC_CONFIG], *map = g->legacy ? g->reader->trees[SPEC_SPECIAL] : NULL;
    const cJSON *item;
    for (int i = 0; i < SPECIAL_COUNT; i++) {
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(config, KEYS[i]);
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(map, KEYS[i]);
        Candidate token = {.id = UNSET, .normalized = UNSET, .special = true, .file = SPEC_CONFIG};
        if (g->reader->gpt2 && i <= SPECIAL_UNK) token.text = END_OF_TEXT;
        if (own && read_special(g, SPEC_CONFIG, KEYS[i], own, &token, error)) return error->status;
        if (value && read_special(g, SPEC_SPECIAL, KEYS[i], value, &token, error)) return error->status;
        if (push(&g->named, token, error)) return error->status;
    }
    cJSON_ArrayForEach(item, config) {
        if (read_other(g, SPEC_CONFIG, item, error)) return error->status;
    }
    cJSON_ArrayForEach(item, map) {
        if (read_other(g, SPEC_SPECIAL, item, error)) return error->status;
    }
    return STATUS_OK;
}

/* extra_special_tokens or additional_special_tokens: a list, or names and tokens, which are then special by name. */
static Status read_list(Gathering *g, SpecFile file, const char *key, const cJSON *list, Error *error) {
    const cJSON *item;
    Candidates *into = cJSON_IsObject(list) ? &g->named : &g->extra;
    if (list && !cJSON_IsObject(list) && !cJSON_IsArray(list))
        return spec_refuse(g->reader, file, key, list, "a list of tokens", error);
    cJSON_ArrayForEach(item, list) {
        Candidate token;
        if (read_special(g, file, key, item, &token, error)) break;
        if (!token.text) return spec_refuse(g->reader, file, key, list, "a list of tokens", error);
        if (into == &g->named || !find(into, token.text)) push(into, token, error);
    }
    return error->status;
}

static Status read_extra(Gathering *g, Error *error) {
    static const char EXTRA[] = "extra_special_tokens", OLD[] = "additional_special_tokens";
    const cJSON *config = g->reader->trees[SPEC_CONFIG], *map = g->legacy ? g->reader->trees[SPEC_SPECIAL] : NULL;
    const cJSON *extra = spec_member(config, EXTRA), *old = spec_member(config, OLD);
    const bool own = extra && (extra->child || !(cJSON_IsArray(extra) || cJSON_IsObject(extra)));
    if (read_list(g, SPEC_CONFIG, own ? EXTRA : OLD, own ? extra : old, error) ||
        read_list(g, SPEC_SPECIAL, EXTRA, spec_member(map, EXTRA), error))
        return error->status;
    if (cJSON_HasObjectItem(config, EXTRA) || cJSON_HasObjectItem(config, OLD) || spec_member(map, EXTRA))
        return STATUS_OK;
    return read_list(g, SPEC_SPECIAL, OLD, spec_member(map, OLD), error);
}

/* --- Ids --- */

static int id_order(const void *left, const void *right) {
    const Candidate *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

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
static Status give_id(const Gathering *g, const Candidates *final, Candidate *token, Error *error) {
    const TokenizerSpec *spec = g->reader->spec;
    const uint32_t known = vocabulary_find(g->reader->vocabulary, token->text, strlen(token->text));
    int64_t id = (int64_t)spec->token_count;
    for (size_t i = 0; i < final->count; i++)
        if (final->items[i].id >= id) id = final->items[i].id + 1;
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
static Status add(const Gathering *g, Candidates *final, Candidate token, Error *error) {
    Candidate *twin = find(final, token.text);
    if (token.normalized == UNSET) token.normalized = !token.special;
    if (!twin && !give_id(g, final, &token, error)) return push(final, token, error);
    if (twin && token.id != UNSET && token.id != twin->id)
        return error_set(error, STATUS_INPUT, "%s: the added token `%s` has the ids %" PRId64 " and %" PRId64,
                         g->reader->paths[token.file], token.text, twin->id, token.id);
    if (twin) {
        token.id = twin->id;
        *twin = token;
    }
    return error->status;
}

/* The order is Transformers': what tokenizer.json has, added tokens by id, special tokens by name, extra ones. */
static Status add_all(Gathering *g, Candidates *final, Error *error) {
    Candidates own = {0};
    if (!g->reader->gpt2 && read_model_tokens(g, &own, error)) goto cleanup;
    for (size_t i = 0; i < own.count; i++)
        if (add(g, final, own.items[i], error)) goto cleanup;
    if (g->by_id.count) qsort(g->by_id.items, g->by_id.count, sizeof *g->by_id.items, id_order);
    for (size_t i = 0; i < g->by_id.count; i++) {
        Candidate token = g->by_id.items[i];
        token.special |= find(&g->named, token.text) != NULL;
        if (add(g, final, token, error)) goto cleanup;
    }
    for (size_t i = 0; i < g->named.count + g->extra.count; i++) {
        const bool named = i < g->named.count;
        const Candidate *token = named ? &g->named.items[i] : &g->extra.items[i - g->named.count];
        if (!token->text || find(&own, token->text) || find(&g->by_id, token->text)) continue;
        if (add(g, final, *token, error)) goto cleanup;
    }
cleanup:
    memory_free(own.items);
    return error->status;
}

/* --- The result --- */

static Status copy_tokens(TokenizerSpec *spec, Candidates *final, Error *error) {
    size_t bytes = 0;
    if (final->count) qsort(final->items, final->count, sizeof *final->items, id_order);
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
static Status take_special(const Gathering *g, const Candidates *final, Error *error) {
    TokenizerSpec *spec = g->reader->spec;
    for (int i = 0; i < SPECIAL_COUNT; i++) {
        const char *text = g->named.items[i].text;
        spec->special[i] = text ? (int32_t)find(final, text)->id : -1;
    }
    const Candidate *end = find(final, END_OF_TEXT);
    const uint32_t known = vocabulary_find(g->reader->vocabulary, END_OF_TEXT, strlen(END_OF_TEXT));
    spec->end_of_text = spec->special[SPECIAL_EOS] >= 0 ? spec->special[SPECIAL_EOS]
                        : end                           ? (int32_t)end->id
                        : known != NO_TOKEN             ? spec->tokens[known].id
                                                        : -1;
    if (spec->end_of_text >= 0) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: no eos_token, and no token `%s`: linnet needs one for empty texts",
                     g->reader->paths[SPEC_CONFIG], END_OF_TEXT);
}

Status spec_read_added(SpecReader *reader, Error *error) {
    Gathering g = {.reader = reader};
    Candidates final = {0};
    const cJSON *decoder = cJSON_GetObjectItemCaseSensitive(reader->trees[SPEC_CONFIG], "added_tokens_decoder");
    g.legacy = !decoder;
    g.from_model = spec_member(reader->trees[SPEC_TOKENIZER], "added_tokens");
    if (read_named(&g, error) || read_extra(&g, error)) goto cleanup;
    if (decoder && read_decoder(&g, decoder, error)) goto cleanup;
    if (!decoder && (read_added_file(&g, error) || read_model_tokens(&g, NULL, error))) goto cleanup;
    if (add_all(&g, &final, error) || copy_tokens(reader->spec, &final, error)) goto cleanup;
    take_special(&g, &final, error);
cleanup:
    memory_free(g.by_id.items);
    memory_free(g.named.items);
    memory_free(g.extra.items);
    memory_free(final.items);
    return error->status;
}
