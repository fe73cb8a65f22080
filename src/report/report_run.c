/* Read a run's log, settings and state from its output folder. */
#include "report/report_run.h"
#include "linnet/checkpoint/checkpoint.h"
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/lock.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/model/adapter.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOG_NAME "metrics.jsonl"

double event_number(const cJSON *event, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(event, key);
    return cJSON_IsNumber(item) && isfinite(item->valuedouble) ? item->valuedouble : NAN;
}

static bool has(const cJSON *event, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(event, key);
}

const char *run_setting_text(const Run *run, const char *key) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(run->settings, key));
}

/* --- The log ------------------------------------------------------------------------------------------------------ */

#define STEP_MAX 9007199254740991.0 /* 2^53 − 1: up to there a double is exact */

/* Add a line of the log. One that is no object with a step is left out and counted: a run that was killed may leave the
 * last one incomplete. */
static Status add_line(Run *run, const char *line, size_t size, const char *path, int64_t number, Error *error) {
    Error damage = {0};
    cJSON *event = NULL;
    const bool parsed = json_parse(&event, line, size, path, &damage) == STATUS_OK;
    const double step = parsed ? event_number(event, "step") : NAN;
    if (!(step >= 0.0 && step <= STEP_MAX)) {
        log_warning("%s: line %" PRId64 " is incomplete or damaged: left out", path, number);
        run->damaged_lines++;
        cJSON_Delete(event);
        return STATUS_OK;
    }
    if (cJSON_AddItemToArray(run->log, event)) return STATUS_OK;
    cJSON_Delete(event);
    return error_set(error, STATUS_FAILURE, "%s: out of memory", path);
}

/* The summary, and the last evaluation. */
static void find_events(Run *run) {
    const cJSON *event;
    cJSON_ArrayForEach(event, run->log) {
        if (has(event, "train_loss")) run->summary = event;
        if (has(event, "eval_loss")) run->last_evaluation = event;
    }
}

static Status read_log(Run *run, Error *error) {
    char *path = file_join(run->path, LOG_NAME, error), *text = NULL;
    size_t length = 0;
    struct stat about;
    if (path && !file_exists(path))
        error_set(error, STATUS_INPUT, "%s has no " LOG_NAME ": give the output_dir of a run of linnet train",
                  run->path);
    if (!error->status && !file_read(path, &text, &length, error)) {
        run->log = cJSON_CreateArray();
        if (stat(path, &about) == 0) run->last_written = about.st_mtime;
        int64_t number = 0;
        for (size_t at = 0, size; at < length && !error->status; at += size + 1) {
            const char *end = memchr(text + at, '\n', length - at); /* a damaged file may have zero bytes */
            size = end ? (size_t)(end - text) - at : length - at;
            number++;
            if (size > 0) add_line(run, text + at, size, path, number, error);
        }
    }
    memory_free(text);
    memory_free(path);
    return error->status;
}

Status run_series(const Run *run, const char *key, Series *series, Error *error) {
    const size_t most = (size_t)cJSON_GetArraySize(run->log);
    *series = (Series){.step = memory_allocate(most + 1, sizeof(double), error),
                       .value = memory_allocate(most + 1, sizeof(double), error)};
    const cJSON *event;
    if (error->status) return error->status;
    cJSON_ArrayForEach(event, run->log) {
        if (event == run->summary) break; /* an evaluation after it is that of the best model, and not of this step */
        if (!has(event, key)) continue;
        series->step[series->count] = event_number(event, "step");
        series->value[series->count++] = event_number(event, key);
    }
    return STATUS_OK;
}

Problem run_problem(const Run *run) {
    const cJSON *event = run->last_evaluation;
    if (event && cJSON_HasObjectItem(event, "eval_rmse")) return PROBLEM_REGRESSION;
    if (event && cJSON_HasObjectItem(event, "eval_average_precision")) return PROBLEM_MULTI_LABEL;
    return PROBLEM_SINGLE_LABEL;
}

bool run_is_language(const Run *run) {
    return run->last_evaluation && cJSON_HasObjectItem(run->last_evaluation, "eval_perplexity");
}

void series_free(Series *series) {
    memory_free(series->step);
    memory_free(series->value);
    *series = (Series){0};
}

/* --- Settings and state ------------------------------------------------------------------------------------------- */

