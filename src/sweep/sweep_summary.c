/* Comparing the trials of a sweep: table, rows for programs, and the best configuration. sweep.h has the contract. */
#include "linnet/core/file.h"
#include "linnet/core/integers.h"
#include "linnet/core/json.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/sweep/sweep.h"
#include "sweep/trial.h"
#include "sweep/trial_list.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELL = 64 }; /* bytes of a cell of the table */

/* A configuration's trials, compared. */
typedef struct {
    int64_t configuration;
    Spread spread;
    bool maximize;
    bool survived; /* of successive halving: all trials have run to their end */
} Entry;

static int compare(const void *left, const void *right) {
    const Entry *a = left, *b = right;
    if ((a->spread.count == 0) != (b->spread.count == 0)) return a->spread.count == 0 ? 1 : -1;
    if (a->survived != b->survived) return a->survived ? -1 : 1; /* others have stopped at earlier evaluations */
    if (a->spread.count > 0 && a->spread.mean != b->spread.mean)
        return (a->spread.mean > b->spread.mean) == a->maximize ? -1 : 1;
    return a->configuration < b->configuration ? -1 : 1;
}

/* A value of a parameter as a cell: a number with few digits, a text without its quotes. */
static void write_cell(char cell[CELL], const cJSON *value) {
    char *json = cJSON_IsString(value) || cJSON_IsNumber(value) ? NULL : cJSON_PrintUnformatted(value);
    if (cJSON_IsNumber(value))
        snprintf(cell, CELL, "%.6g", value->valuedouble);
    else
        snprintf(cell, CELL, "%s", json ? json : cJSON_IsString(value) ? value->valuestring : "");
    cJSON_free(json);
}

/* The cells of the table: a heading, then a row for each entry: [rows][columns][CELL]. */
typedef struct {
    size_t rows, columns;
    char (*cells)[CELL];
} Table;

static char *cell_at(const Table *table, size_t row, size_t column) {
    return table->cells[row * table->columns + column];
}

static void fill_row(const SweepFile *sweep, const Table *table, size_t row, const Entry *entry) {
    const size_t last = table->columns - 1;
    snprintf(cell_at(table, row, 0), CELL, "%lld", (long long)entry->configuration);
    for (size_t i = 0; i < sweep->parameter_count; i++) {
        cJSON *value = sweep_value(sweep, entry->configuration, i);
        write_cell(cell_at(table, row, i + 1), value);
        cJSON_Delete(value);
    }
    const Spread *s = &entry->spread;
    if (s->count == 0)
        snprintf(cell_at(table, row, last - 1), CELL, "-");
    else if (s->count == 1)
        snprintf(cell_at(table, row, last - 1), CELL, "%.4f", s->mean);
    else
        snprintf(cell_at(table, row, last - 1), CELL, "%.4f +- %.4f", s->mean, s->deviation);
    snprintf(cell_at(table, row, last), CELL, "%lld", (long long)s->count);
}

/* widths [columns] is zero. */
static void print_table(const Table *table, size_t *widths) {
    for (size_t r = 0; r < table->rows; r++)
        for (size_t c = 0; c < table->columns; c++) widths[c] = size_max(widths[c], strlen(cell_at(table, r, c)));
    for (size_t r = 0; r < table->rows; r++)
        for (size_t c = 0; c < table->columns; c++)
            printf(c + 1 < table->columns ? "%-*s  " : "%*s\n", (int)widths[c], cell_at(table, r, c));
}

static Status show(const SweepFile *sweep, const Entry *entries, Error *error) {
    Table table = {.rows = (size_t)sweep->configurations + 1, .columns = sweep->parameter_count + 3};
    table.cells = memory_allocate(table.rows * table.columns, sizeof *table.cells, error);
    size_t *widths = memory_allocate(table.columns, sizeof *widths, error);
    if (error->status) goto cleanup;
    snprintf(cell_at(&table, 0, 0), CELL, "configuration");
    for (size_t i = 0; i < sweep->parameter_count; i++)
        snprintf(cell_at(&table, 0, i + 1), CELL, "%s", sweep->parameters[i].key);
    snprintf(cell_at(&table, 0, table.columns - 2), CELL, "%.40s", sweep->metric);
    snprintf(cell_at(&table, 0, table.columns - 1), CELL, "runs");
    for (int64_t i = 0; i < sweep->configurations; i++) fill_row(sweep, &table, (size_t)i + 1, &entries[i]);
    print_table(&table, widths);
cleanup:
    memory_free(widths);
    memory_free(table.cells);
    return error->status;
}

/* The cells of a row of the TSV file that are JSON; a text without its quotes where it has no tab or line end. */
static void write_value(FILE *file, const cJSON *value) {
    char number[JSON_REAL_TEXT], *json = NULL;
    if (cJSON_IsNumber(value)) {
        json_real_text(value->valuedouble, number);
        fprintf(file, "\t%s", number);
    } else if (cJSON_IsString(value) && !strpbrk(value->valuestring, "\t\r\n")) {
        fprintf(file, "\t%s", value->valuestring);
    } else {
        json = value ? cJSON_PrintUnformatted(value) : NULL;
        fprintf(file, "\t%s", json ? json : "");
    }
    cJSON_free(json);
}

