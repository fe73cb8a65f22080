#include "linnet/runlog.h"
#include "linnet/file.h"
#include "linnet/log.h"
#include "linnet/memory.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNLOG_NAME "metrics.jsonl"
#define PEOPLE_LINE 1024 /* bytes: more than all fields of an event need */

struct RunLog {
    char *path;
    FILE *file;
    cJSON *history;
};

/** *history: the events of `events` (an array, or NULL) up to step `last`, copied. */
static Status copy_history(cJSON **history, const cJSON *events, int64_t last, Error *error) {
    *history = cJSON_CreateArray();
    bool whole = *history != NULL;
    const cJSON *event;
    cJSON_ArrayForEach(event, events) {
        const cJSON *step = cJSON_GetObjectItemCaseSensitive(event, "step");
        if (cJSON_IsNumber(step) && step->valuedouble > (double)last) continue;
        cJSON *copy = cJSON_Duplicate(event, true);
        whole = whole && cJSON_AddItemToArray(*history, copy);
    }
    return whole ? STATUS_OK : error_set(error, STATUS_FAILURE, "out of memory for the log history");
}

static Status write_failed(const RunLog *log, Error *error) {
    return error_set(error, STATUS_FAILURE, "%s: cannot be written: %s", log->path, strerror(errno));
}

/** Write one event as a line; flushed, so that whoever follows the file sees it at once. */
static Status write_line(RunLog *log, const cJSON *event, Error *error) {
    char *line = cJSON_PrintUnformatted(event);
    if (!line) return error_set(error, STATUS_FAILURE, "%s: out of memory for a line", log->path);
    if (fprintf(log->file, "%s\n", line) < 0 || fflush(log->file)) write_failed(log, error);
    cJSON_free(line);
    return error->status;
}

Status runlog_open(RunLog **log, const char *folder, const cJSON *history, int64_t resumed_step, Error *error) {
    *log = NULL;
    RunLog *opened = memory_allocate(1, sizeof *opened, error);
    if (!opened) return error->status;
    opened->path = file_join(folder, RUNLOG_NAME, error);
    if (!opened->path || copy_history(&opened->history, history, resumed_step, error)) goto cleanup;
    /* The checkpoint's history is what the run has done; whatever else the file holds came after it, or was cut
     * off. */
    opened->file = fopen(opened->path, "w");
    if (!opened->file) {
        write_failed(opened, error);
        goto cleanup;
    }
    const cJSON *event;
    cJSON_ArrayForEach(event, opened->history) if (write_line(opened, event, error)) goto cleanup;
    *log = opened;
    opened = NULL;
cleanup:
    runlog_close(opened);
    return error->status;
}

/** "step 10  epoch 0.5  loss 1.0432  …" */
static void print_for_people(const cJSON *event) {
    char line[PEOPLE_LINE] = "";
    size_t used = 0;
    const cJSON *field;
    cJSON_ArrayForEach(field, event) {
        if (!cJSON_IsNumber(field) || used >= sizeof line) continue;
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s %.6g", used > 0 ? "  " : "", field->string,
                                 field->valuedouble);
    }
    log_info("%s", line);
}

Status runlog_add(RunLog *log, cJSON *event, Error *error) {
    if (!event || !cJSON_AddItemToArray(log->history, event)) {
        cJSON_Delete(event);
        return error_set(error, STATUS_FAILURE, "%s: out of memory for an event", log->path);
    }
    print_for_people(event);
    return write_line(log, event, error);
}

const cJSON *runlog_history(const RunLog *log) {
    return log->history;
}

void runlog_close(RunLog *log) {
    if (!log) return;
    if (log->file) fclose(log->file);
    cJSON_Delete(log->history);
    memory_free(log->path);
    memory_free(log);
}

typedef struct {
    const char *name;
    double value;
} EventField;

/** NULL when memory is short, which runlog_add() reports. */
static cJSON *make_event(const EventField *fields, size_t count) {
    cJSON *event = cJSON_CreateObject();
    for (size_t i = 0; i < count; i++) {
        if (cJSON_AddNumberToObject(event, fields[i].name, fields[i].value)) continue;
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

cJSON *runlog_eval_event(int64_t step, double epoch, const Scores *scores, double seconds, int64_t samples) {
    const EventField fields[] = {{"step", (double)step},
                                 {"epoch", epoch},
                                 {"eval_loss", scores->loss},
                                 {"eval_accuracy", scores->accuracy},
                                 {"eval_f1", scores->f1},
                                 {"eval_runtime", seconds},
                                 {"eval_samples_per_second", seconds > 0 ? (double)samples / seconds : 0}};
    return make_event(fields, sizeof fields / sizeof *fields);
}

cJSON *runlog_summary_event(int64_t step, double epoch, double loss, double seconds, double samples_per_second,
                            double steps_per_second) {
    const EventField fields[] = {{"step", (double)step},
                                 {"epoch", epoch},
                                 {"train_loss", loss},
                                 {"train_runtime", seconds},
                                 {"train_samples_per_second", samples_per_second},
                                 {"train_steps_per_second", steps_per_second}};
    return make_event(fields, sizeof fields / sizeof *fields);
}
