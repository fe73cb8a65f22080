/* The vocabulary and the merges of a tokenizer folder, read from tokenizer.json or from vocab.json and merges.txt
 * without a tree: they are 200,000 strings. See spec_reader.h. */
#include "linnet/core/json_scan.h"
#include "linnet/core/memory.h"
#include "tokenizer/spec_reader.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The two tokens of a merge: bytes of the file's text. */
typedef struct {
    uint32_t left, left_size, right, right_size;
    int line;
} MergeText;

typedef enum { ELSEWHERE, IN_VOCAB, IN_MERGES } Place;

/* A file that is being read. */
typedef struct {
    TokenizerSpec *spec;
    const char *path;
    char *text;
    bool in_model;
    Place place;
    JsonItem values[3]; /* the values of vocab and merges, by Place, of size 0 before they are seen */
    const char *token;  /* the last token's key, NULL after its value */
    size_t token_size, token_capacity, texts_used;
    MergeText *merges; /* [merge_count] */
    size_t merge_count, merge_capacity;
    int parts; /* strings of the current merge, where it is an array */
    Error *error;
} Scan;

static void *grow(void *block, size_t used, size_t *capacity, size_t size, Error *error) {
    if (used < *capacity) return block;
    const size_t wanted = *capacity ? 2 * *capacity : 1 << 10;
    void *larger = memory_resize(block, used * size, wanted, size, error);
    if (larger) *capacity = wanted;
    return larger;
}

/* The id that an integer's text [size] gives; −1 where it is not one. */
static int64_t read_id(const char *text, size_t size) {
    int64_t id = 0;
    if (size > 10 || text[0] == '-') return -1;
    for (size_t i = 0; i < size; i++) id = id * 10 + (text[i] - '0');
    return id < INT32_MAX ? id : -1;
}

static void add_token(Scan *scan, const JsonItem *item) {
    TokenizerSpec *spec = scan->spec;
    const int64_t id = item->kind == JSON_INTEGER ? read_id(scan->text + item->at, item->size) : -1;
    if (id < 0 || scan->token_size == 0) {
        error_set(scan->error, STATUS_INPUT, "%s:%d: token `%.*s`: expected a text and an id from 0 to %d", scan->path,
                  item->line, (int)scan->token_size, scan->token, INT32_MAX - 1);
        return;
    }
    SpecToken *tokens = grow(spec->tokens, spec->token_count, &scan->token_capacity, sizeof *spec->tokens, scan->error);
    if (!tokens) return;
    spec->tokens = tokens;
    char *text = spec->texts + scan->texts_used;
    memcpy(text, scan->token, scan->token_size);
    text[scan->token_size] = '\0';
    scan->texts_used += scan->token_size + 1;
    tokens[spec->token_count++] = (SpecToken){text, (uint32_t)scan->token_size, (int32_t)id};
}

/* A key or a value of the vocabulary. */
static void see_token(Scan *scan, const JsonItem *item) {
    if (item->kind != JSON_KEY) {
        if (scan->token) add_token(scan, item);
        scan->token = NULL;
        return;
    }
    scan->token = scan->text + item->at + 1;
    scan->token_size = json_decode(scan->text + item->at, item->size);
}

/* Add a merge, whose tokens start at `left` and `right` of the file's text. */
static void add_merge(Scan *scan, MergeText merge) {
    MergeText *merges = grow(scan->merges, scan->merge_count, &scan->merge_capacity, sizeof *merges, scan->error);
    if (!merges) return;
    scan->merges = merges;
    merges[scan->merge_count++] = merge;
}

static void wrong_merge(const Scan *scan, int line) {
    error_set(scan->error, STATUS_INPUT, "%s:%d: expected two tokens with one space between them", scan->path, line);
}

/* A merge as "left right": bytes [at, at + size) of the file's text. */
static void split_merge(Scan *scan, size_t at, size_t size, int line) {
    const char *merge = scan->text + at, *space = memchr(merge, ' ', size);
    const size_t left = space ? (size_t)(space - merge) : 0, right = space ? size - left - 1 : 0;
    if (left == 0 || right == 0 || memchr(space + 1, ' ', right))
        wrong_merge(scan, line);
    else
        add_merge(scan, (MergeText){(uint32_t)at, (uint32_t)left, (uint32_t)(at + left + 1), (uint32_t)right, line});
}

