/* The list of a sweep's trials in its folder. See trial_list.h. */
#include "sweep/trial_list.h"
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "sweep/trial.h"

#define LIST_NAME "trials.json"

/* The list of all trials. NULL: out of memory. */
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

/* The trials of `before` must be the first ones of `list`. */
static Status compare_lists(const SweepFile *sweep, const cJSON *before, const cJSON *list, const char *path,
                            Error *error) {
    const cJSON *own = list->child, *item;
    bool alike = cJSON_IsArray(before) && cJSON_GetArraySize(before) <= cJSON_GetArraySize(list);
    cJSON_ArrayForEach(item, before) {
        alike = alike && own && cJSON_Compare(item, own, true);
        own = own ? own->next : NULL;
    }
    if (alike) return STATUS_OK;
    return error_set(error, STATUS_INPUT,
                     "%s has the trials of another sweep (%s): give another output_dir, or remove that folder",
                     sweep->output_dir, path);
}

Status trial_list_check(const SweepFile *sweep, Error *error) {
    char *path = file_join(sweep->output_dir, LIST_NAME, error);
    cJSON *before = NULL, *list = NULL;
    if (path && file_exists(path) && !json_load(&before, path, error) && (list = list_trials(sweep, error)))
        compare_lists(sweep, before, list, path, error);
    cJSON_Delete(before);
    cJSON_Delete(list);
    memory_free(path);
    return error->status;
}

Status trial_list_save(const SweepFile *sweep, Error *error) {
    char *path = file_join(sweep->output_dir, LIST_NAME, error);
    cJSON *list = path ? list_trials(sweep, error) : NULL;
    if (list) json_save(list, path, false, error);
    cJSON_Delete(list);
    memory_free(path);
    return error->status;
}
