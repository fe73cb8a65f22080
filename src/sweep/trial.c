/* One trial: its settings and what its run says. See trial.h. */
#include "sweep/trial.h"
#include "linnet/checkpoint/run_status.h"
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/lock.h"
#include "linnet/core/memory.h"
#include "linnet/report/metrics_files.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

char *trial_path(const SweepFile *sweep, int64_t number, const char *end, Error *error) {
    char name[64];
    snprintf(name, sizeof name, "trial-%03lld%s", (long long)number, end);
    return file_join(sweep->output_dir, name, error);
}

cJSON *trial_values(const SweepFile *sweep, int64_t number) {
    const int64_t seeds = sweep_seeds(sweep), configuration = number / seeds;
    cJSON *values = cJSON_CreateObject();
    bool complete = values;
    for (size_t i = 0; i < sweep->parameter_count && complete; i++)
        complete = cJSON_AddItemToObject(values, sweep->parameters[i].key, sweep_value(sweep, configuration, i));
    if (complete && sweep->seeds)
        complete = cJSON_AddItemToObject(
            values, "seed", cJSON_Duplicate(cJSON_GetArrayItem(sweep->seeds, (int)(number % seeds)), true));
    if (complete) return values;
    cJSON_Delete(values);
    return NULL;
}

/* "--key=JSON", freed with memory_free(). */
static char *override_of(const char *key, const cJSON *value, Error *error) {
    char number[JSON_REAL_TEXT], *json = NULL, *text = NULL;
    if (cJSON_IsNumber(value))
        json_real_text(value->valuedouble, number); /* cJSON may round the last digits */
    else if (!(json = cJSON_PrintUnformatted(value)))
        error_set(error, STATUS_FAILURE, "out of memory for a setting");
    if (!error->status) {
        const size_t size = strlen(key) + strlen(json ? json : number) + sizeof "--=";
        text = memory_allocate(size, 1, error);
        if (text) snprintf(text, size, "--%s=%s", key, json ? json : number);
    }
    cJSON_free(json);
    return text;
}

/* overrides [parameter_count + 3] of the trial; their number. */
static size_t list_overrides(const SweepFile *sweep, int64_t number, char **overrides, Error *error) {
    size_t count = 0;
    cJSON *values = trial_values(sweep, number), *resume = cJSON_CreateStringReference("auto"), *folder = NULL;
    char *path = trial_path(sweep, number, "", error);
    const cJSON *value;
    if (path) folder = cJSON_CreateStringReference(path);
    if (!values || !resume || !folder) error_set(error, STATUS_FAILURE, "out of memory for the settings of a trial");
    cJSON_ArrayForEach(value, values) overrides[count++] = override_of(value->string, value, error);
    if (folder) overrides[count++] = override_of("output_dir", folder, error);
    if (resume) overrides[count++] = override_of("resume_from_checkpoint", resume, error);
    cJSON_Delete(values);
    cJSON_Delete(resume);
    cJSON_Delete(folder);
    memory_free(path);
    return count;
}

Status trial_settings(const SweepFile *sweep, int64_t number, Settings *settings, Error *error) {
    Error failure = {0};
    char **overrides = memory_allocate(sweep->parameter_count + 3, sizeof *overrides, error);
    if (!overrides) return error->status;
    size_t count = list_overrides(sweep, number, overrides, error);
    Status (*load)(Settings *, const char *, const char *const *, size_t, Error *) =
        number == 0 ? settings_load : settings_load_again; /* one warning is enough */
    if (!error->status && load(settings, sweep->config, (const char *const *)overrides, count, &failure) != STATUS_OK)
        error_set(error, failure.status, "trial %lld of %s: %s", (long long)number, sweep->path, failure.message);
    for (size_t i = 0; i < count; i++) memory_free(overrides[i]);
    memory_free(overrides);
    return error->status;
}

/* Keep the scores of an event in place of those of the evaluation before; false: out of memory. *evaluates: there are
 * any. Each evaluation file has an event of its own. */
static bool keep_figures(Trial *trial, const cJSON *event, bool *evaluates) {
    const cJSON *item;
    bool complete = true;
    *evaluates = false;
    cJSON_ArrayForEach(item, event) {
        if (strncmp(item->string, "eval_", strlen("eval_")) != 0) continue;
        *evaluates = true;
        if (!trial->figures) trial->figures = cJSON_CreateObject();
        cJSON_DeleteItemFromObjectCaseSensitive(trial->figures, item->string);
        complete = cJSON_AddItemToObject(trial->figures, item->string, cJSON_Duplicate(item, true)) && complete;
    }
    return complete;
}

