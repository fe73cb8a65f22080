#include "linnet/settings/settings.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "settings/settings_source.h"
#include <string.h>

/** Everything but reading the file; *source is kept for the caller's warnings. */
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

int64_t settings_global_batch(const Settings *s, int ranks, int64_t samples) {
    int64_t global_batch = s->global_batch_size;
    if (global_batch == 0 &&
        (__builtin_mul_overflow(s->per_device_train_batch_size, s->gradient_accumulation_steps, &global_batch) ||
         __builtin_mul_overflow(global_batch, (int64_t)ranks, &global_batch)))
        global_batch = samples;
    return global_batch < samples ? global_batch : samples;
}

int64_t settings_units(const Settings *s, int ranks, int64_t global_batch) {
    int64_t units = s->reduction_units > 0 ? s->reduction_units : ranks;
    return units < global_batch ? units : global_batch;
}
