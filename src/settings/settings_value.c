/* One setting: its value as the user wrote it, checked and stored in its field of Settings. */
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "settings/settings_source.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static Status refuse(const SettingRow *row, const Source *source, const Given *given, Error *error) {
    char where[SOURCE_WHERE], range[SETTING_RANGE_TEXT];
    const cJSON *value = given->value;
    setting_range(row, cJSON_IsNumber(value) && value->valuedouble > row->maximum, range);
    bool overflow = cJSON_IsNumber(value) && isinf(value->valuedouble);
    char *found = overflow ? NULL : cJSON_PrintUnformatted(value);
    error_set(error, STATUS_INPUT, "%s: %s: expected %s, got %.80s", source_where(source, given, where), row->key,
              range,
              overflow ? "a number too large for float64"
              : found  ? found
                       : "another value");
    cJSON_free(found);
    return error->status;
}

static bool in_range(const SettingRow *row, double number) {
    if (!isfinite(number) || number < row->minimum || number > row->maximum) return false;
    if ((row->open && number == row->minimum) || (row->open_end && number == row->maximum)) return false;
    bool integer = number == floor(number);
    return integer || !(row->type == SETTING_INT || (row->type == SETTING_STEPS && number > 1));
}

static void store_number(Settings *settings, const SettingRow *row, double number) {
    void *field = setting_field(row, settings);
    if (row->type == SETTING_INT)
        *(int64_t *)field = (int64_t)number;
    else
        *(double *)field = number;
}

/** -1 when `name` is none of the choices. */
static int find_choice(const SettingRow *row, const char *name) {
    for (int i = 0; row->choices[i]; i++)
        if (strcmp(row->choices[i], name) == 0) return i;
    return -1;
}

static void store_choice(Settings *settings, const SettingRow *row, int choice) {
    static_assert(sizeof(Strategy) == sizeof choice && sizeof(ScheduleKind) == sizeof choice &&
                      sizeof(SaveFailure) == sizeof choice && sizeof(Pooling) == sizeof choice &&
                      sizeof(Objective) == sizeof choice,
                  "the enums have the size of int");
    memcpy(setting_field(row, settings), &choice, sizeof choice);
}

static Status store_text(Settings *settings, const SettingRow *row, const char *text, Error *error) {
    char *copy = memory_text(text, error);
    if (copy) *(char **)setting_field(row, settings) = copy;
    return error->status;
}

/** The shell does not expand ~ in JSON or after an `=`; Trainer expands it, too. */
static Status store_path(Settings *settings, const SettingRow *row, const char *path, Error *error) {
    char *expanded = file_expand_home(path, error);
    if (expanded) *(char **)setting_field(row, settings) = expanded;
    return error->status;
}

/** An object, also one that is written as a text. False: another value. */
static bool store_object(Settings *settings, const SettingRow *row, const cJSON *value, Error *error) {
    cJSON *parsed = cJSON_IsString(value) ? cJSON_Parse(value->valuestring) : NULL;
    const cJSON *object = parsed ? parsed : value;
    const bool fits = cJSON_IsObject(object);
    char *text = fits && object->child ? cJSON_PrintUnformatted(object) : NULL;
    if (fits && object->child && !text) error_set(error, STATUS_FAILURE, "out of memory for %s", row->key);
    if (text) store_text(settings, row, text, error);
    cJSON_free(text);
    cJSON_Delete(parsed);
    return fits;
}

/** Numbers keep all their bits. False: another value. */
static bool store_weights(Settings *settings, const SettingRow *row, const Given *given, Error *error) {
    char *text = class_weights_text(given->value, given->override != NULL, error);
    if (text) *(char **)setting_field(row, settings) = text;
    return text || error->status;
}

/** A list of texts, also one that is written as a text, or a text alone. False: another value. */
static bool store_names(Settings *settings, const SettingRow *row, const cJSON *value, Error *error) {
    cJSON *parsed = cJSON_IsString(value) ? cJSON_Parse(value->valuestring) : NULL;
    cJSON *list = cJSON_IsArray(parsed)  ? cJSON_Duplicate(parsed, true)
                  : cJSON_IsArray(value) ? cJSON_Duplicate(value, true)
                                         : cJSON_CreateArray();
    bool fits = list && (cJSON_IsString(value) || cJSON_IsArray(value));
    if (fits && cJSON_IsString(value) && !cJSON_IsArray(parsed))
        cJSON_AddItemToArray(list, cJSON_CreateString(value->valuestring));
    const cJSON *name;
    cJSON_ArrayForEach(name, list) fits = fits && cJSON_IsString(name) && name->valuestring[0];
    fits = fits && list->child;
    char *text = fits ? cJSON_PrintUnformatted(list) : NULL;
    if (text) store_text(settings, row, text, error);
    cJSON_free(text);
    cJSON_Delete(list);
    cJSON_Delete(parsed);
    return fits;
}

