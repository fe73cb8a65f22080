/* Load, parse and free the settings of a run. */
#include "linnet/settings/settings.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "settings/settings_source.h"
#include <string.h>

/** Check the source and store its values. */
static Status build(Settings *settings, Source *source, Error *error) {
    if (settings_check_foreign(source, error)) return error->status;
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        if (setting_store(settings, &SETTING_ROWS[i], source, &source->own[i], error)) return error->status;
    return settings_check(settings, source, error);
}

Status settings_load(Settings *settings, const char *path, const char *const *overrides, size_t count, Error *error) {
    char *text = NULL;
    size_t size = 0;
    Source source = {0};
    *settings = (Settings){0};
    if (file_read(path, &text, &size, error)) goto cleanup;
    if (source_read(&source, text, size, path, overrides, count, error)) goto cleanup;
    if (build(settings, &source, error)) goto cleanup;
    settings_warn(settings, &source);
cleanup:
    if (error->status) settings_free(settings);
    source_free(&source);
    memory_free(text);
    return error->status;
}

Status settings_parse(Settings *settings, const char *text, const char *name, Error *error) {
    Source source = {0};
    *settings = (Settings){0};
    if (source_read(&source, text, strlen(text), name, NULL, 0, error)) goto cleanup;
    build(settings, &source, error);
cleanup:
    if (error->status) settings_free(settings);
    source_free(&source);
    return error->status;
}

static bool row_is_text(const SettingRow *row) {
    return row->type == SETTING_PATH || row->type == SETTING_RESUME || row->type == SETTING_METRIC;
}

void settings_free(Settings *settings) {
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        if (row_is_text(&SETTING_ROWS[i])) memory_free(*(char **)setting_field(&SETTING_ROWS[i], settings));
    *settings = (Settings){0};
}
