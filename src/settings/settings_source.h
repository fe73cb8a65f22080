#ifndef LINNET_SETTINGS_SETTINGS_SOURCE_H
#define LINNET_SETTINGS_SETTINGS_SOURCE_H
/** What the user wrote: each key's value from the file or, with precedence, from the command line, by table row.
 *  Private to the settings_*.c files. */
#include "settings/settings_table.h"
#include <cjson/cJSON.h>

/** One key's value and where the user wrote it. */
typedef struct {
    const cJSON *value;   /**< NULL: not given; borrowed from the Source's trees */
    const char *override; /**< "key=value" or "--key=value" of the command line, or NULL */
    int line;             /**< in the file; 0: not from the file */
} Given;

typedef struct {
    const char *name; /**< of the file, borrowed */
    cJSON *file;      /**< the file's tree */
    cJSON **parsed;   /**< [count] the overrides' values */
    size_t count;
    Given given[KEYS_COUNT];     /**< by settings_key() */
    bool renamed[FOREIGN_COUNT]; /**< keys whose value was given to the key of another name */
    Error problems;              /**< all mistakes so far, in one line */
    int untold;                  /**< those that found no room in it */
} Source;

/** Parse the file's text and the overrides [count]. STATUS_INPUT: not a JSON object, repeated keys. Unknown keys and an
 *  override without `=` are problems. Of two overrides of a key the last one counts. Call source_free() also after an
 *  error. */
Status source_read(Source *source, const char *text, size_t size, const char *name, const char *const *overrides,
                   size_t count, Error *error);
void source_free(Source *source);

/** Add a mistake to the problems, if *mistake holds one: the user learns of all of them at once. */
void source_problem(Source *source, const Error *mistake);
/** The problems as one error. */
Status source_verdict(const Source *source, Error *error);

#define SOURCE_WHERE 256
/** "run.json:7", "--set key=value", "--key=value", or only "run.json" if the key was not given. */
const char *source_where(const Source *source, const Given *given, char where[SOURCE_WHERE]);

/** What the user gave for a key; NULL if nothing or null. */
const Given *source_given(const Source *source, const char *key);

/** Store the given value, or the default if none or null was given, in the row's field. STATUS_INPUT: wrong type or out
 *  of range. (settings_value.c) */
Status setting_store(Settings *settings, const SettingRow *row, const Source *source, const Given *given, Error *error);

/** The value of an override: JSON, a number or a truth value as Python has them, or a bare text; to be freed with
 *  cJSON_Delete(). NULL: out of memory. (settings_value.c) */
cJSON *override_value(size_t key, const char *text);

/** Whether a text is a number, also one that JSON writes otherwise, such as .5 or +1; *number is its value.
 *  (settings_value.c) */
bool override_number(const char *text, double *number);

/** The text that is kept of class_weights, freed with memory_free(); NULL without an error: not such a value. `words`: a
 *  list may have numbers as texts. (class_weights.c) */
char *class_weights_text(const cJSON *value, bool words, Error *error);

/** Note values of foreign keys that ask for what linnet cannot do. (settings_check.c) */
void settings_check_foreign(Source *source, const Settings *settings);
/** Note a metric_for_best_model that no evaluation reports. (settings_metric.c) */
void settings_check_metric(Source *source, const Settings *settings);
/** Fill in defaults that depend on other keys, and refuse contradictions. (settings_check.c) */
Status settings_check(Settings *settings, const Source *source, Error *error);
/** Read lr_scheduler_kwargs, with defaults; `schedule` is the name of lr_scheduler_type. STATUS_INPUT: an option that the
 *  schedule does not have, a value out of range, or one that is missing. (schedule_options.c) */
Status schedule_options_read(ScheduleOptions *options, const Settings *settings, const char *schedule, Error *error);
/** Warn of keys that have no effect, or another name now. (settings_check.c) */
void settings_warn(const Settings *settings, const Source *source);

#endif
