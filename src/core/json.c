/* JSON files through cJSON: parsing, repeated keys, lines of keys, members by type, saving. See json.h. */
#include "linnet/core/json.h"
#include "linnet/core/file.h"
#include "linnet/core/file_kind.h"
#include "linnet/core/integers.h"
#include "linnet/core/json_scan.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTEGER_LIMIT 0x1p53 /* from here on a double cannot hold every integer */

/* Check the grammar, past a byte-order mark. */
static Status check(const char *text, size_t size, const char *name, JsonSeen seen, void *context, Error *error) {
    const JsonScan scan = {.name = name, .line = 1, .seen = seen, .context = context};
    const size_t mark = utf8_mark(text, size);
    return json_scan(&scan, text + mark, size - mark, error);
}

Status json_parse(cJSON **tree, const char *text, size_t size, const char *name, Error *error) {
    if (check(text, size, name, NULL, NULL, error)) return error->status;
    const char *end = text;
    const size_t mark = utf8_mark(text, size); /* cJSON itself skips one only before two bytes or more */
    cJSON *parsed = cJSON_ParseWithLengthOpts(text + mark, size - mark, &end, false);
    /* cJSON 1.7.15 stops inside a number of more than 63 characters. */
    while (parsed && end < text + size && strchr(" \t\r\n", *end)) end++;
    if (parsed && end == text + size) {
        *tree = parsed;
        return STATUS_OK;
    }
    cJSON_Delete(parsed);
    static const char number[] = "0123456789+-.eE";
    const char *first = end, *last = end;
    while (first > text && strchr(number, first[-1])) first--;
    while (last < text + size && *last && strchr(number, *last)) last++;
    if (last - first > 63)
        return error_set(error, STATUS_INPUT, "%s: byte %td: a number has more than 63 characters", name,
                         first - text + 1);
    return error_set(error, STATUS_FAILURE, "%s: out of memory", name);
}

/* Replace a comment that starts at `at` by blanks, line feeds excepted; returns its end, NULL if it has none. */
static char *blank_comment(char *at, char *end) {
    const bool line = at[1] == '/';
    char *stop = line ? memchr(at, '\n', (size_t)(end - at)) : memmem(at + 2, (size_t)(end - at - 2), "*/", 2);
    if (!stop && !line) return NULL;
    stop = !stop ? end : line ? stop : stop + 2;
    for (; at < stop; at++)
        if (*at != '\n') *at = ' ';
    return stop;
}

Status json_blank_comments(char *text, size_t size, const char *name, Error *error) {
    char *const end = text + size;
    bool string = false;
    int line = 1;
    for (char *at = text; at < end; at++) {
        if (*at == '\n') line++;
        if (*at == '"') string = !string;
        if (string && *at == '\\' && at + 1 < end) at++;
        if (string || *at != '/' || at + 1 == end || (at[1] != '/' && at[1] != '*')) continue;
        const char *stop = blank_comment(at, end);
        if (!stop) return error_set(error, STATUS_INPUT, "%s:%d: the comment has no end: expected */", name, line);
    }
    return STATUS_OK;
}

Status json_load_text(cJSON **tree, char **text, const char *path, Error *error) {
    size_t size = 0;
    if (file_read(path, text, &size, error)) return error->status;
    const FileKind kind = file_kind(*text, size_min(size, FILE_KIND_BYTES));
    const char *advice = file_kind_advice(kind);
    if (kind != FILE_KIND_OTHER)
        error_set(error, STATUS_INPUT, "%s: %s; expected JSON%s%s", path, file_kind_name(kind), *advice ? ": " : "",
                  advice);
    else if (!json_parse(tree, *text, size, path, error))
        json_refuse_repeats(*tree, *text, path, error);
    return error->status;
}

Status json_load(cJSON **tree, const char *path, Error *error) {
    char *text = NULL;
    json_load_text(tree, &text, path, error);
    memory_free(text);
    return error->status;
}

/* --- Keys and their lines --- */

/* Finds the line of one key: the `wanted`-th (from 0) among those at `depth` (0: at any depth). */
typedef struct {
    int64_t wanted, seen;
    int depth, line;
} KeyFinder;

static void find_key(void *context, const JsonItem *item) {
    KeyFinder *finder = context;
    if (item->kind != JSON_KEY || (finder->depth && item->depth != finder->depth)) return;
    if (finder->seen++ == finder->wanted) finder->line = item->line;
}

static int find_line(const char *text, KeyFinder finder) {
    Error ignored = {0}; /* the caller has parsed the text */
    check(text, strlen(text), "", find_key, &finder, &ignored);
    return finder.line;
}

int json_key_line(const char *text, int index) {
    return find_line(text, (KeyFinder){.wanted = index, .depth = 1});
}

/* A key and its number in the order of the text. */
typedef struct {
    const char *key;
    int64_t ordinal;
} Key;