/* What is read of a log. */
typedef struct {
    bool ended;        /* training has: what follows is the evaluation of the best model */
    int64_t evaluated; /* the first step with an evaluation; 0: none yet */
} LogState;

/* Add an event of the log. */
static Status add_event(const SweepFile *sweep, Trial *trial, const cJSON *event, LogState *log, Error *error) {
    const cJSON *step = cJSON_GetObjectItemCaseSensitive(event, "step");
    const cJSON *metric = cJSON_GetObjectItemCaseSensitive(event, sweep->metric);
    bool evaluates;
    if (cJSON_IsNumber(step)) trial->step = (int64_t)step->valuedouble;
    if (cJSON_GetObjectItemCaseSensitive(event, "train_runtime")) log->ended = true;
    if (trial->step == 0) return STATUS_OK;
    if (!keep_figures(trial, event, &evaluates))
        return error_set(error, STATUS_FAILURE, "out of memory for the figures of a trial");
    if (evaluates && log->evaluated == 0) log->evaluated = trial->step;
    if (!metric) return STATUS_OK;
    trial->last = cJSON_IsNumber(metric) ? metric->valuedouble : NAN; /* null in the log: not a finite number */
    if (log->ended) return STATUS_OK;
    double *values =
        memory_resize(trial->values, trial->count * sizeof *values, trial->count + 1, sizeof *values, error);
    if (!values) return error->status;
    trial->values = values;
    values[trial->count++] = trial->last;
    return STATUS_OK;
}

/* All files of an evaluation have been evaluated, and none gave the metric: that of a label that there is not. */
static Status check_figures(const SweepFile *sweep, const Trial *trial, const LogState *log, Error *error) {
    const bool complete = log->evaluated > 0 && (log->ended || trial->step > log->evaluated);
    if (!complete || cJSON_GetObjectItemCaseSensitive(trial->figures, sweep->metric)) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: metric: the evaluations of the trials have no %s", sweep->path,
                     sweep->metric);
}

/* The complete lines of the log. A line that is damaged counts for nothing: a run that was killed leaves such. */
static Status read_log(const SweepFile *sweep, Trial *trial, const char *path, Error *error) {
    char *text = NULL;
    size_t size;
    LogState state = {0};
    if (file_read(path, &text, &size, error)) return error->status;
    trial->count = 0;
    trial->last = NAN;
    for (char *line = text, *end; !error->status && (end = strchr(line, '\n')); line = end + 1) {
        Error damage = {0};
        cJSON *event = NULL;
        if (json_parse(&event, line, (size_t)(end - line), path, &damage) == STATUS_OK)
            add_event(sweep, trial, event, &state, error);
        cJSON_Delete(event);
    }
    memory_free(text);
    return error->status ? error->status : check_figures(sweep, trial, &state, error);
}

/* The state of the run in a folder whose status is `word`. */
static TrialState state_of(const char *word, const char *folder) {
    if (strcmp(word, "finished") == 0) return TRIAL_FINISHED;
    if (strcmp(word, "none") == 0) return TRIAL_NEW;
    if (strcmp(word, "running") == 0 && lock_is_held(folder)) return TRIAL_RUNNING;
    return strcmp(word, "failed") == 0 ? TRIAL_FAILED : TRIAL_STOPPED; /* "running": it was killed */
}

Status trial_look(const SweepFile *sweep, int64_t number, Trial *trial, Error *error) {
    char *folder = trial_path(sweep, number, "", error);
    char *log = folder ? file_join(folder, METRICS_JSONL, error) : NULL;
    char *status = folder ? run_status_text(folder, error) : NULL;
    const char *word = "none";
    cJSON *tree = NULL;
    if (!error->status && !json_parse(&tree, status, strlen(status), folder, error) &&
        !json_get_text(tree, "status", &word, folder, error)) {
        const int64_t bytes = file_size(log);
        if (!trial->process) trial->state = state_of(word, folder);
        if (bytes != trial->bytes) read_log(sweep, trial, log, error);
        trial->bytes = bytes;
    }
    cJSON_Delete(tree);
    memory_free(status);
    memory_free(log);
    memory_free(folder);
    return error->status;
}

void trial_free(Trial *trial) {
    memory_free(trial->values);
    cJSON_Delete(trial->figures);
    *trial = (Trial){0};
}

Spread trial_spread(const double *values, size_t count) {
    Spread spread = {NAN, NAN, 0};
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(values[i])) continue;
        sum += values[i];
        spread.count++;
    }
    if (spread.count > 0) spread.mean = sum / (double)spread.count;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i])) squares += (values[i] - spread.mean) * (values[i] - spread.mean);
    if (spread.count > 1) spread.deviation = sqrt(squares / (double)(spread.count - 1));
    return spread;
}
