/* Checking the trials of a sweep and writing their configurations. sweep.h has the contract. */
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/settings/metric_names.h"
#include "linnet/sweep/sweep.h"
#include "sweep/trial.h"
#include "sweep/trial_list.h"
#include <stdio.h>
#include <string.h>

enum { CHANGES_TEXT = 600 };

/* The metric must be one that the trial's evaluations report. Which labels there are, only the data tell. */
static Status check_metric(const SweepFile *sweep, const Settings *settings, Error *error) {
    const NamedFiles *files = &settings->eval_file;
    const char *name = sweep->metric + strlen("eval_");
    char known[600] = "";
    const bool language = settings->objective == OBJECTIVE_LANGUAGE;
    const char *const *metrics = language ? LANGUAGE_METRIC_NAMES : METRIC_NAMES;
    if (settings->eval_strategy == STRATEGY_NO)
        return error_set(error, STATUS_INPUT,
                         "%s: the trials are compared by their evaluations: set eval_file and eval_strategy (\"epoch\" "
                         "or \"steps\") in %s",
                         sweep->path, sweep->config);
    if (!named_files_of_metric(files, &name))
        return error_set(error, STATUS_INPUT,
                         "%s: metric: eval_file has several files: expected the name of one before the metric, as "
                         "eval_%s_loss, got %s",
                         sweep->path, files->files[0].name, sweep->metric);
    if (metric_is_in(name, metrics) || (!language && metric_may_be_of_class(name))) return STATUS_OK;
    for (const char *const *metric = metrics; *metric; metric++)
        error_list(known, sizeof known, *metric, strlen(*metric));
    return error_set(error, STATUS_INPUT, "%s: metric: the evaluations of the trials have no %s: expected one of %s",
                     sweep->path, sweep->metric, known);
}

/* Whether a setting decides what a trial's figures are. */
static bool is_of_results(const SettingChange *change) {
    static const char *const KEYS[] = {"model_name_or_path",
                                       "train_file",
                                       "eval_file",
                                       "num_train_epochs",
                                       "max_steps",
                                       "global_batch_size",
                                       "gradient_accumulation_steps",
                                       "per_device_train_batch_size",
                                       "early_stopping_patience"};
    bool listed = false;
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) listed = listed || strcmp(KEYS[i], change->key) == 0;
    return listed || change->fixed || change->updates;
}

static void note_change(void *context, const SettingChange *change) {
    char *changes = context;
    const size_t used = strlen(changes);
    if (is_of_results(change))
        snprintf(changes + used, CHANGES_TEXT - used, "%s%s %.80s -> %.80s", used > 0 ? ", " : "", change->key,
                 change->was, change->is);
}

/* What a trial has trained with before must not change: its figures would be compared with those of other settings. */
static Status check_changes(const SweepFile *sweep, int64_t number, const Settings *settings, const char *path,
                            Error *error) {
    Trial trial = {0};
    cJSON *before = NULL;
    char changes[CHANGES_TEXT] = "";
    if (!file_exists(path)) return STATUS_OK;
    if (trial_look(sweep, number, &trial, error) || trial.state == TRIAL_NEW || json_load(&before, path, error) ||
        settings_compare(settings, before, note_change, changes, error))
        goto cleanup;
    if (*changes)
        error_set(error, STATUS_INPUT,
                  "%s: trial %lld has trained with other settings (%s): change %s back, or give another output_dir",
                  sweep->path, (long long)number, changes, sweep->config);
cleanup:
    trial_free(&trial);
    cJSON_Delete(before);
    return error->status;
}

/* Check the settings of a trial and write them. */
static Status write_trial(const SweepFile *sweep, int64_t number, Error *error) {
    Settings settings = {0};
    char *path = trial_path(sweep, number, ".json", error), *text = NULL;
    if (path && !trial_settings(sweep, number, &settings, error) && !check_metric(sweep, &settings, error) &&
        !check_changes(sweep, number, &settings, path, error) && (text = settings_text(&settings, error)) &&
        !file_make_folder(sweep->output_dir, error))
        file_replace(path, text, strlen(text), error);
    settings_free(&settings);
    memory_free(text);
    memory_free(path);
    return error->status;
}

Status sweep_prepare(const SweepFile *sweep, int64_t only, Error *error) {
    if (trial_list_check(sweep, error)) return error->status;
    for (int64_t i = only < 0 ? 0 : only; i < (only < 0 ? sweep->trials : only + 1); i++)
        if (write_trial(sweep, i, error)) return error->status;
    return trial_list_save(sweep, error);
}
