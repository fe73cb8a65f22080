/* Read a configuration file and its `--set` overrides, key by key. */
#include "settings/settings_source.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/core/nearest.h"
#include <stdio.h>
#include <string.h>

/* The index of a key; KEYS_COUNT if there is no such key. */
static size_t find_key(const char *key) {
    size_t i = 0;
    while (i < KEYS_COUNT && strcmp(settings_key(i), key) != 0) i++;
    return i;
}

const char *source_where(const Source *source, const Given *given, char where[SOURCE_WHERE]) {
    if (given->override)
        snprintf(where, SOURCE_WHERE, "--set %s", given->override);
    else if (given->line > 0)
        snprintf(where, SOURCE_WHERE, "%s:%d", source->name, given->line);
    else
        snprintf(where, SOURCE_WHERE, "%s", source->name);
    return where;
}

static Status unknown_key(const char *where, const char *key, Error *error) {
    for (size_t i = 0; i < RENAMED_COUNT; i++)
        if (strcmp(RENAMED_ROWS[i].key, key) == 0)
            return error_set(error, STATUS_INPUT, "%s: unknown key %s: in Transformers 5 it is %s", where, key,
                             RENAMED_ROWS[i].now);
    const char *names[KEYS_COUNT];
    for (size_t i = 0; i < KEYS_COUNT; i++) names[i] = settings_key(i);
    const char *near = nearest_name(key, names, KEYS_COUNT);
    if (near) return error_set(error, STATUS_INPUT, "%s: unknown key %s: did you mean %s?", where, key, near);
    return error_set(error, STATUS_INPUT, "%s: unknown key %s: linnet train --settings lists all keys", where, key);
}

static Status add_value(Source *source, const char *key, Given given, Error *error) {
    char where[SOURCE_WHERE];
    size_t i = find_key(key);
    if (i == KEYS_COUNT) return unknown_key(source_where(source, &given, where), key, error);
    source->given[i] = given;
    return STATUS_OK;
}

static Status read_file(Source *source, const char *text, size_t size, Error *error) {
    if (json_parse(&source->file, text, size, source->name, error)) return error->status;
    if (!cJSON_IsObject(source->file))
        return error_set(error, STATUS_INPUT, "%s: expected one JSON object, {\"key\": value, …}", source->name);
    if (json_refuse_repeats(source->file, text, source->name, error)) return error->status;
    int index = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, source->file) {
        Given given = {.value = member, .line = json_key_line(text, index++)};
        if (add_value(source, member->string, given, error)) return error->status;
    }
    return STATUS_OK;
}

/** The value is JSON or, if it does not parse, a bare text: so no double quoting is needed in a shell. */
static Status parse_override(const char *text, cJSON **value, Error *error) {
    Error not_json = {0};
    if (json_parse(value, text, strlen(text), "--set", &not_json) == STATUS_OK) return STATUS_OK;
    *value = cJSON_CreateString(text);
    return *value ? STATUS_OK : error_set(error, STATUS_FAILURE, "out of memory for --set %s", text);
}

static Status read_override(Source *source, const char *override, Error *error) {
    const char *equals = strchr(override, '=');
    if (!equals || equals == override) return error_set(error, STATUS_INPUT, "--set %s: expected key=value", override);
    cJSON *value = NULL;
    if (parse_override(equals + 1, &value, error)) return error->status;
    source->parsed[source->count++] = value;
    char *key = memory_text(override, error);
    if (!key) return error->status;
    key[equals - override] = '\0';
    Status status = add_value(source, key, (Given){.value = value, .override = override}, error);
    memory_free(key);
    return status;
}

Status source_read(Source *source, const char *text, size_t size, const char *name, const char *const *overrides,
                   size_t count, Error *error) {
    *source = (Source){.name = name};
    source->parsed = memory_allocate(count, sizeof(cJSON *), error);
    if (!source->parsed || read_file(source, text, size, error)) return error->status;
    for (size_t i = 0; i < count; i++)
        if (read_override(source, overrides[i], error)) return error->status;
    return STATUS_OK;
}

void source_free(Source *source) {
    for (size_t i = 0; i < source->count; i++) cJSON_Delete(source->parsed[i]);
    memory_free(source->parsed);
    cJSON_Delete(source->file);
    *source = (Source){0};
}

const Given *source_given(const Source *source, const char *key) {
    const Given *given = &source->given[find_key(key)];
    return given->value && !cJSON_IsNull(given->value) ? given : NULL;
}
