/* Read the predictions of a run's last evaluation. */
#include "linnet/core/escape.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/evaluate/predictions_file.h"
#include "linnet/settings/named_files.h"
#include "report/report_run.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A table in memory that is read line by line, whose cells end at tabs. */
typedef struct {
    const char *path;
    char *next; /* the text from here on has not been read */
    int64_t line;
    char *cell; /* the next cell of the line; NULL: it has no more */
} Table;

static bool next_line(Table *table) {
    if (!*table->next) return false;
    table->cell = table->next;
    char *end = strchr(table->next, '\n');
    table->next = end ? end + 1 : table->next + strlen(table->next);
    if (end) *end = '\0';
    table->line++;
    return true;
}

static char *next_cell(Table *table) {
    char *cell = table->cell;
    char *tab = cell ? strchr(cell, '\t') : NULL;
    if (tab) *tab = '\0';
    table->cell = tab ? tab + 1 : NULL;
    return cell;
}

static Status bad_line(const Table *table, const char *what, Error *error) {
    return error_set(error, STATUS_INPUT, "%s: line %" PRId64 ": %s", table->path, table->line, what);
}

/* row, label, predicted, then the names of the labels. */
static Status read_header(Table *table, RunPredictions *p, Error *error) {
    static const char *const FIRST[] = {"row", "label", "predicted"};
    if (!next_line(table)) return error_set(error, STATUS_INPUT, "%s is empty", table->path);
    for (size_t i = 0; i < 3; i++) {
        const char *cell = next_cell(table);
        if (!cell || strcmp(cell, FIRST[i]) != 0)
            return bad_line(table, "expected the columns row, label, predicted and one for each label", error);
    }
    p->label_names = memory_allocate(METRICS_LABELS_MAX, sizeof *p->label_names, error);
    for (char *name; !error->status && (name = next_cell(table));) {
        if (p->labels == METRICS_LABELS_MAX) return bad_line(table, "more than 1,000 labels", error);
        p->label_names[p->labels++] = memory_text(name, error);
    }
    if (!error->status && p->labels < 2) bad_line(table, "expected a column for each of at least two labels", error);
    return error->status;
}

static int find_label(const RunPredictions *p, const char *name) {
    for (int32_t k = 0; name && k < p->labels; k++)
        if (strcmp(p->label_names[k], name) == 0) return k;
    return -1;
}

static bool read_probability(const char *cell, float *value) {
    char *end = NULL;
    if (!cell) return false;
    const bool null = strcmp(cell, "null") == 0;
    *value = null ? NAN : strtof(cell, &end);
    return null || (end != cell && !*end && *value >= 0.0F && *value <= 1.0F);
}

static Status read_sample(Table *table, RunPredictions *p, Error *error) {
    const int64_t i = p->count;
    char *end = NULL;
    const char *row = next_cell(table);
    errno = 0;
    p->rows[i] = row ? strtoll(row, &end, 10) : -1;
    if (!row || end == row || *end || p->rows[i] < 0 || errno == ERANGE)
        return bad_line(table, "expected a row number first", error);
    const int truth = find_label(p, next_cell(table));
    const char *predicted = next_cell(table);
    /* Where the model's values overflow, evaluation counts the first label. A label may have the name "null". */
    const bool no_number = table->cell && strncmp(table->cell, "null", 4) == 0;
    const int guess = no_number && predicted && strcmp(predicted, "null") == 0 ? 0 : find_label(p, predicted);
    if (truth < 0 || guess < 0) return bad_line(table, "expected two labels of the header after the row", error);
    p->truth[i] = (uint16_t)truth;
    p->guess[i] = (uint16_t)guess;
    for (int32_t k = 0; k < p->labels; k++)
        if (!read_probability(next_cell(table), &p->probabilities[i * p->labels + k]))
            return bad_line(table, "expected a probability from 0 to 1, or null, for each label", error);
    if (table->cell) return bad_line(table, "more cells than the header", error);
    p->metrics->samples++;
    p->metrics->confusion[truth * p->labels + guess]++;
    p->count++;
    return STATUS_OK;
}

static size_t count_lines(const char *text) {
    size_t lines = 1;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

static Status read_table(Table *table, RunPredictions *p, Error *error) {
    const size_t most = count_lines(table->next);
    if (read_header(table, p, error)) return error->status;
    p->rows = memory_allocate(most, sizeof *p->rows, error);
    p->truth = memory_allocate(most, sizeof *p->truth, error);
    p->guess = memory_allocate(most, sizeof *p->guess, error);
    p->probabilities = memory_allocate(most * (size_t)p->labels, sizeof *p->probabilities, error);
    p->metrics = memory_allocate(1, sizeof *p->metrics, error);
    if (error->status) return error->status;
    metrics_clear(p->metrics, p->labels);
    while (!error->status && next_line(table)) read_sample(table, p, error);
    if (!error->status && p->count == 0) error_set(error, STATUS_INPUT, "%s has no samples", table->path);
    return error->status;
}

/* The step of the last evaluation in the log whose accuracy the table has. */
static int64_t step_of(const Run *run, const RunPredictions *p) {
    const double accuracy = metrics_scores(p->metrics).accuracy;
    int64_t step = -1;
    const cJSON *event;
    cJSON_ArrayForEach(event, run->log) {
        if (fabs(event_number(event, "eval_accuracy") - accuracy) < 1e-12) step = (int64_t)event_number(event, "step");
    }
    return step;
}

static Status read_text(const char *path, char **text, Error *error) {
    size_t size;
    if (file_read(path, text, &size, error) || strlen(*text) == size) return error->status;
    return error_set(error, STATUS_INPUT, "%s has zero bytes: it is damaged", path);
}

void run_free_predictions(RunPredictions *p) {
    for (int32_t k = 0; k < p->labels; k++) memory_free(p->label_names[k]);
    memory_free(p->label_names);
    memory_free(p->rows);
    memory_free(p->truth);
    memory_free(p->guess);
    memory_free(p->probabilities);
    memory_free(p->metrics);
    *p = (RunPredictions){.step = -1};
}

Status run_read_predictions(Run *run, Error *error) {
    RunPredictions *p = &run->predictions;
    Error damage = {0};
    char name[sizeof EVAL_PREDICTIONS_FILE + NAMED_FILE_NAME_MAX + 1], *text = NULL;
    predictions_file_name(run->eval_name, name, sizeof name);
    char *path = file_join(run->path, name, error);
    if (!path) return error->status;
    run_free_predictions(p);
    if (!file_exists(path)) {
        snprintf(
            p->missing, sizeof p->missing,
            "This run has no %s: it was trained without an eval_file, has not evaluated yet, or is of a version of "
            "linnet that did not write one.",
            name);
    } else if (problem_has_targets(run_problem(run))) {
        snprintf(p->missing, sizeof p->missing,
                 "This page shows single predictions of classifiers that give a text one label. Those of this run are "
                 "in %s.",
                 name);
    } else if (read_text(path, &text, &damage) || read_table(&(Table){.path = path, .next = text}, p, &damage)) {
        log_warning("%s: the report of %s is without what is counted from it", damage.message, run->path);
        run_free_predictions(p);
        snprintf(p->missing, sizeof p->missing, "The predictions could not be read: %.400s.", damage.message);
    } else {
        p->step = step_of(run, p);
    }
    memory_free(text);
    memory_free(path);
    return error->status;
}