/* A file that is missing or damaged leaves its part of the page empty. */
static void forgive(const Run *run, const Error *failure, const char *what) {
    if (failure->status) log_warning("%s: the report of %s is without %s", failure->message, run->path, what);
}

static void read_settings(Run *run) {
    Error failure = {0};
    char *path = file_join(run->path, "config.resolved.json", &failure);
    if (path && json_load(&run->settings, path, &failure)) {
        cJSON_Delete(run->settings);
        run->settings = NULL;
    }
    forgive(run, &failure, "its settings");
    memory_free(path);
}

/* The state that a folder keeps, if it is this run's. */
static bool take_state(Run *run, const char *folder, bool checkpoint, Error *failure) {
    const Status status = checkpoint ? run_state_read(folder, &run->state, &run->parts, failure)
                                     : run_state_read_own(folder, &run->state, &run->parts, failure);
    run->has_model = status == STATUS_OK && strcmp(run->state.run.id, run->record.id) == 0;
    if (!run->has_model) {
        run_state_parts_free(&run->parts);
        run->state = (RunState){0};
    }
    return run->has_model;
}

static void read_final_state(Run *run) {
    Error failure = {0};
    const bool adapter = adapter_is_in(run->path);
    if (!file_is_in(run->path, RUN_STATE_FILE) || !(adapter || file_is_in(run->path, "config.json"))) return;
    if (take_state(run, run->path, false, &failure)) {
        const cJSON *digest =
            cJSON_GetObjectItemCaseSensitive(run->parts.digests, adapter ? ADAPTER_VALUES_FILE : "model.safetensors");
        if (cJSON_IsString(digest)) snprintf(run->model_digest, sizeof run->model_digest, "%s", digest->valuestring);
    }
    forgive(run, &failure, "its final model");
}

/* Of a run without a final model: its newest checkpoint. */
static void read_checkpoint_state(Run *run) {
    Error failure = {0};
    CheckpointList list = {0};
    const int64_t step = checkpoint_list(&list, run->path, &failure) ? 0 : checkpoint_newest(&list, run->record.id);
    char *folder = step > 0 ? checkpoint_path(run->path, step, &failure) : NULL;
    if (folder && take_state(run, folder, true, &failure)) run->total_steps = run->state.total;
    forgive(run, &failure, "its newest checkpoint");
    memory_free(folder);
    checkpoint_list_free(&list);
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

static Status name_run(Run *run, const char *path, Error *error) {
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') start--;
    if (start == end) start = 0; /* "/" */
    snprintf(run->name, sizeof run->name, "%.*s", (int)(end - start), path + start);
    if (strcmp(run->name, ".") != 0 && strcmp(run->name, "..") != 0) return STATUS_OK;
    char *real = realpath(path, NULL);
    if (!real) return file_fail(error, path, "open");
    const char *slash = strrchr(real, '/');
    snprintf(run->name, sizeof run->name, "%s", slash && slash[1] ? slash + 1 : real);
    free(real);
    return STATUS_OK;
}

Status run_read(Run *run, const char *path, Error *error) {
    Error failure = {0};
    *run = (Run){.path = path};
    if (!file_exists(path)) return error_set(error, STATUS_INPUT, "%s: does not exist", path);
    if (!file_is_folder(path))
        return error_set(error, STATUS_INPUT, "%s is not a folder: give the output_dir of a run of linnet train", path);
    if (name_run(run, path, error) || read_log(run, error)) return error->status;
    read_settings(run);
    run_choose_file(run);
    find_events(run);
    run_record_read(&run->record, path, &failure);
    forgive(run, &failure, "its start");
    run->progress = lock_is_held(path) ? RUN_UNDER_WAY : RUN_STOPPED;
    read_final_state(run);
    if (run->summary && run->has_model) run->progress = RUN_FINISHED;
    if (!run->has_model) read_checkpoint_state(run);
    if (run->summary) run->total_steps = (int64_t)event_number(run->summary, "step");
    return STATUS_OK;
}

void run_free(Run *run) {
    run_free_texts(run);
    run_free_predictions(&run->predictions);
    run_state_parts_free(&run->parts);
    cJSON_Delete(run->log);
    cJSON_Delete(run->settings);
    *run = (Run){0};
}
