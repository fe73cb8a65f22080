#include "linnet/core/json.h"

#include "core/json_scan.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_LIMIT 0x1p53 // from here on neighbouring whole numbers share one double

Status json_parse(cJSON **tree, const char *text, size_t size, const char *name, Error *error) {
    if (json_scan(text, size, name, NULL, NULL, error)) return error->status;
    const char *end = text;
    cJSON *parsed = cJSON_ParseWithLengthOpts(text, size, &end, false);
    // cJSON stops in a number of more than 63 characters (newer ones do not): what it has then is not the
    // number.
    while (parsed && end < text + size && strchr(" \t\r\n", *end)) end++;
    if (parsed && end < text + size) {
        cJSON_Delete(parsed);
        parsed = NULL;
    }
    if (!parsed)
        return error_set(error, STATUS_INPUT, "%s: byte %td: a number of more than 63 characters, or out of memory",
                         name, end - text + 1);
    *tree = parsed;
    return STATUS_OK;
}

Status json_load(cJSON **tree, const char *path, Error *error) {
    char *text = NULL;
    size_t size = 0;
    if (file_read(path, &text, &size, error)) return error->status;
    json_parse(tree, text, size, path, error);
    memory_free(text);
    return error->status;
}

// --- Keys and their lines ---
/** Finds the line of one key: the `wanted`-th that is seen, among those at `depth` (0: at any depth). */
typedef struct {
    int64_t wanted, seen;
    int depth, line;
} KeyFinder;

static void find_key(void *context, int depth, int line) {
    KeyFinder *finder = context;
    if (finder->depth && depth != finder->depth) return;
    if (finder->seen++ == finder->wanted) finder->line = line;
}

int json_key_line(const char *text, int index) {
    KeyFinder finder = {.wanted = index, .depth = 1};
    Error ignored = {0}; // who asks for a line has parsed the text already
    json_scan(text, strlen(text), "", find_key, &finder, &ignored);
    return finder.line;
}

/** A key and its number in the order of the whole text. */
typedef struct {
    const char *key;
    int64_t ordinal;
} Key;

static int compare_keys(const void *left, const void *right) {
    const Key *a = left, *b = right;
    const int order = strcmp(a->key, b->key);
    return order ? order : (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

/** The keys of a tree, object by object. */
typedef struct {
    int64_t keys; /**< seen so far */
    Key repeated; /**< the first of the text that stands in its object already; ordinal −1 if none */
    Error *error;
} KeyWalk;

static Status walk_keys(const cJSON *node, KeyWalk *walk) {
    const size_t count = cJSON_IsObject(node) ? (size_t)cJSON_GetArraySize(node) : 0;
    Key *keys = memory_allocate(count, sizeof *keys, walk->error);
    if (!keys) return walk->error->status;
    size_t own = 0;
    for (const cJSON *item = node->child; item; item = item->next) {
        if (own < count) keys[own++] = (Key){item->string, walk->keys++};
        if (item->child && walk_keys(item, walk)) break;
    }
    // Sorted, since a vocabulary has 50,000 keys in one object.
    qsort(keys, own, sizeof *keys, compare_keys);
    for (size_t i = 1; i < own; i++) {
        if (strcmp(keys[i].key, keys[i - 1].key) != 0) continue;
        if (walk->repeated.ordinal < 0 || keys[i].ordinal < walk->repeated.ordinal) walk->repeated = keys[i];
    }
    memory_free(keys);
    return walk->error->status;
}

Status json_refuse_repeats(const cJSON *tree, const char *text, const char *name, Error *error) {
    KeyWalk walk = {.repeated.ordinal = -1, .error = error};
    if (walk_keys(tree, &walk) || walk.repeated.ordinal < 0) return error->status;
    KeyFinder finder = {.wanted = walk.repeated.ordinal};
    Error ignored = {0};
    json_scan(text, strlen(text), name, find_key, &finder, &ignored);
    return error_set(error, STATUS_INPUT, "%s:%d: the key \"%s\" stands twice in one object", name, finder.line,
                     walk.repeated.key);
}

// --- Members ---
/** The member, or NULL where it is absent or null. */
static const cJSON *member(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNull(item) ? NULL : item;
}

static Status wrong_type(const cJSON *item, const char *key, const char *wanted, const char *name, Error *error) {
    char *found = cJSON_PrintUnformatted(item);
    error_set(error, STATUS_INPUT, "%s: \"%s\" must be %s, not %.80s", name, key, wanted,
              found ? found : "something else");
    cJSON_free(found);
    return error->status;
}

Status json_get_int(const cJSON *object, const char *key, int64_t *value, const char *name, Error *error) {
    const cJSON *item = member(object, key);
    if (!item) return STATUS_OK;
    const double number = item->valuedouble;
    if (!cJSON_IsNumber(item) || number != floor(number)) return wrong_type(item, key, "a whole number", name, error);
    if (fabs(number) >= WHOLE_LIMIT) return wrong_type(item, key, "between -2^53 and 2^53", name, error);
    *value = (int64_t)number;
    return STATUS_OK;
}

Status json_get_double(const cJSON *object, const char *key, double *value, const char *name, Error *error) {
    const cJSON *item = member(object, key);
    if (!item) return STATUS_OK;
    if (!cJSON_IsNumber(item)) return wrong_type(item, key, "a number", name, error);
    if (!isfinite(item->valuedouble))
        return error_set(error, STATUS_INPUT, "%s: \"%s\" is too large for a float64", name, key);
    *value = item->valuedouble;
    return STATUS_OK;
}

Status json_get_bool(const cJSON *object, const char *key, bool *value, const char *name, Error *error) {
    const cJSON *item = member(object, key);
    if (!item) return STATUS_OK;
    if (!cJSON_IsBool(item)) return wrong_type(item, key, "true or false", name, error);
    *value = cJSON_IsTrue(item);
    return STATUS_OK;
}

Status json_get_text(const cJSON *object, const char *key, const char **value, const char *name, Error *error) {
    const cJSON *item = member(object, key);
    if (!item) return STATUS_OK;
    if (!cJSON_IsString(item)) return wrong_type(item, key, "a text", name, error);
    *value = item->valuestring;
    return STATUS_OK;
}

// --- Writing ---
/** cJSON indents with tabs and sets one behind each ':'; in a text a tab is escaped, so each raw one is layout.
 *  Returns the new length; `out` holds twice the length of `text` and two bytes more. */
static size_t tabs_to_spaces(const char *text, char *out) {
    size_t length = 0;
    for (const char *at = text; *at; at++) {
        out[length++] = *at == '\t' ? ' ' : *at;
        if (*at == '\t' && at[-1] != ':') out[length++] = ' ';
    }
    out[length++] = '\n';
    return length;
}

Status json_save(const cJSON *tree, const char *path, bool indented, Error *error) {
    char *printed = indented ? cJSON_Print(tree) : cJSON_PrintUnformatted(tree);
    if (!printed) return error_set(error, STATUS_FAILURE, "%s: no memory to write it", path);
    size_t room = 0;
    char *text = NULL;
    if (memory_multiply(strlen(printed) + 1, 2, &room)) text = memory_allocate(room, 1, error);
    if (text) file_replace(path, text, tabs_to_spaces(printed, text), error);
    memory_free(text);
    cJSON_free(printed);
    return error->status;
}
