#ifndef LINNET_SETTINGS_SETTINGS_SOURCE_H
#define LINNET_SETTINGS_SETTINGS_SOURCE_H
/** What the user wrote: each key's value from the file or, with precedence, from a `--set` override, by table row.
 *  Private to the settings_*.c files. */
#include "settings/settings_table.h"
#include <cjson/cJSON.h>

/** One key's value and where the user wrote it. */
typedef struct {
    const cJSON *value;   /**< NULL: not given; borrowed from the Source's trees */
    const char *override; /**< "key=value" of --set, or NULL */
    int line;             /**< in the file; 0: not from the file */
} Given;

typedef struct {
    const char *name; /**< of the file, borrowed */
    cJSON *file;      /**< the file's tree */
    cJSON **parsed;   /**< [count] the overrides' values */
    size_t count;
    Given given[KEYS_COUNT]; /**< by settings_key() */
} Source;

/** Parse the file's text and the overrides [count]. STATUS_INPUT: not a JSON object, repeated or unknown keys, an
 *  override without `=`. Of two overrides of a key the last one counts. Call source_free() also after an error. */
Status source_read(Source *source, const char *text, size_t size, const char *name, const char *const *overrides,
                   size_t count, Error *error);
void source_free(Source *source);

#define SOURCE_WHERE 256
/** "run.json:7", "--set key=value", or only "run.json" if the key was not given. */
const char *source_where(const Source *source, const Given *given, char where[SOURCE_WHERE]);

/** What the user gave for a key; NULL if nothing or null. */
const Given *source_given(const Source *source, const char *key);

/** Store the given value, or the default if none or null was given, in the row's field. STATUS_INPUT: wrong type or out
 *  of range. (settings_value.c) */
Status setting_store(Settings *settings, const SettingRow *row, const Source *source, const Given *given, Error *error);

/** Refuse values of foreign keys that ask for what linnet cannot do. (settings_check.c) */
Status settings_check_foreign(const Source *source, Error *error);
/** Fill in defaults that depend on other keys, and refuse contradictions. (settings_check.c) */
Status settings_check(Settings *settings, const Source *source, Error *error);
/** Warn of keys that have no effect. (settings_check.c) */
void settings_warn(const Settings *settings, const Source *source);

#endif
