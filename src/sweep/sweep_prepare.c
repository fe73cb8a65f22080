/* Checking the trials of a sweep and writing their configurations. sweep.h has the contract. */
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/sweep/sweep.h"
#include "sweep/trial.h"
#include <stdio.h>
#include <string.h>

#define LIST_NAME "trials.json"

/* The list of all trials, a line each. NULL: out of memory. */
static cJSON *list_trials(const SweepFile *sweep, Error *error) {
    cJSON *list = cJSON_CreateArray();
    bool complete = list;
    for (int64_t i = 0; i < sweep->trials && complete; i++)
        complete = cJSON_AddItemToArray(list, trial_values(sweep, i));
    if (complete) return list;
    cJSON_Delete(list);
    error_set(error, STATUS_FAILURE, "out of memory for the list of the trials");
    return NULL;
}

/* The folder's own trials must be the first ones of `list`. */
static Status compare_lists(const SweepFile *sweep, const cJSON *list, const char *path, Error *error) {
    cJSON *before = NULL;
    if (!file_exists(path)) return STATUS_OK;
    if (!json_load(&before, path, error)) {
        const cJSON *own = list->child, *item;
        bool alike = cJSON_IsArray(before) && cJSON_GetArraySize(before) <= cJSON_GetArraySize(list);
        cJSON_ArrayForEach(item, before) {
            alike = alike && own && cJSON_Compare(item, own, true);
            own = own ? own->next : NULL;
        }
        if (!alike)
            error_set(error, STATUS_INPUT,
                      "%s has the trials of another sweep (%s): give another output_dir, or remove that folder",
                      sweep->output_dir, path);
    }
    cJSON_Delete(before);
    return error->status;
}

/* Check the settings of a trial and write them. */
static Status write_trial(const SweepFile *sweep, int64_t number, Error *error) {
    Settings settings = {0};
    char *path = trial_path(sweep, number, ".json", error), *text = NULL;
    if (path && !trial_settings(sweep, number, &settings, error)) {
        if (settings.eval_strategy == STRATEGY_NO)
            error_set(error, STATUS_INPUT,
                      "%s: the trials are compared by their evaluations: set eval_file and eval_strategy (\"epoch\" or "
                      "\"steps\") in %s",
                      sweep->path, sweep->config);
        else if ((text = settings_text(&settings, error)) && !file_make_folder(sweep->output_dir, error))
            file_replace(path, text, strlen(text), error);
    }
    settings_free(&settings);
    memory_free(text);
    memory_free(path);
    return error->status;
}

Status sweep_prepare(const SweepFile *sweep, int64_t only, Error *error) {
    cJSON *list = NULL;
    char *path = NULL;
    if (!(path = file_join(sweep->output_dir, LIST_NAME, error)) || !(list = list_trials(sweep, error)) ||
        compare_lists(sweep, list, path, error))
        goto cleanup;
    for (int64_t i = only < 0 ? 0 : only; i < (only < 0 ? sweep->trials : only + 1); i++)
        if (write_trial(sweep, i, error)) goto cleanup;
    json_save(list, path, false, error);
cleanup:
    cJSON_Delete(list);
    memory_free(path);
    return error->status;
}
