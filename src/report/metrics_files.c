/* The log of a run as JSON Lines and as CSV. */
#include "linnet/report/metrics_files.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include <stdlib.h>
#include <string.h>

/* The columns of metrics.csv: the fields of training, those of evaluations, which depend on labels and files, and those
 * of the summary (runlog.h), in their order. */
static const char *const FIRST[] = {
    "step", "epoch", "loss", "grad_norm", "learning_rate", "tokens_per_second", "samples_per_second"};
static const char *const LAST[] = {"train_loss", "train_runtime", "train_samples_per_second", "train_steps_per_second"};
enum { FIRST_COUNT = sizeof FIRST / sizeof *FIRST, LAST_COUNT = sizeof LAST / sizeof *LAST };

static bool print_json(FILE *stream, const cJSON *event, const cJSON *context) {
    (void)context;
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

/* `columns`: their names. */
static bool print_row(FILE *stream, const cJSON *event, const cJSON *columns) {
    const cJSON *column;
    cJSON_ArrayForEach(column, columns) {
        if (column != columns->child) fputc(',', stream);
        if (!print_cell(stream, cJSON_GetObjectItemCaseSensitive(event, column->valuestring))) return false;
    }
    fputc('\n', stream);
    return true;
}

static Status open_in(EventFile **file, const char *folder, const char *name, EventFilePlan plan, Error *error) {
    char *path = file_join(folder, name, error);
    plan.path = path;
    *file = NULL;
    if (path)
        event_file_open(file, &plan, error);
    else
        cJSON_Delete(plan.context);
    memory_free(path);
    return error->status;
}

Status metrics_jsonl_open(EventFile **file, const char *folder, const cJSON *events, Error *error) {
    return open_in(file, folder, METRICS_JSONL, (EventFilePlan){.events = events, .print = print_json}, error);
}

static bool add_column(cJSON *columns, const char *name) {
    return cJSON_AddItemToArray(columns, cJSON_CreateString(name));
}

static bool has_column(const cJSON *columns, const char *name) {
    const cJSON *column;
    cJSON_ArrayForEach(column, columns) {
        if (strcmp(column->valuestring, name) == 0) return true;
    }
    return false;
}

/* The fields of evaluations that are no columns yet. */
static bool add_evaluations(cJSON *columns, const cJSON *events) {
    bool complete = true;
    const cJSON *event, *field;
    cJSON_ArrayForEach(event, events) {
        cJSON_ArrayForEach(field, event) {
            const bool is_new = strncmp(field->string, "eval_", 5) == 0 && !has_column(columns, field->string);
            complete = complete && (!is_new || add_column(columns, field->string));
        }
    }
    return complete;
}

/* The names of the columns, an array: those of the evaluations to come, and of earlier ones that a resumed run has
 * made of other files. NULL if out of memory. */
static cJSON *name_columns(const cJSON *evaluations, const cJSON *events) {
    cJSON *columns = cJSON_CreateArray();
    bool complete = columns;
    for (size_t i = 0; i < FIRST_COUNT && complete; i++) complete = add_column(columns, FIRST[i]);
    complete = complete && add_evaluations(columns, evaluations) && add_evaluations(columns, events);
    for (size_t i = 0; i < LAST_COUNT && complete; i++) complete = add_column(columns, LAST[i]);
    if (complete) return columns;
    cJSON_Delete(columns);
    return NULL;
}

/* A name of a label may have any character (RFC 4180). */
static void print_name(FILE *stream, const char *name) {
    const bool quoted = strpbrk(name, ",\"\r\n");
    if (quoted) fputc('"', stream);
    for (; *name; name++) fprintf(stream, "%s%c", *name == '"' ? "\"" : "", *name);
    if (quoted) fputc('"', stream);
}

static void print_header(FILE *stream, const cJSON *columns) {
    const cJSON *column;
    cJSON_ArrayForEach(column, columns) {
        print_name(stream, column->valuestring);
        fputc(column->next ? ',' : '\n', stream);
    }
}

Status metrics_csv_open(EventFile **file, const char *folder, const cJSON *events, const cJSON *evaluations,
                        Error *error) {
    char *header = NULL;
    size_t size = 0;
    cJSON *columns = name_columns(evaluations, events);
    FILE *stream = columns ? open_memstream(&header, &size) : NULL;
    *file = NULL;
    if (stream) print_header(stream, columns);
    const bool complete = stream && !ferror(stream);
    if (stream && fclose(stream) == 0 && complete) {
        const EventFilePlan plan = {
            .start = header, .start_size = size, .events = events, .print = print_row, .context = columns};
        open_in(file, folder, METRICS_CSV, plan, error);
    } else {
        cJSON_Delete(columns);
        error_set(error, STATUS_FAILURE, "out of memory for the columns of " METRICS_CSV);
    }
    free(header);
    return error->status;
}
