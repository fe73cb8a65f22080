/* The log of a run: the history that checkpoints keep, the files that follow it, and lines for people. */
#include "linnet/train/runlog.h"
#include "linnet/core/integers.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/text.h"
#include "linnet/evaluate/score_json.h"
#include "linnet/report/metrics_files.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUMMARY_MARK "train_runtime" /* a field that only the summary has */
#define SPEED "samples_per_second"
#define PEOPLE_LINE 1024 /* bytes: more than all fields of an event need */

enum { RUNLOG_FILES = 3 };

struct RunLog {
    cJSON *history;
    EventFile *files[RUNLOG_FILES];
    size_t count;
};

/** *history: the events of `events` (an array, or NULL) up to step `last`, copied. */
static Status copy_history(cJSON **history, const cJSON *events, int64_t last, Error *error) {
    *history = cJSON_CreateArray();
    bool complete = *history;
    const cJSON *event;
    cJSON_ArrayForEach(event, events) {
        const cJSON *step = cJSON_GetObjectItemCaseSensitive(event, "step");
        if (cJSON_IsNumber(step) && step->valuedouble > (double)last) continue;
        if (cJSON_GetObjectItemCaseSensitive(event, SUMMARY_MARK)) continue; /* the resumed run is not at its end */
        cJSON *copy = cJSON_Duplicate(event, true);
        complete = complete && cJSON_AddItemToArray(*history, copy);
    }
    return complete ? STATUS_OK : error_set(error, STATUS_FAILURE, "out of memory for the log history");
}

/* The first failure counts; each file gets what it can. */
Status runlog_catch_up(RunLog *log, Error *error) {
    for (size_t i = 0; i < log->count; i++) {
        Error failure = {0};
        if (event_file_catch_up(log->files[i], &failure)) error_set(error, failure.status, "%s", failure.message);
    }
    return error->status;
}

bool runlog_is_behind(const RunLog *log) {
    bool behind = false;
    for (size_t i = 0; i < log->count; i++) behind = behind || event_file_is_behind(log->files[i]);
    return behind;
}

Status runlog_open(RunLog **log, const char *folder, const cJSON *history, int64_t resumed_step, Error *error) {
    *log = NULL;
    RunLog *opened = memory_allocate(1, sizeof *opened, error);
    EventFile *file = NULL;
    /* The history is what the resumed run has done. The file may hold more: events after the checkpoint, or half a
     * line. */
    if (opened && !copy_history(&opened->history, history, resumed_step, error) &&
        !metrics_jsonl_open(&file, folder, opened->history, error)) {
        runlog_add_file(opened, file);
        *log = opened;
        opened = NULL;
    }
    runlog_close(opened);
    return error->status;
}

void runlog_add_file(RunLog *log, EventFile *file) {
    assert(log->count < RUNLOG_FILES);
    log->files[log->count++] = file;
}

/* Scores that come behind an evaluation's speed are for files alone. */
static bool ends_the_line(const char *field) {
    return strncmp(field, "eval_", 5) == 0 && text_ends_with(field, SPEED);
}

/** "step 10  epoch 0.5  loss 1.0432  …" */
static void print_for_people(const cJSON *event) {
    char line[PEOPLE_LINE] = "";
    size_t used = 0;
    const cJSON *field;
    cJSON_ArrayForEach(field, event) {
        if (used >= sizeof line) break;
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s %.6g", used > 0 ? "  " : "", field->string,
                                 cJSON_IsNull(field) ? NAN : field->valuedouble);
        if (ends_the_line(field->string)) break;
    }
    log_info("%s", line);
}

Status runlog_add(RunLog *log, cJSON *event, Error *error) {
    if (!event || !cJSON_AddItemToArray(log->history, event)) {
        cJSON_Delete(event);
        return error_set(error, STATUS_FAILURE, "out of memory for an event of the log");
    }
    print_for_people(event);
    return runlog_catch_up(log, error);
}

bool runlog_has_evaluation(const RunLog *log, const char *field, int64_t step) {
    const cJSON *event;
    cJSON_ArrayForEach(event, log->history) {
        const cJSON *of = cJSON_GetObjectItemCaseSensitive(event, "step");
        if (cJSON_GetObjectItemCaseSensitive(event, field) && cJSON_IsNumber(of) && of->valuedouble == (double)step)
            return true;
    }
    return false;
}

const cJSON *runlog_history(const RunLog *log) {
    return log->history;
}

void runlog_close(RunLog *log) {
    if (!log) return;
    for (size_t i = 0; i < log->count; i++) event_file_close(log->files[i]);
    cJSON_Delete(log->history);
    memory_free(log);
}

typedef struct {
    const char *name;
    double value;
} EventField;

/** Null for a number that JSON does not have. NULL if out of memory, which runlog_add() reports. */
static cJSON *make_event(const EventField *fields, size_t count) {
    cJSON *event = cJSON_CreateObject();
    for (size_t i = 0; i < count; i++) {
        if (score_json_number(event, fields[i].name, fields[i].value)) continue;
        cJSON_Delete(event);
        return NULL;
    }
    return event;
}

cJSON *runlog_train_event(int64_t step, double epoch, double loss, double grad_norm, double rate,
                          double tokens_per_second, double samples_per_second) {
    const EventField fields[] = {{"step", (double)step},
                                 {"epoch", epoch},
                                 {"loss", loss},
                                 {"grad_norm", grad_norm},
                                 {"learning_rate", rate},
                                 {"tokens_per_second", tokens_per_second},
                                 {"samples_per_second", samples_per_second}};
    return make_event(fields, sizeof fields / sizeof *fields);
}

static bool add_prefixed(cJSON *event, const char *prefix, const char *name, double value) {
    char field[SCORE_NAME_TEXT];
    snprintf(field, sizeof field, "%s%s", prefix, name);
    return score_json_number(event, field, value);
}

cJSON *runlog_eval_event(int64_t step, double epoch, const char *prefix, const ScoreList *scores, double seconds,
                         int64_t samples) {
    const EventField fields[] = {{"step", (double)step}, {"epoch", epoch}};
    cJSON *event = make_event(fields, sizeof fields / sizeof *fields);
    if (event && score_json_add(event, prefix, scores, 0, scores->for_people) &&
        add_prefixed(event, prefix, "runtime", seconds) &&
        add_prefixed(event, prefix, SPEED, seconds > 0 ? (double)samples / seconds : 0) &&
        score_json_add(event, prefix, scores, scores->for_people, scores->count))
        return event;
    cJSON_Delete(event);
    return NULL;
}

cJSON *runlog_summary_event(int64_t step, double epoch, double loss, double seconds, double samples_per_second,
                            double steps_per_second) {
    const EventField fields[] = {{"step", (double)step},
                                 {"epoch", epoch},
                                 {"train_loss", loss},
                                 {SUMMARY_MARK, seconds},
                                 {"train_samples_per_second", samples_per_second},
                                 {"train_steps_per_second", steps_per_second}};
    return make_event(fields, sizeof fields / sizeof *fields);
}