/** Add what one name chooses; false: no such name. */
static bool choose_name(const SettingRow *row, const cJSON *name, uint32_t *chosen) {
    if (!cJSON_IsString(name)) return false;
    const int choice = find_choice(row, name->valuestring);
    if (choice >= 0) *chosen |= 1U << choice;
    return choice >= 0 || setting_ignores(row, name->valuestring);
}

/** A name or a list of names, or "none" or "all" alone. False: another value. */
static bool store_list(Settings *settings, const SettingRow *row, const cJSON *value) {
    const cJSON *only = cJSON_IsArray(value) && cJSON_GetArraySize(value) == 1 ? value->child : value;
    const char *word = cJSON_IsString(only) ? only->valuestring : "";
    uint32_t chosen = 0;
    bool known = cJSON_IsArray(value) || *word;
    if (strcmp(word, "all") == 0) {
        for (int i = 0; row->choices[i]; i++) chosen |= 1U << i;
    } else if (cJSON_IsArray(only)) {
        const cJSON *name;
        cJSON_ArrayForEach(name, only) known = known && choose_name(row, name, &chosen);
    } else if (strcmp(word, "none") != 0) {
        known = choose_name(row, only, &chosen);
    }
    if (known) *(uint32_t *)setting_field(row, settings) = chosen;
    return known;
}

/** A value as a text, or NULL. An override is a text even if it reads as JSON of another type, such as the folder `7`
 *  in output_dir=7. */
static const char *value_text(const Given *given) {
    if (cJSON_IsString(given->value)) return given->value->valuestring;
    return given->override ? strchr(given->override, '=') + 1 : NULL;
}

/** The files have room for one more. */
static Status add_file(NamedFiles *files, const char *name, const char *path, Error *error) {
    const size_t size = sizeof *files->files;
    NamedFile *grown = memory_resize(files->files, files->count * size, files->count + 1, size, error);
    if (!grown) return error->status;
    files->files = grown;
    NamedFile *file = &grown[files->count++];
    *file = (NamedFile){.name = name ? memory_text(name, error) : NULL, .path = file_expand_home(path, error)};
    return error->status;
}

/** What is wrong with the member of an object of files; NULL: nothing. */
static const char *file_mistake(const NamedFiles *files, const cJSON *member) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    const size_t length = strlen(member->string);
    if (length == 0 || length > NAMED_FILE_NAME_MAX || member->string[strspn(member->string, allowed)])
        return "expected a name of 1 to 40 letters, digits, \"_\", \"-\" or \".\"";
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->files[i].name, member->string) == 0) return "the name is there twice";
    if (!cJSON_IsString(member) || !*member->valuestring) return "expected a path";
    return files->count == NAMED_FILES_MAX ? "more than 32 files" : NULL;
}

static Status store_files(Settings *settings, const SettingRow *row, const Source *source, const Given *given,
                          Error *error) {
    NamedFiles *files = setting_field(row, settings);
    const cJSON *member;
    cJSON_ArrayForEach(member, given->value) {
        char where[SOURCE_WHERE];
        const char *mistake = file_mistake(files, member);
        if (mistake)
            return error_set(error, STATUS_INPUT, "%s: %s: \"%.60s\": %s", source_where(source, given, where), row->key,
                             member->string, mistake);
        if (add_file(files, member->string, member->valuestring, error)) return error->status;
    }
    return STATUS_OK;
}

