/* The log of a run as JSON Lines and as CSV. */
#include "linnet/report/metrics_files.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include <string.h>

/* The columns of metrics.csv: the fields of all events (runlog.h), in their order. */
static const char *const COLUMNS[] = {"step",
                                      "epoch",
                                      "loss",
                                      "grad_norm",
                                      "learning_rate",
                                      "tokens_per_second",
                                      "samples_per_second",
                                      "eval_loss",
                                      "eval_accuracy",
                                      "eval_f1",
                                      "eval_runtime",
                                      "eval_samples_per_second",
                                      "train_loss",
                                      "train_runtime",
                                      "train_samples_per_second",
                                      "train_steps_per_second"};
enum { COLUMN_COUNT = sizeof COLUMNS / sizeof *COLUMNS, HEADER_SIZE = 512 };

static bool print_json(FILE *stream, const cJSON *event) {
    char *text = cJSON_PrintUnformatted(event);
    if (!text) return false;
    fprintf(stream, "%s\n", text);
    cJSON_free(text);
    return true;
}

/* With the digits of metrics.jsonl. */
static bool print_cell(FILE *stream, const cJSON *value) {
    if (!value || cJSON_IsNull(value)) {
        fputs(value ? "NaN" : "", stream);
        return true;
    }
    char *text = cJSON_PrintUnformatted(value);
    if (!text) return false;
    fputs(text, stream);
    cJSON_free(text);
    return true;
}

static bool print_row(FILE *stream, const cJSON *event) {
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (i > 0) fputc(',', stream);
        if (!print_cell(stream, cJSON_GetObjectItemCaseSensitive(event, COLUMNS[i]))) return false;
    }
    fputc('\n', stream);
    return true;
}

static Status open_in(EventFile **file, const char *folder, const char *name, EventFilePlan plan, Error *error) {
    char *path = file_join(folder, name, error);
    plan.path = path;
    *file = NULL;
    if (path) event_file_open(file, &plan, error);
    memory_free(path);
    return error->status;
}

Status metrics_jsonl_open(EventFile **file, const char *folder, const cJSON *events, Error *error) {
    return open_in(file, folder, METRICS_JSONL, (EventFilePlan){.events = events, .print = print_json}, error);
}

Status metrics_csv_open(EventFile **file, const char *folder, const cJSON *events, Error *error) {
    char header[HEADER_SIZE];
    size_t used = 0;
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        used += (size_t)snprintf(header + used, sizeof header - used, "%s%c", COLUMNS[i],
                                 i + 1 < COLUMN_COUNT ? ',' : '\n');
    const EventFilePlan plan = {.start = header, .start_size = used, .events = events, .print = print_row};
    return open_in(file, folder, METRICS_CSV, plan, error);
}
