/* The log of a run: metrics.jsonl, lines for people, and the history that checkpoints keep. */
#include "linnet/train/runlog.h"
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUNLOG_NAME "metrics.jsonl"
#define SUMMARY_MARK "train_runtime" /* a field that only the summary has */
#define PEOPLE_LINE 1024             /* bytes: more than all fields of an event need */

struct RunLog {
    char *path;
    int file; /* −1: not open */
    cJSON *history;
    const cJSON *written; /* the last event of the history that the file holds; NULL: none */
    off_t length;         /* bytes of the file up to there */
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

static Status write_failed(const RunLog *log, Error *error) {
    return error_set(error, STATUS_FAILURE, "%s: cannot write: %s", log->path, strerror(errno));
}

/** Whether the open file is still the one at the path: somebody may have moved or removed the folder. */
static bool is_in_place(const RunLog *log) {
    struct stat opened, named;
    return log->file >= 0 && fstat(log->file, &opened) == 0 && stat(log->path, &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/** Start a new, empty file. */
static Status open_file(RunLog *log, Error *error) {
    if (log->file >= 0) close(log->file);
    log->written = NULL;
    log->length = 0;
    log->file = open(log->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0666);
    return log->file < 0 ? write_failed(log, error) : STATUS_OK;
}

/** Write one event as a line, at once, for readers that follow the file. An incomplete line is removed again. */
static Status write_line(RunLog *log, const cJSON *event, Error *error) {
    char *line = cJSON_PrintUnformatted(event);
    if (!line) return error_set(error, STATUS_FAILURE, "%s: out of memory for a line", log->path);
    size_t length = strlen(line), done = 0;
    line[length++] = '\n'; /* in place of the closing zero */
    while (done < length) {
        ssize_t count = pwrite(log->file, line + done, length - done, log->length + (off_t)done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) break;
        done += (size_t)count;
    }
    if (done == length) {
        log->length += (off_t)length;
        log->written = event;
    } else {
        write_failed(log, error);
        if (ftruncate(log->file, log->length))
            error_set(error, STATUS_FAILURE, "%s: cannot remove an incomplete line", log->path);
    }
    cJSON_free(line);
    return error->status;
}

Status runlog_catch_up(RunLog *log, Error *error) {
    if (!is_in_place(log) && open_file(log, error)) return error->status;
    const cJSON *event = log->written ? log->written->next : log->history->child;
    for (; event && !error->status; event = event->next) write_line(log, event, error);
    return error->status;
}

bool runlog_is_behind(const RunLog *log) {
    return log->written ? log->written->next : log->history->child;
}

Status runlog_open(RunLog **log, const char *folder, const cJSON *history, int64_t resumed_step, Error *error) {
    *log = NULL;
    RunLog *opened = memory_allocate(1, sizeof *opened, error);
    if (!opened) return error->status;
    opened->file = -1;
    opened->path = file_join(folder, RUNLOG_NAME, error);
    /* The history is what the resumed run has done. The file may hold more: events after the checkpoint, or half a
     * line. */
    if (opened->path && !copy_history(&opened->history, history, resumed_step, error) && !open_file(opened, error) &&
        !runlog_catch_up(opened, error)) {
        *log = opened;
        opened = NULL;
    }
    runlog_close(opened);
    return error->status;
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
    }
    log_info("%s", line);
}

Status runlog_add(RunLog *log, cJSON *event, Error *error) {
    if (!event || !cJSON_AddItemToArray(log->history, event)) {
        cJSON_Delete(event);
        return error_set(error, STATUS_FAILURE, "%s: out of memory for an event", log->path);
    }
    print_for_people(event);
    return runlog_catch_up(log, error);
}

bool runlog_has_evaluation(const RunLog *log, int64_t step) {
    const cJSON *event;
    cJSON_ArrayForEach(event, log->history) {
        const cJSON *of = cJSON_GetObjectItemCaseSensitive(event, "step");
        if (cJSON_GetObjectItemCaseSensitive(event, "eval_loss") && cJSON_IsNumber(of) &&
            of->valuedouble == (double)step)
            return true;
    }
    return false;
}

const cJSON *runlog_history(const RunLog *log) {
    return log->history;
}

void runlog_close(RunLog *log) {
    if (!log) return;
    if (log->file >= 0) close(log->file);
    cJSON_Delete(log->history);
    memory_free(log->path);
    memory_free(log);
}

typedef struct {
    const char *name;
    double value;
} EventField;

/** Null for a number that JSON does not have. */
static bool add_number(cJSON *event, const EventField *field) {
    return isfinite(field->value) ? cJSON_AddNumberToObject(event, field->name, field->value)
                                  : cJSON_AddNullToObject(event, field->name);
}

/** NULL if out of memory, which runlog_add() reports. */
static cJSON *make_event(const EventField *fields, size_t count) {
    cJSON *event = cJSON_CreateObject();
    for (size_t i = 0; i < count; i++) {
        if (add_number(event, &fields[i])) continue;
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
                                 {SUMMARY_MARK, seconds},
                                 {"train_samples_per_second", samples_per_second},
                                 {"train_steps_per_second", steps_per_second}};
    return make_event(fields, sizeof fields / sizeof *fields);
}
