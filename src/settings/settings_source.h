#ifndef LINNET_SETTINGS_SETTINGS_SOURCE_H
#define LINNET_SETTINGS_SETTINGS_SOURCE_H
/** What the user wrote: the members of the file and, before them, the `--set` overrides, sorted to the tables'
 *  rows. Private to the settings_*.c files. */
#include "settings/settings_table.h"
#include <cjson/cJSON.h>

/** One key's value and where it stands. */
typedef struct {
    const cJSON *value;   /**< NULL: not given; borrowed from the Source's trees */
    const char *override; /**< "key=value" of --set, or NULL */
    int line;             /**< in the file, when not of an override */
} Given;

typedef struct {
    const char *name; /**< of the file, borrowed */
    cJSON *file;      /**< the file's tree */
    cJSON **parsed;   /**< [count] the overrides' values */
    size_t count;
    Given own[SETTINGS_COUNT], foreign[FOREIGN_COUNT];
} Source;

/** Parse the file's text and the overrides [count], and sort their keys. STATUS_INPUT: not a JSON object, repeated
 *  or unknown keys, an override without `=`. Of two overrides of a key the last counts. Free also after an error. */
Status source_read(Source *source, const char *text, size_t size, const char *name, const char *const *overrides,
                   size_t count, Error *error);
void source_free(Source *source);

#define SOURCE_WHERE 256
/** "run.json:7", "--set key=value", or the file alone where the key was not given. */
const char *source_where(const Source *source, const Given *given, char where[SOURCE_WHERE]);

/** The value of a key named as in the tables, with a value other than null; or NULL. */
const Given *source_given(const Source *source, const char *key);

/** Store the row's value, or its default where none or null was given, in its field. STATUS_INPUT: another type,
 *  or out of range. (settings_value.c) */
Status setting_store(Settings *settings, const SettingRow *row, const Source *source, const Given *given, Error *error);

/** Refuse what linnet cannot do among the keys it does not act on. (settings_check.c) */
Status settings_check_foreign(const Source *source, Error *error);
/** Fill in what depends on other keys and refuse contradictions. (settings_check.c) */
Status settings_check(Settings *settings, const Source *source, Error *error);
/** Warn of what has no effect. (settings_check.c) */
void settings_warn(const Settings *settings, const Source *source);

#endif
