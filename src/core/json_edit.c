/* JSON objects changed in their text. See json_edit.h. */
#include "linnet/core/json_edit.h"
#include "linnet/core/json.h"
#include "linnet/core/json_scan.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include <stdbool.h>
#include <string.h>

/* Places in the text; a place of 0 is not known (yet), since an object's first byte is its bracket. */
typedef struct {
    const char *text, *key;
    size_t object, object_end;     /* of the bracket, and past the closing one */
    size_t first_key, last_end;    /* the first member's key; past the last value so far */
    size_t before;                 /* past the value before the wanted member, 0 where that is the first */
    size_t found, value, next_key; /* the wanted member's key, its value, the key after it */
    size_t value_end;
    bool is_object;
} Search;

static bool is_wanted(const Search *search, const JsonItem *key) {
    char text[256]; /* far more than the escaped form of a key that linnet sets */
    if (key->size > sizeof text) return false;
    memcpy(text, search->text + key->at, key->size);
    const size_t length = json_decode(text, key->size);
    return length == strlen(search->key) && memcmp(text + 1, search->key, length) == 0;
}

static void see_key(Search *search, const JsonItem *key) {
    if (!search->first_key) search->first_key = key->at;
    if (search->found && !search->next_key) search->next_key = key->at;
    if (!is_wanted(search, key)) return;
    search->found = key->at; /* of a repeated key the last counts, as in Python */
    search->before = search->last_end;
    search->value = search->next_key = 0;
}

static void see(void *context, const JsonItem *item) {
    Search *search = context;
    if (item->depth == 0) {
        search->is_object = item->kind == JSON_OBJECT;
        search->object = item->at;
        search->object_end = item->at + item->size;
    } else if (item->depth == 1 && item->kind == JSON_KEY) {
        see_key(search, item);
    } else if (item->depth == 1) {
        search->last_end = item->at + item->size;
        if (!search->found || search->value) return;
        search->value = item->at;
        search->value_end = search->last_end;
    }
}

static Status find(Search *search, const char *text, const char *key, const char *name, Error *error) {
    const char *start = text + utf8_mark(text, strlen(text));
    *search = (Search){.text = start, .key = key};
    const JsonScan scan = {.name = name, .line = 1, .seen = see, .context = search};
    if (json_scan(&scan, start, strlen(start), error)) return error->status;
    if (!search->is_object) return error_set(error, STATUS_INPUT, "%s: expected a JSON object", name);
    return STATUS_OK;
}

/* Put `with` in the place of the bytes from `at` to before `end`. */
static Status splice(char **text, const char *at, const char *end, const char *with, Error *error) {
    const size_t before = (size_t)(at - *text), size = strlen(with), after = strlen(end);
    char *changed = memory_allocate(before + size + after + 1, 1, error);
    if (!changed) return error->status;
    memcpy(changed, *text, before);
    memcpy(changed + before, with, size);
    memcpy(changed + before + size, end, after + 1);
    memory_free(*text);
    *text = changed;
    return STATUS_OK;
}

/* What separates a member from what stands before it: the white space before the first key, as a new text. */
static char *layout_of(const Search *search, Error *error) {
    if (!search->first_key) return memory_text("\n  ", error);
    char *layout = memory_text(search->text + search->object + 1, error);
    if (layout) layout[search->first_key - search->object - 1] = '\0';
    return layout;
}

/* The value's text for an object of this layout: on one line, or on several that are indented like its members. */
static char *value_text(const cJSON *value, const char *layout, const char *name, Error *error) {
    const char *line = strrchr(layout, '\n');
    char *plain = json_text(value, line != NULL, name, error);
    char *text = plain ? json_indent(plain, line ? line + 1 : "", error) : NULL;
    memory_free(plain);
    return text;
}

static Status append(char **text, const Search *search, const char *layout, const char *value, Error *error) {
    const bool empty = !search->first_key;
    char *member = memory_allocate(strlen(layout) + strlen(search->key) + strlen(value) + 8, 1, error);
    if (!member) return error->status;
    if (!empty) strcat(member, ",");
    strcat(strcat(strcat(strcat(strcat(member, layout), "\""), search->key), "\": "), value);
    if (empty) strcat(member, "\n");
    const char *at = search->text + (empty ? search->object + 1 : search->last_end);
    splice(text, at, empty ? search->text + search->object_end - 1 : at, member, error);
    memory_free(member);
    return error->status;
}

static bool has_value(const Search *search, const cJSON *value) {
    if (!search->found) return false;
    cJSON *old = cJSON_ParseWithLength(search->text + search->value, search->value_end - search->value);
    const bool same = cJSON_Compare(old, value, true);
    cJSON_Delete(old);
    return same;
}

Status json_edit_set(char **text, const char *key, const cJSON *value, const char *name, Error *error) {
    Search search;
    if (find(&search, *text, key, name, error) || has_value(&search, value)) return error->status;
    char *layout = layout_of(&search, error), *written = layout ? value_text(value, layout, name, error) : NULL;
    if (written && search.found)
        splice(text, search.text + search.value, search.text + search.value_end, written, error);
    else if (written)
        append(text, &search, layout, written, error);
    memory_free(layout);
    memory_free(written);
    return error->status;
}

Status json_edit_remove(char **text, const char *key, const char *name, Error *error) {
    Search search;
    if (find(&search, *text, key, name, error) || !search.found) return error->status;
    const size_t from = search.before ? search.before : search.found;
    const size_t to = search.before || !search.next_key ? search.value_end : search.next_key;
    return splice(text, search.text + from, search.text + to, "", error);
}
