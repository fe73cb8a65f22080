/* Load, parse and free the settings of a run. */
#include "linnet/settings/settings.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "settings/settings_source.h"
#include <string.h>

/** Read a text with its overrides [count] into *settings, which stay empty after an error. */
static Status read(Settings *settings, const char *text, size_t size, const char *name, const char *const *overrides,
                   size_t count, bool warn, Error *error) {
    Source source = {0};
    *settings = (Settings){0};
    if (source_read(&source, text, size, name, overrides, count, error) == STATUS_OK)
        settings_check_foreign(&source, error);
    for (size_t i = 0; i < SETTINGS_COUNT && !error->status; i++)
        setting_store(settings, &SETTING_ROWS[i], &source, &source.given[i], error);
    if (!error->status) settings_check(settings, &source, error);
    if (error->status)
        settings_free(settings);
    else if (warn)
        settings_warn(settings, &source);
    source_free(&source);
    return error->status;
}

Status settings_load(Settings *settings, const char *path, const char *const *overrides, size_t count, Error *error) {
    char *text = NULL;
    size_t size = 0;
    *settings = (Settings){0};
    if (file_read(path, &text, &size, error) == STATUS_OK)
        read(settings, text, size, path, overrides, count, true, error);
    memory_free(text);
    return error->status;
}

Status settings_parse(Settings *settings, const char *text, const char *name, Error *error) {
    return read(settings, text, strlen(text), name, NULL, 0, false, error);
}

void settings_free(Settings *settings) {
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const SettingRow *row = &SETTING_ROWS[i];
        if (row->type == SETTING_PATH || row->type == SETTING_RESUME || row->type == SETTING_METRIC)
            memory_free(*(char **)setting_field(row, settings));
    }
    *settings = (Settings){0};
}