static Status store_given(Settings *settings, const SettingRow *row, const Source *source, const Given *given,
                          Error *error) {
    const cJSON *value = given->value;
    const char *text = cJSON_IsString(value) ? value->valuestring : NULL;
    switch (row->type) {
    case SETTING_INT:
    case SETTING_REAL:
    case SETTING_STEPS:
        if (!cJSON_IsNumber(value) || !in_range(row, value->valuedouble)) break;
        store_number(settings, row, value->valuedouble);
        return STATUS_OK;
    case SETTING_BOOL:
        if (!cJSON_IsBool(value)) break;
        *(bool *)setting_field(row, settings) = cJSON_IsTrue(value);
        return STATUS_OK;
    case SETTING_CHOICE:
        if (!text || find_choice(row, text) < 0) break;
        store_choice(settings, row, find_choice(row, text));
        return STATUS_OK;
    case SETTING_LIST:
        if (!store_list(settings, row, value)) break;
        return STATUS_OK;
    case SETTING_OBJECT:
        if (!store_object(settings, row, value, error)) break;
        return error->status;
    case SETTING_WEIGHTS:
        if (!store_weights(settings, row, given, error)) break;
        return error->status;
    case SETTING_NAMES:
        if (!store_names(settings, row, value, error)) break;
        return error->status;
    case SETTING_METRIC:
        if (text && strncmp(text, "eval_", 5) == 0) text += 5;
        if (!text || !*text) break;
        return store_text(settings, row, text, error);
    case SETTING_FILES:
        if (cJSON_IsObject(value)) return store_files(settings, row, source, given, error);
        text = value_text(given);
        if (!text || !*text) break;
        return add_file(setting_field(row, settings), NULL, text, error);
    case SETTING_RESUME:
        if (cJSON_IsFalse(value) || (text && strcasecmp(text, "false") == 0)) return STATUS_OK;
        if (cJSON_IsTrue(value) || (text && strcasecmp(text, "true") == 0))
            return store_text(settings, row, "auto", error);
        /* fall through */
    case SETTING_PATH:
        text = value_text(given);
        if (!text || !*text) break;
        return store_path(settings, row, text, error);
    }
    return refuse(row, source, given, error);
}

/* --- Values of the command line --- */

/* What HfArgumentParser takes as true and as false; case does not count. */
static const char *const TRUE_WORDS[] = {"true", "yes", "t", "y", "1"};
static const char *const FALSE_WORDS[] = {"false", "no", "f", "n", "0"};
enum { WORDS = sizeof TRUE_WORDS / sizeof *TRUE_WORDS };

bool settings_truth(const char *text, bool *truth) {
    for (size_t i = 0; i < WORDS; i++) {
        *truth = strcasecmp(text, TRUE_WORDS[i]) == 0;
        if (*truth || strcasecmp(text, FALSE_WORDS[i]) == 0) return true;
    }
    return false;
}

bool override_number(const char *text, double *number) {
    char *end;
    if (!*text || text[strspn(text, "+-.0123456789eE")]) return false;
    *number = strtod(text, &end);
    return *end == '\0';
}

cJSON *override_value(size_t key, const char *text) {
    bool truth = false;
    double number = 0;
    cJSON *value = NULL;
    Error not_json = {0};
    if ((settings_is_flag(key) && settings_truth(text, &truth)) || strcmp(text, "True") == 0 ||
        strcmp(text, "False") == 0)
        return cJSON_CreateBool(truth || strcmp(text, "True") == 0);
    if (strcmp(text, "None") == 0) return cJSON_CreateNull();
    if (json_parse(&value, text, strlen(text), "the command line", &not_json) == STATUS_OK) return value;
    return override_number(text, &number) ? cJSON_CreateNumber(number) : cJSON_CreateString(text);
}

static Status store_fallback(Settings *settings, const SettingRow *row, Error *error) {
    bool number = row->type == SETTING_INT || row->type == SETTING_REAL || row->type == SETTING_STEPS;
    cJSON *value = cJSON_Parse(row->fallback);
    if (!value) return error_set(error, STATUS_FAILURE, "out of memory for the default of %s", row->key);
    Given given = {.value = value};
    Status status = STATUS_OK;
    if (!cJSON_IsNull(value))
        status = store_given(settings, row, &(Source){.name = "defaults"}, &given, error);
    else if (number)
        store_number(settings, row, row->none);
    cJSON_Delete(value);
    return status;
}

Status setting_store(Settings *settings, const SettingRow *row, const Source *source, const Given *given,
                     Error *error) {
    if (given->value && !cJSON_IsNull(given->value)) return store_given(settings, row, source, given, error);
    if (given->value && row->null_is_zero) {
        store_number(settings, row, 0);
        return STATUS_OK;
    }
    if (!row->required) return store_fallback(settings, row, error);
    char where[SOURCE_WHERE];
    return error_set(error, STATUS_INPUT, "%s: %s: required key is missing (%s)", source_where(source, given, where),
                     row->key, row->help);
}
