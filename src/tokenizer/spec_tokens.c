/* The added and special tokens that the files of a tokenizer name. See spec_tokens.h. */
#include "tokenizer/spec_tokens.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const KEYS[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                   "pad_token", "cls_token", "mask_token"};
_Static_assert(sizeof KEYS / sizeof *KEYS == SPECIAL_COUNT, "a key for every special token");

const char *special_token_key(SpecialToken token) {
    return KEYS[token];
}

/* --- Tokens as files give them --- */

/* An object {"content": …, "lstrip": …, …}; unknown members are refused, as by Transformers. */
static Status read_object(const SpecTokens *g, SpecFile file, const char *key, const cJSON *object, Candidate *token,
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
static Status read_special(const SpecTokens *g, SpecFile file, const char *key, const cJSON *value, Candidate *token,
                           Error *error) {
    *token = (Candidate){.id = UNSET, .normalized = UNSET, .special = true, .file = file};
    if (cJSON_IsNull(value)) return STATUS_OK;
    if (cJSON_IsString(value) && value->valuestring[0]) {
        token->text = value->valuestring;
        token->plain = true;
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
static Status put_by_id(SpecTokens *g, Candidate token, Error *error) {
    const Candidate *twin = candidates_find_text(&g->by_id, token.text, error);
    if (twin && twin->id != token.id)
        return error_set(error, STATUS_INPUT, "%s: the added token `%s` has the ids %" PRId64 " and %" PRId64,
                         g->reader->paths[token.file], token.text, twin->id, token.id);
    Candidate *there = candidates_find(&g->by_id, BY_ID, &token, error);
    if (there) candidates_replace(&g->by_id, there, token);
    return there || error->status ? error->status : candidates_push(&g->by_id, token, error);
}

/* added_tokens_decoder: {"50257": {"content": …}}. */
static Status read_decoder(SpecTokens *g, const cJSON *decoder, Error *error) {
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
static Status read_added_file(SpecTokens *g, Error *error) {
    const cJSON *tree = g->reader->trees[SPEC_ADDED], *item;
    cJSON_ArrayForEach(item, tree) {
        if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble < INT32_MAX) || !item->string[0])
            return spec_refuse(g->reader, SPEC_ADDED, item->string, item, "the token's id", error);
        const bool special = candidates_find_text(&g->named, item->string, error) ||
                             candidates_find_text(&g->extra, item->string, error);
        const Candidate token = {.text = item->string,
                                 .id = (int64_t)item->valuedouble,
                                 .normalized = !special,
                                 .special = special,
                                 .file = SPEC_ADDED};
        if (error->status || put_by_id(g, token, error)) break;
    }
    return error->status;
}

/* added_tokens of tokenizer.json, into `list` by order or into by_id. */
static Status read_model_tokens(SpecTokens *g, Candidates *list, Error *error) {
    const cJSON *added = spec_member(g->reader->trees[SPEC_TOKENIZER], "added_tokens"), *item;
    cJSON_ArrayForEach(item, added) {
        Candidate token = {.id = UNSET, .normalized = UNSET, .file = SPEC_TOKENIZER};
        if (read_object(g, SPEC_TOKENIZER, "added_tokens", item, &token, error)) break;
        if (token.id < 0) return spec_refuse(g->reader, SPEC_TOKENIZER, "added_tokens", item, "the token's id", error);
        if (list ? candidates_push(list, token, error) : put_by_id(g, token, error)) break;
    }
    return error->status;
}

/* --- Special tokens by name --- */

/* Any other key that ends in _token and has a token as its value is a special token too. A key that both files have
 * must have the same value. */
static Status read_other(SpecTokens *g, SpecFile file, const cJSON *item, Error *error) {
    static const char ENDING[] = "_token";
    const size_t size = strlen(item->string), ending = sizeof ENDING - 1;
    Candidate token;
    for (int i = 0; i < SPECIAL_COUNT; i++)
        if (strcmp(item->string, KEYS[i]) == 0) return STATUS_OK;
    if (size < ending || strcmp(item->string + size - ending, ENDING) != 0) return STATUS_OK;
    if (!cJSON_IsString(item) && !cJSON_IsObject(item)) return STATUS_OK;
    const cJSON *twin = file == SPEC_SPECIAL ? spec_member(g->reader->trees[SPEC_CONFIG], item->string) : NULL;
    if (twin && !cJSON_Compare(twin, item, true))
        return spec_refuse(g->reader, file, item->string, item, "the value that tokenizer_config.json has", error);
    if (read_special(g, file, item->string, item, &token, error)) return error->status;
    token.name = item->string;
    return candidates_push(&g->named, token, error);
}

/* Add a special token by name, or put it in place of the one with that name. */
static Status put_by_name(SpecTokens *g, Candidate token, Error *error) {
    Candidate *there = candidates_find(&g->named, BY_NAME, &token, error);
    if (there) candidates_replace(&g->named, there, token);
    return there || error->status ? error->status : candidates_push(&g->named, token, error);
}

/* Add a token to the extra ones, unless it is there. */
static Status put_extra(SpecTokens *g, Candidate token, Error *error) {
    if (candidates_find_text(&g->extra, token.text, error) || error->status) return error->status;
    return candidates_push(&g->extra, token, error);
}

static Status read_named(SpecTokens *g, Error *error) {
    const cJSON *config = g->reader->trees[SPEC_CONFIG], *map = g->legacy ? g->reader->trees[SPEC_SPECIAL] : NULL;
    const cJSON *item, *padding = spec_member(g->reader->trees[SPEC_TOKENIZER], "padding");
    for (int i = 0; i < SPECIAL_COUNT; i++) {
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(config, KEYS[i]);
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(map, KEYS[i]);
        /* The plain class takes the pad token of tokenizer.json's padding where no other file has the key. */
        const cJSON *saved =
            i == SPECIAL_PAD && !g->reader->gpt2 && !own && !value ? spec_member(padding, KEYS[i]) : NULL;
        Candidate token = {.id = UNSET, .normalized = UNSET, .special = true, .plain = true, .file = SPEC_CONFIG};
        if (g->reader->gpt2 && i <= SPECIAL_UNK) token.text = END_OF_TEXT;
        if (own && read_special(g, SPEC_CONFIG, KEYS[i], own, &token, error)) return error->status;
        if (value && read_special(g, SPEC_SPECIAL, KEYS[i], value, &token, error)) return error->status;
        if (saved && read_special(g, SPEC_TOKENIZER, KEYS[i], saved, &token, error)) return error->status;
        token.name = KEYS[i];
        if (candidates_push(&g->named, token, error)) return error->status;
    }
    /* In this order they get their ids: objects of the one file, all of the other, texts of the first. */
    cJSON_ArrayForEach(item, config) {
        if (cJSON_IsObject(item) && read_other(g, SPEC_CONFIG, item, error)) return error->status;
    }
    cJSON_ArrayForEach(item, map) {
        if (read_other(g, SPEC_SPECIAL, item, error)) return error->status;
    }
    cJSON_ArrayForEach(item, config) {
        if (!cJSON_IsObject(item) && read_other(g, SPEC_CONFIG, item, error)) return error->status;
    }
    return STATUS_OK;
}

/* extra_special_tokens or additional_special_tokens: a list, or names and tokens, which are then special by name. */
static Status read_list(SpecTokens *g, SpecFile file, const char *key, const cJSON *list, Error *error) {
    const cJSON *item;
    if (list && !cJSON_IsNull(list) && !cJSON_IsObject(list) && !cJSON_IsArray(list))
        return spec_refuse(g->reader, file, key, list, "a list of tokens", error);
    cJSON_ArrayForEach(item, list) {
        Candidate token;
        if (read_special(g, file, key, item, &token, error)) break;
        if (!token.text) return spec_refuse(g->reader, file, key, list, "a list of tokens", error);
        token.name = item->string;
        if (token.name ? put_by_name(g, token, error) : put_extra(g, token, error)) break;
    }
    return error->status;
}

static bool is_empty(const cJSON *item) {
    return !item || cJSON_IsNull(item) || ((cJSON_IsArray(item) || cJSON_IsObject(item)) && !item->child);
}

/* additional_special_tokens is the old name, which counts where there is no list under the new one. Names with tokens
 * are no list. */
static Status read_extra(SpecTokens *g, Error *error) {
    static const char EXTRA[] = "extra_special_tokens", OLD[] = "additional_special_tokens";
    const cJSON *config = g->reader->trees[SPEC_CONFIG], *map = g->legacy ? g->reader->trees[SPEC_SPECIAL] : NULL;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(config, EXTRA);
    const cJSON *old = cJSON_GetObjectItemCaseSensitive(config, OLD);
    const cJSON *more = cJSON_GetObjectItemCaseSensitive(map, EXTRA);
    const cJSON *more_old = cJSON_GetObjectItemCaseSensitive(map, OLD);
    if (old && is_empty(list)) {
        list = old;
        old = NULL;
    }
    if (read_list(g, SPEC_CONFIG, list ? list->string : EXTRA, list, error)) return error->status;
    if (cJSON_IsObject(list)) list = NULL;
    if (more && !cJSON_IsArray(more)) candidates_clear(&g->extra); /* it takes the list's place */
    if (read_list(g, SPEC_SPECIAL, EXTRA, more, error)) return error->status;
    if (more) list = cJSON_IsObject(more) ? NULL : more;
    if (list) return STATUS_OK;
    return read_list(g, more_old ? SPEC_SPECIAL : SPEC_CONFIG, OLD, more_old ? more_old : old, error);
}

/* --- All of them --- */

Status spec_tokens_read(SpecTokens *g, SpecReader *reader, Error *error) {
    const cJSON *decoder = cJSON_GetObjectItemCaseSensitive(reader->trees[SPEC_CONFIG], "added_tokens_decoder");
    *g = (SpecTokens){.reader = reader, .legacy = !decoder};
    if (!reader->gpt2 && read_model_tokens(g, &g->first, error)) return error->status;
    if (read_named(g, error) || read_extra(g, error)) return error->status;
    if (decoder) return read_decoder(g, decoder, error);
    return read_added_file(g, error) ? error->status : read_model_tokens(g, NULL, error);
}

void spec_tokens_free(SpecTokens *g) {
    candidates_free(&g->first);
    candidates_free(&g->by_id);
    candidates_free(&g->named);
    candidates_free(&g->extra);
}