/* A string of the merges, or the end of an array of two: ["left", "right"]. */
static void see_merge(Scan *scan, const JsonItem *item) {
    const uint32_t at = (uint32_t)item->at + 1;
    const bool inner = item->depth == 4;
    if (item->kind == JSON_STRING) {
        const uint32_t size = (uint32_t)json_decode(scan->text + item->at, item->size);
        MergeText *open = inner && scan->parts == 1 ? &scan->merges[scan->merge_count - 1] : NULL;
        if (!inner)
            split_merge(scan, at, size, item->line);
        else if (scan->parts++ == 0)
            add_merge(scan, (MergeText){.left = at, .left_size = size, .line = item->line});
        else if (open)
            *open = (MergeText){open->left, open->left_size, at, size, item->line};
    } else if (inner || scan->text[item->at] != '[' || scan->parts != 2) {
        wrong_merge(scan, item->line);
    } else {
        scan->parts = 0;
    }
}

static bool is_key(const Scan *scan, const JsonItem *item, const char *key) {
    return item->size == strlen(key) + 2 && memcmp(scan->text + item->at + 1, key, strlen(key)) == 0;
}

/* The value of model.vocab or model.merges has ended. */
static void end_value(Scan *scan, const JsonItem *item) {
    if (scan->values[scan->place].size > 0)
        error_set(scan->error, STATUS_INPUT, "%s:%d: model has this key twice", scan->path, item->line);
    scan->values[scan->place] = *item;
    scan->place = ELSEWHERE;
}

/* Called for each key and value of tokenizer.json. */
static void see_tokenizer(void *context, const JsonItem *item) {
    Scan *scan = context;
    const bool good = scan->error->status == STATUS_OK;
    if (item->depth == 1) {
        if (item->kind == JSON_KEY) scan->in_model = is_key(scan, item, "model");
    } else if (item->depth == 2 && scan->in_model) {
        if (item->kind == JSON_KEY)
            scan->place = is_key(scan, item, "vocab") ? IN_VOCAB : is_key(scan, item, "merges") ? IN_MERGES : ELSEWHERE;
        else if (scan->place != ELSEWHERE)
            end_value(scan, item);
    } else if (good && item->depth == 3 && scan->place == IN_VOCAB) {
        see_token(scan, item);
    } else if (good && scan->place == IN_MERGES && item->depth <= 4) {
        see_merge(scan, item);
    }
}

/* Called for each key and value of vocab.json. */
static void see_vocabulary(void *context, const JsonItem *item) {
    Scan *scan = context;
    if (!scan->error->status && item->depth == 1) see_token(scan, item);
}

/* --- merges.txt --- */

/* Each line is a merge; lines that start with #version are comments, as for Hugging Face tokenizers. */
static Status read_lines(Scan *scan, size_t size) {
    static const char VERSION[] = "#version";
    int number = 1;
    for (size_t at = 0, next; at < size && !scan->error->status; at = next, number++) {
        const char *line = scan->text + at, *newline = memchr(line, '\n', size - at);
        size_t length = newline ? (size_t)(newline - line) : size - at;
        next = at + length + 1;
        if (length > 0 && line[length - 1] == '\r') length--;
        if (length >= strlen(VERSION) && memcmp(line, VERSION, strlen(VERSION)) == 0) continue;
        split_merge(scan, at, length, number);
    }
    return scan->error->status;
}

/* --- Tokens by id, merges as tokens --- */