static const char *word_of(const Trial *trial) {
    static const char *const words[] = {"not started", "stopped", "running", "finished", "failed"};
    return words[trial->state];
}

/* The figures that the columns are named after: those of the first trial that has evaluated. */
static const cJSON *figures_of(const SweepFile *sweep, const Trial *trials) {
    for (int64_t i = 0; i < sweep->trials; i++)
        if (trials[i].figures) return trials[i].figures;
    return NULL;
}

static bool is_figure(const cJSON *item) {
    return strncmp(item->string, "eval_", 5) == 0 && !cJSON_IsObject(item) && !cJSON_IsArray(item);
}

static void write_trial(FILE *file, const SweepFile *sweep, int64_t number, const Trial *trial, const cJSON *columns) {
    cJSON *values = trial_values(sweep, number);
    const cJSON *item;
    fprintf(file, "%lld\t%lld", (long long)number, (long long)(number / sweep_seeds(sweep)));
    cJSON_ArrayForEach(item, values) write_value(file, item);
    fprintf(file, "\t%s\t%lld", word_of(trial), (long long)trial->step);
    cJSON_ArrayForEach(item, columns) if (is_figure(item))
        write_value(file, cJSON_GetObjectItemCaseSensitive(trial->figures, item->string));
    fprintf(file, "\ttrial-%03lld\n", (long long)number);
    cJSON_Delete(values);
}

static Status write_rows(const SweepFile *sweep, const Trial *trials, Error *error) {
    const cJSON *columns = figures_of(sweep, trials), *item;
    FILE *file = NULL;
    char *path = file_join(sweep->output_dir, "sweep.tsv", error);
    if (path && !file_begin(&file, path, error)) {
        fprintf(file, "trial\tconfiguration");
        for (size_t i = 0; i < sweep->parameter_count; i++) fprintf(file, "\t%s", sweep->parameters[i].key);
        fprintf(file, "%s\tstate\tstep", sweep->seeds ? "\tseed" : "");
        cJSON_ArrayForEach(item, columns) if (is_figure(item)) fprintf(file, "\t%s", item->string);
        fprintf(file, "\trun\n");
        for (int64_t i = 0; i < sweep->trials; i++) write_trial(file, sweep, i, &trials[i], columns);
        file_end(file, path, error);
    }
    memory_free(path);
    return error->status;
}

/* The configuration of the best as a file for `linnet train`. */
static Status write_best(const SweepFile *sweep, const Entry *best, Error *error) {
    Settings settings = {0};
    char *path = file_join(sweep->output_dir, "best.json", error), *text = NULL;
    if (path && !trial_settings(sweep, best->configuration * sweep_seeds(sweep), &settings, error)) {
        memory_free(settings.output_dir);
        settings.output_dir = file_join(sweep->output_dir, "best", error);
        text = settings.output_dir ? settings_text(&settings, error) : NULL;
        if (text && !file_replace(path, text, strlen(text), error))
            printf("\nbest: configuration %lld; train with it: linnet train %s\n", (long long)best->configuration,
                   path);
    }
    settings_free(&settings);
    memory_free(text);
    memory_free(path);
    return error->status;
}

/* entries [configurations], the best first. */
static Status compare_all(const SweepFile *sweep, const Trial *trials, Entry *entries, Error *error) {
    const size_t seeds = (size_t)sweep_seeds(sweep);
    double *values = memory_allocate(seeds, sizeof *values, error);
    if (!values) return error->status;
    for (int64_t c = 0; c < sweep->configurations; c++) {
        bool survived = sweep->eta > 0;
        for (size_t s = 0; s < seeds; s++) {
            const Trial *trial = &trials[(size_t)c * seeds + s];
            values[s] = trial->last;
            survived = survived && trial->state == TRIAL_FINISHED;
        }
        entries[c] = (Entry){c, trial_spread(values, seeds), sweep->maximize, survived};
    }
    qsort(entries, (size_t)sweep->configurations, sizeof *entries, compare);
    memory_free(values);
    return STATUS_OK;
}

Status sweep_summarize(const SweepFile *sweep, Error *error) {
    Trial *trials = memory_allocate((size_t)sweep->trials, sizeof *trials, error);
    Entry *entries = memory_allocate((size_t)sweep->configurations, sizeof *entries, error);
    if (!error->status) trial_list_check(sweep, error);
    for (int64_t i = 0; i < sweep->trials && !error->status; i++) {
        trials[i].last = NAN;
        trial_look(sweep, i, &trials[i], error);
    }
    if (!error->status && !compare_all(sweep, trials, entries, error) && !show(sweep, entries, error) &&
        !write_rows(sweep, trials, error) && entries[0].spread.count > 0)
        write_best(sweep, &entries[0], error);
    for (int64_t i = 0; i < sweep->trials && trials; i++) trial_free(&trials[i]);
    memory_free(trials);
    memory_free(entries);
    return error->status;
}