static int compare_keys(const void *left, const void *right) {
    const Key *a = left, *b = right;
    const int order = strcmp(a->key, b->key);
    return order ? order : (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

/* A walk over the keys of a tree, object by object. */
typedef struct {
    int64_t keys; /**< seen so far */
    Key repeated; /**< the first in the text that its object already has; ordinal −1 if there is none */
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
    /* Sorted, since a vocabulary has 50,000 keys in one object. */
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
    const int line = find_line(text, (KeyFinder){.wanted = walk.repeated.ordinal});
    return error_set(error, STATUS_INPUT, "%s:%d: the key \"%s\" appears twice in one object", name, line,
                     walk.repeated.key);
}

/* --- Members --- */

static Status wrong_type(const cJSON *item, const char *key, const char *wanted, const char *name, Error *error) {
    char *found = cJSON_PrintUnformatted(item);
    error_set(error, STATUS_INPUT, "%s: \"%s\": expected %s, got %.80s", name, key, wanted,
              found ? found : "something else");
    cJSON_free(found);
    return error->status;
}

/* The member, or NULL where it is absent, null or, with an error, of another type. */
static const cJSON *member(const cJSON *object, const char *key, cJSON_bool (*has_type)(const cJSON *),
                           const char *wanted, const char *name, Error *error) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!item || cJSON_IsNull(item)) return NULL;
    if (has_type(item)) return item;
    wrong_type(item, key, wanted, name, error);
    return NULL;
}

Status json_get_int(const cJSON *object, const char *key, int64_t *value, const char *name, Error *error) {
    const cJSON *item = member(object, key, cJSON_IsNumber, "an integer", name, error);
    if (!item) return error->status;
    const double number = item->valuedouble;
    if (number != floor(number)) return wrong_type(item, key, "an integer", name, error);
    if (fabs(number) >= INTEGER_LIMIT) return wrong_type(item, key, "an integer between -2^53 and 2^53", name, error);
    *value = (int64_t)number;
    return STATUS_OK;
}

Status json_get_double(const cJSON *object, const char *key, double *value, const char *name, Error *error) {
    const cJSON *item = member(object, key, cJSON_IsNumber, "a number", name, error);
    if (item && !isfinite(item->valuedouble))
        return error_set(error, STATUS_INPUT, "%s: \"%s\" is too large for a float64", name, key);
    if (item) *value = item->valuedouble;
    return error->status;
}

Status json_get_bool(const cJSON *object, const char *key, bool *value, const char *name, Error *error) {
    const cJSON *item = member(object, key, cJSON_IsBool, "true or false", name, error);
    if (item) *value = cJSON_IsTrue(item);
    return error->status;
}

Status json_get_text(const cJSON *object, const char *key, const char **value, const char *name, Error *error) {
    const cJSON *item = member(object, key, cJSON_IsString, "a string", name, error);
    if (item) *value = item->valuestring;
    return error->status;
}

/* --- Writing --- */

void json_real_text(double number, char text[JSON_REAL_TEXT]) {
    snprintf(text, JSON_REAL_TEXT, "null");
    for (int digits = 15; isfinite(number) && digits <= 17; digits++) {
        snprintf(text, JSON_REAL_TEXT, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
}

cJSON *json_add_real(cJSON *object, const char *name, double number) {
    char text[JSON_REAL_TEXT];
    json_real_text(number, text);
    return cJSON_AddRawToObject(object, name, text);
}

/* cJSON indents with tabs and writes one after each ':'; a tab inside a string is escaped, so each raw tab is layout.
 * Returns the new length; `out` holds twice the length of `text` and two bytes more. */
static size_t tabs_to_spaces(const char *text, char *out) {
    size_t length = 0;
    for (const char *at = text; *at; at++) {
        out[length++] = *at == '\t' ? ' ' : *at;
        if (*at == '\t' && at[-1] != ':') out[length++] = ' ';
    }
    out[length++] = '\n';
    return length;
}

char *json_text(const cJSON *tree, bool indented, const char *name, Error *error) {
    char *printed = indented ? cJSON_Print(tree) : cJSON_PrintUnformatted(tree), *text = NULL;
    if (!printed) error_set(error, STATUS_FAILURE, "%s: cannot write: out of memory", name);
    if (printed) text = memory_allocate(strlen(printed) + 2, 2, error);
    if (text) text[tabs_to_spaces(printed, text)] = '\0';
    cJSON_free(printed);
    return text;
}

char *json_indent(const char *text, const char *indent, Error *error) {
    size_t lines = 0, used = 0;
    for (const char *at = text; *at; at++) lines += *at == '\n';
    char *indented = memory_allocate(strlen(text) + lines * strlen(indent) + 1, 1, error);
    for (const char *at = text; indented && *at && (*at != '\n' || at[1]); at++) {
        indented[used++] = *at;
        if (*at != '\n') continue;
        memcpy(indented + used, indent, strlen(indent));
        used += strlen(indent);
    }
    return indented;
}

Status json_save(const cJSON *tree, const char *path, bool indented, Error *error) {
    char *text = json_text(tree, indented, path, error);
    if (text) file_replace(path, text, strlen(text), error);
    memory_free(text);
    return error->status;
}

Status json_save_in(cJSON *tree, const char *folder, const char *name, Error *error) {
    char *path = file_join(folder, name, error);
    if (!tree) error_set(error, STATUS_FAILURE, "out of memory for %s", name);
    if (!error->status) json_save(tree, path, true, error);
    cJSON_Delete(tree);
    memory_free(path);
    return error->status;
}