static int by_id(const void *left, const void *right) {
    const SpecToken *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* Tokens are saved by rising id, so there is seldom something to sort. */
static Status sort_tokens(const Scan *scan) {
    TokenizerSpec *spec = scan->spec;
    bool rising = true;
    for (size_t i = 1; rising && i < spec->token_count; i++) rising = spec->tokens[i].id > spec->tokens[i - 1].id;
    if (rising) return STATUS_OK;
    qsort(spec->tokens, spec->token_count, sizeof *spec->tokens, by_id);
    for (size_t i = 1; i < spec->token_count; i++)
        if (spec->tokens[i].id == spec->tokens[i - 1].id)
            return error_set(scan->error, STATUS_INPUT, "%s: tokens `%s` and `%s` have the same id %" PRId32,
                             scan->path, spec->tokens[i - 1].text, spec->tokens[i].text, spec->tokens[i].id);
    return STATUS_OK;
}

static Status index_tokens(SpecReader *reader, const Scan *scan) {
    TokenizerSpec *spec = reader->spec;
    if (sort_tokens(scan)) return scan->error->status;
    if (spec->token_count == 0)
        return error_set(scan->error, STATUS_INPUT, "%s: expected a JSON object of tokens and their ids", scan->path);
    spec->size = spec->tokens[spec->token_count - 1].id + 1;
    if (vocabulary_create(&reader->vocabulary, spec->tokens, spec->token_count, scan->path, scan->error))
        return scan->error->status;
    return vocabulary_bytes(reader->vocabulary, spec->bytes, scan->path, scan->error);
}

static Status find_merge(const SpecReader *reader, const Scan *scan, const MergeText *text, SpecMerge *merge) {
    const char *left = scan->text + text->left, *right = scan->text + text->right;
    merge->left = vocabulary_find(reader->vocabulary, left, text->left_size);
    merge->right = vocabulary_find(reader->vocabulary, right, text->right_size);
    if (merge->left == NO_TOKEN || merge->right == NO_TOKEN) {
        const bool first = merge->left == NO_TOKEN;
        return error_set(scan->error, STATUS_INPUT, "%s:%d: token `%.*s` is not in the vocabulary", scan->path,
                         text->line, (int)(first ? text->left_size : text->right_size), first ? left : right);
    }
    merge->result = vocabulary_find_joined(reader->vocabulary, merge->left, merge->right);
    if (merge->result == NO_TOKEN)
        return error_set(scan->error, STATUS_INPUT, "%s:%d: token `%.*s%.*s` is not in the vocabulary", scan->path,
                         text->line, (int)text->left_size, left, (int)text->right_size, right);
    return STATUS_OK;
}

/* Of a merge that appears twice the later rank counts, as in Hugging Face tokenizers: remove the earlier ones. `last`
 * has slots of a hash table: index + 1 of a pair's last merge so far. */
static void remove_repeats(TokenizerSpec *spec, uint32_t *last, size_t mask) {
    size_t kept = 0;
    for (uint32_t i = 0; i < spec->merge_count; i++) {
        const SpecMerge *merge = &spec->merges[i], *other = NULL;
        const uint64_t pair = (uint64_t)merge->left << 32 | merge->right;
        size_t at = (size_t)((pair * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & mask;
        for (; last[at]; at = (at + 1) & mask) {
            other = &spec->merges[last[at] - 1];
            if (other->left == merge->left && other->right == merge->right) break;
        }
        if (last[at]) spec->merges[last[at] - 1].result = NO_TOKEN;
        last[at] = i + 1;
    }
    for (size_t i = 0; i < spec->merge_count; i++)
        if (spec->merges[i].result != NO_TOKEN) spec->merges[kept++] = spec->merges[i];
    spec->merge_count = kept;
}

static Status find_merges(SpecReader *reader, const Scan *scan) {
    TokenizerSpec *spec = reader->spec;
    size_t slots = 1024;
    while (slots < 2 * scan->merge_count) slots *= 2;
    spec->merges = memory_allocate(scan->merge_count, sizeof *spec->merges, scan->error);
    uint32_t *last = memory_allocate(slots, sizeof *last, scan->error);
    for (size_t i = 0; i < scan->merge_count && !scan->error->status; i++)
        find_merge(reader, scan, &scan->merges[i], &spec->merges[i]);
    if (!scan->error->status) {
        spec->merge_count = scan->merge_count;
        remove_repeats(spec, last, slots - 1);
    }
    memory_free(last);
    return scan->error->status;
}

/* --- The files --- */

/* tokenizer.json as a tree, with 0 in place of the vocabulary and of the merges. */
static Status parse_rest(SpecReader *reader, const Scan *scan, size_t size, Error *error) {
    char *rest = memory_allocate(size + 1, 1, error);
    if (!rest) return error->status;
    size_t from = 0, used = 0;
    const bool swapped = scan->values[IN_VOCAB].at > scan->values[IN_MERGES].at;
    for (int i = 0; i < 3; i++) { /* the text up to each of the two values, then up to the end */
        const JsonItem *value = i == 2 ? NULL : &scan->values[(i == 0) == swapped ? IN_MERGES : IN_VOCAB];
        if (value && value->size == 0) continue;
        const size_t to = value ? value->at : size;
        memcpy(rest + used, scan->text + from, to - from);
        used += to - from;
        if (!value) break;
        rest[used++] = '0';
        from = value->at + value->size;
    }
    if (!json_parse(&reader->trees[SPEC_TOKENIZER], rest, used, scan->path, error))
        json_refuse_repeats(reader->trees[SPEC_TOKENIZER], rest, scan->path, error);
    memory_free(rest);
    return error->status;
}

/* The kind of the values of vocab and merges. */
static Status check_values(const Scan *scan) {
    const JsonItem *vocab = &scan->values[IN_VOCAB], *merges = &scan->values[IN_MERGES];
    if (vocab->kind != JSON_OBJECT || vocab->size == 0)
        error_set(scan->error, STATUS_INPUT, "%s: model.vocab: expected an object of tokens and their ids", scan->path);
    if (merges->size == 0 || scan->text[merges->at] != '[')
        error_set(scan->error, STATUS_INPUT, "%s: model.merges: expected an array of merges", scan->path);
    return scan->error->status;
}

static Status read_tokenizer(SpecReader *reader, Scan *scan, size_t size, Error *error) {
    const JsonScan rules = {.name = scan->path, .line = 1, .seen = see_tokenizer, .context = scan};
    if (json_scan(&rules, scan->text, size, error) || parse_rest(reader, scan, size, error) ||
        spec_read_pipeline(reader, error))
        return error->status;
    if (!check_values(scan) && !index_tokens(reader, scan)) find_merges(reader, scan);
    if (scan->error->status) *error = *scan->error;
    return error->status;
}

static Status read_vocabulary(SpecReader *reader, Scan *scan, size_t size, Error *error) {
    const JsonScan rules = {.name = scan->path, .line = 1, .seen = see_vocabulary, .context = scan};
    if (json_scan(&rules, scan->text, size, error)) return error->status;
    if (scan->text[strspn(scan->text, " \t\r\n")] != '{')
        return error_set(error, STATUS_INPUT, "%s: expected a JSON object of tokens and their ids", scan->path);
    if (!scan->error->status) index_tokens(reader, scan);
    memory_free(scan->text);
    scan->text = NULL;
    scan->path = reader->paths[SPEC_MERGES];
    if (!scan->error->status && !spec_read_file(scan->path, &scan->text, &size, scan->error) && !read_lines(scan, size))
        find_merges(reader, scan);
    if (scan->error->status) *error = *scan->error;
    return error->status;
}

Status spec_read_vocabulary(SpecReader *reader, Error *error) {
    Error own = {0}; /* reported after what is wrong with the file as a whole */
    Scan scan = {
        .spec = reader->spec, .path = reader->paths[reader->single ? SPEC_TOKENIZER : SPEC_VOCABULARY], .error = &own};
    size_t size = 0;
    if (spec_read_file(scan.path, &scan.text, &size, error)) goto cleanup;
    /* A token takes two quotes, a colon and an id in the file. */
    reader->spec->texts = memory_allocate(size + 1, 1, error);
    if (reader->spec->texts && reader->single)
        read_tokenizer(reader, &scan, size, error);
    else if (reader->spec->texts)
        read_vocabulary(reader, &scan, size, error);
cleanup:
    memory_free(scan.text);
    memory_free(scan.merges);
    return error->status;
}
