/* Load, parse and free the settings of a run. */
#include "linnet/settings/settings.h"
#include "linnet/core/file.h"
#include "linnet/core/file_kind.h"
#include "linnet/core/hub_cache.h"
#include "linnet/core/integers.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "settings/settings_source.h"
#include <string.h>

/* Store all settings; mistakes become problems of the source. */
static void store(Settings *settings, Source *source) {
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        Error mistake = {0};
        setting_store(settings, &SETTING_ROWS[i], source, &source->given[i], &mistake);
        source_problem(source, &mistake);
    }
    settings_check_foreign(source, settings);
    settings_check_metric(source, settings);
}

/* The snapshot that a folder of the hub's cache stands for now, so that the resolved settings name it. */
static Status resolve_model(Settings *settings, Error *error) {
    char room[PATH_MAX];
    const char *path = hub_cache_resolve(settings->model_name_or_path, room, error);
    if (error->status || path == settings->model_name_or_path) return error->status;
    memory_free(settings->model_name_or_path);
    settings->model_name_or_path = memory_text(path, error);
    return error->status;
}

/** Read a text with its overrides [count] into *settings, which stay empty after an error. */
static Status read(Settings *settings, const char *text, size_t size, const char *name, const char *const *overrides,
                   size_t count, bool warn, Error *error) {
    Source source = {0};
    *settings = (Settings){0};
    if (source_read(&source, text, size, name, overrides, count, error) == STATUS_OK) {
        store(settings, &source);
        if (source_verdict(&source, error) == STATUS_OK) settings_check(settings, &source, error);
    }
    if (error->status)
        settings_free(settings);
    else if (warn)
        settings_warn(settings, &source);
    source_free(&source);
    return error->status;
}

/* A file of another kind, such as the one in which Trainer saves its arguments. */
static Status refuse_kind(const char *path, FileKind kind, Error *error) {
    const char *advice = file_kind_advice(kind);
    if (kind == FILE_KIND_TORCH)
        return error_set(error, STATUS_INPUT,
                         "%s: %s; expected JSON: python3 -c \"import torch; print(torch.load('%s', weights_only=False)"
                         ".to_json_string())\" > run.json",
                         path, file_kind_name(kind), path);
    return error_set(error, STATUS_INPUT, "%s: %s; expected a configuration in JSON%s%s", path, file_kind_name(kind),
                     *advice ? ": " : "", advice);
}

/* By its name, unless it is JSON, which YAML includes. */
static bool is_yaml(const char *path, const char *text) {
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0) && text[strspn(text, " \t\r\n")] != '{';
}

static Status load(Settings *settings, const char *path, const char *const *overrides, size_t count, bool warn,
                   Error *error) {
    char *text = NULL;
    size_t size = 0;
    *settings = (Settings){0};
    if (!path) {
        read(settings, "{}", 2, "the command line", overrides, count, warn, error);
    } else if (file_read(path, &text, &size, error) == STATUS_OK) {
        const FileKind kind = file_kind(text, size_min(size, FILE_KIND_BYTES));
        if (is_yaml(path, text))
            error_set(error, STATUS_INPUT,
                      "%s: YAML; expected a configuration in JSON: python3 -c \"import json, yaml; "
                      "print(json.dumps(yaml.safe_load(open('%s'))))\" > run.json",
                      path, path);
        else if (kind != FILE_KIND_OTHER)
            refuse_kind(path, kind, error);
        else if (json_blank_comments(text, size, path, error) == STATUS_OK)
            read(settings, text, size, path, overrides, count, warn, error);
    }
    memory_free(text);
    if (error->status == STATUS_OK && resolve_model(settings, error)) settings_free(settings);
    return error->status;
}

Status settings_load(Settings *settings, const char *path, const char *const *overrides, size_t count, Error *error) {
    return load(settings, path, overrides, count, true, error);
}

Status settings_load_again(Settings *settings, const char *path, const char *const *overrides, size_t count,
                           Error *error) {
    return load(settings, path, overrides, count, false, error);
}

Status settings_parse(Settings *settings, const char *text, const char *name, Error *error) {
    return read(settings, text, strlen(text), name, NULL, 0, false, error);
}

void settings_free(Settings *settings) {
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const SettingRow *row = &SETTING_ROWS[i];
        if (setting_is_text(row)) memory_free(*(char **)setting_field(row, settings));
        if (row->type == SETTING_FILES) named_files_free(setting_field(row, settings));
    }
    memory_free(settings->class_weights_place);
    *settings = (Settings){0};
}
