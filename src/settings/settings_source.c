/* Read a configuration file and the settings of the command line, key by key. */
#include "settings/settings_source.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include <stdio.h>
#include <string.h>

#define PROBLEMS_END 32 /* bytes at the end of the line for "; and 12 more" */

void source_problem(Source *source, const Error *mistake) {
    Error *all = &source->problems;
    if (!mistake->status) return;
    const size_t used = strlen(all->message), more = strlen(mistake->message);
    if (!all->status)
        *all = *mistake;
    else if (used + more + 2 < sizeof all->message - PROBLEMS_END)
        memcpy(mempcpy(all->message + used, "; ", 2), mistake->message, more + 1);
    else
        source->untold++;
}

Status source_verdict(const Source *source, Error *error) {
    const Error *all = &source->problems;
    if (!all->status) return error->status;
    if (source->untold == 0) return error_set(error, all->status, "%s", all->message);
    return error_set(error, all->status, "%.*s; and %d more", (int)(sizeof all->message - PROBLEMS_END), all->message,
                     source->untold);
}

const char *source_where(const Source *source, const Given *given, char where[SOURCE_WHERE]) {
    if (given->override)
        snprintf(where, SOURCE_WHERE, "%s%s", given->override[0] == '-' ? "" : "--set ", given->override);
    else if (given->line > 0)
        snprintf(where, SOURCE_WHERE, "%s:%d", source->name, given->line);
    else
        snprintf(where, SOURCE_WHERE, "%s", source->name);
    return where;
}

static void unknown_key(Source *source, const Given *given, const char *key) {
    char where[SOURCE_WHERE];
    Error mistake = {0};
    const char *near = settings_nearest(key);
    source_where(source, given, where);
    if (near)
        error_set(&mistake, STATUS_INPUT, "%s: unknown key %s: did you mean %s?", where, key, near);
    else
        error_set(&mistake, STATUS_INPUT, "%s: unknown key %s: linnet train --settings lists all keys", where, key);
    source_problem(source, &mistake);
}

static Status read_file(Source *source, const char *text, size_t size, Error *error) {
    if (json_parse(&source->file, text, size, source->name, error)) return error->status;
    if (!cJSON_IsObject(source->file))
        return error_set(error, STATUS_INPUT, "%s: expected one JSON object, {\"key\": value, …}", source->name);
    if (json_refuse_repeats(source->file, text, source->name, error)) return error->status;
    int index = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, source->file) {
        const Given given = {.value = member, .line = json_key_line(text, index++)};
        const size_t key = settings_find_key(member->string);
        if (key < KEYS_COUNT)
            source->given[key] = given;
        else
            unknown_key(source, &given, member->string);
    }
    return STATUS_OK;
}

static Status read_override(Source *source, const char *override, Error *error) {
    const char *name = strncmp(override, "--", 2) == 0 ? override + 2 : override, *equals = strchr(name, '=');
    if (!equals || equals == name) {
        Error mistake = {0};
        error_set(&mistake, STATUS_INPUT, "--set %s: expected key=value", override);
        source_problem(source, &mistake);
        return STATUS_OK;
    }
    char *word = memory_text(name, error);
    if (!word) return error->status;
    word[equals - name] = '\0';
    const size_t key = settings_find_key(word);
    Given given = {.override = override};
    if (key == KEYS_COUNT) {
        unknown_key(source, &given, word);
    } else if ((given.value = source->parsed[source->count] = override_value(key, equals + 1))) {
        source->given[key] = given;
        source->count++;
    } else
        error_set(error, STATUS_FAILURE, "out of memory for %s", override);
    memory_free(word);
    return error->status;
}

/* Whether the value of the renamed key counts, as in Trainer: before that of the key's new name, except a ratio beside
 * steps of warm-up. The command line counts before the file. */
static bool takes_over(const Given *old, const Given *now, bool ratio) {
    if (!now->value || cJSON_IsNull(now->value)) return true;
    if (!old->override != !now->override) return old->override != NULL;
    return !ratio || (cJSON_IsNumber(now->value) && now->value->valuedouble == 0);
}

/* Give the keys that replace renamed ones their values. */
static void rename_keys(Source *source) {
    for (size_t i = SETTINGS_COUNT; i < KEYS_COUNT; i++) {
        const ForeignRow *row = &FOREIGN_ROWS[i - SETTINGS_COUNT];
        const Given *old = &source->given[i];
        if (row->kind != FOREIGN_RENAMED || !old->value || cJSON_IsNull(old->value)) continue;
        if (!old->override && foreign_is_silent(row, old->value)) continue; /* a default among all others */
        const bool ratio = strcmp(row->key, "warmup_ratio") == 0;
        const size_t now = settings_find_key(row->text);
        if (!takes_over(old, &source->given[now], ratio)) continue;
        const double share = cJSON_IsNumber(old->value) ? old->value->valuedouble : -1;
        if (ratio && (share < 0 || share >= 1)) { /* as warmup_steps, 1 would be one update */
            char where[SOURCE_WHERE];
            Error mistake = {0};
            error_set(&mistake, STATUS_INPUT, "%s: warmup_ratio: expected a fraction from 0 to below 1",
                      source_where(source, old, where));
            source_problem(source, &mistake);
            continue;
        }
        source->given[now] = *old;
        source->renamed[i - SETTINGS_COUNT] = true;
    }
}

Status source_read(Source *source, const char *text, size_t size, const char *name, const char *const *overrides,
                   size_t count, Error *error) {
    *source = (Source){.name = name};
    source->parsed = memory_allocate(count, sizeof(cJSON *), error);
    if (!source->parsed || read_file(source, text, size, error)) return error->status;
    for (size_t i = 0; i < count; i++)
        if (read_override(source, overrides[i], error)) return error->status;
    rename_keys(source);
    return STATUS_OK;
}

void source_free(Source *source) {
    for (size_t i = 0; i < source->count; i++) cJSON_Delete(source->parsed[i]);
    memory_free(source->parsed);
    cJSON_Delete(source->file);
    *source = (Source){0};
}

const Given *source_given(const Source *source, const char *key) {
    const Given *given = &source->given[settings_find_key(key)];
    return given->value && !cJSON_IsNull(given->value) ? given : NULL;
}
