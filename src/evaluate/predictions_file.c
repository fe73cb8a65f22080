/* Write the samples of an evaluation as a table. See predictions_file.h. */
#include "linnet/evaluate/predictions_file.h"
#include "linnet/core/escape.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/evaluate/metrics.h"
#include "linnet/kernels/loss.h"
#include "linnet/kernels/target_loss.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

void predictions_file_name(const char *name, char *text, size_t size) {
    if (name)
        snprintf(text, size, "eval_predictions_%s.tsv", name);
    else
        snprintf(text, size, "%s", EVAL_PREDICTIONS_FILE);
}

static bool has_labels(const PredictionsFile *predictions) {
    return dataset_info(predictions->dataset)->labels > 0;
}

/* A tab and a label's name, in which a tab or a line end is escaped. */
static void print_cell(FILE *file, const char *name) {
    fputc('\t', file);
    escape_print(file, ESCAPE_OUTPUT, name, strlen(name));
}

static void print_header(const PredictionsFile *predictions) {
    FILE *file = predictions->file;
    char *const *names = predictions->label_names;
    const bool truth = has_labels(predictions), numbers = predictions->problem == PROBLEM_REGRESSION;
    fputs("row", file);
    if (!numbers && truth) fputs(predictions->problem == PROBLEM_MULTI_LABEL ? "\tlabels" : "\tlabel", file);
    if (!numbers) fputs("\tpredicted", file);
    for (int32_t k = 0; numbers && truth && k < predictions->labels; k++) print_cell(file, names[k]);
    for (int32_t k = 0; k < predictions->labels; k++) {
        if (!numbers) print_cell(file, names[k]);
        if (!numbers) continue;
        fputs("\tpredicted_", file);
        escape_print(file, ESCAPE_OUTPUT, names[k], strlen(names[k]));
    }
    fputc('\n', file);
}

Status predictions_begin(PredictionsFile *predictions, Error *error) {
    if (file_begin(&predictions->file, predictions->path, error)) return error->status;
    print_header(predictions);
    return STATUS_OK;
}

static void print_number(FILE *file, const char *format, double number) {
    fputc('\t', file);
    if (isfinite(number))
        fprintf(file, format, number);
    else
        fputs("null", file);
}

/* A cell with the names of those labels whose value is at least `least`, with commas between them. */
static void print_list(const PredictionsFile *predictions, const double *values, double least) {
    FILE *file = predictions->file;
    const char *comma = "";
    fputc('\t', file);
    for (int32_t k = 0; k < predictions->labels; k++) {
        const char *name = predictions->label_names[k];
        if (!(values[k] >= least)) continue;
        fputs(comma, file);
        escape_print(file, ESCAPE_OUTPUT, name, strlen(name));
        comma = ",";
    }
}

static bool is_finite(const double *values, int32_t count) {
    int32_t k = 0;
    while (k < count && isfinite(values[k])) k++;
    return k == count;
}

/* The cells of a sample with targets [labels] (NULL: not known) behind its row. */
static void print_targets(const PredictionsFile *predictions, const float *targets, const float *logits) {
    const int32_t labels = predictions->labels;
    double truth[METRICS_LABELS_MAX], outputs[METRICS_LABELS_MAX];
    target_outputs(predictions->problem, outputs, logits, (size_t)labels);
    for (int32_t k = 0; targets && k < labels; k++) truth[k] = (double)targets[k];
    if (predictions->problem == PROBLEM_MULTI_LABEL) {
        if (targets) print_list(predictions, truth, 1.0);
        if (is_finite(outputs, labels))
            print_list(predictions, outputs, MULTI_LABEL_THRESHOLD);
        else
            fputs("\tnull", predictions->file);
        for (int32_t k = 0; k < labels; k++) print_number(predictions->file, "%.6f", outputs[k]);
        return;
    }
    for (int32_t k = 0; targets && k < labels; k++) print_number(predictions->file, "%.9g", truth[k]);
    for (int32_t k = 0; k < labels; k++) print_number(predictions->file, "%.9g", outputs[k]);
}

/* The cells of a sample with a single label. */
static void print_label(const PredictionsFile *predictions, const char *truth, const float *logits) {
    FILE *file = predictions->file;
    double probabilities[METRICS_LABELS_MAX];
    loss_softmax(probabilities, logits, (size_t)predictions->labels);
    const int32_t best = metrics_predicted(logits, predictions->labels);
    if (truth) print_cell(file, truth);
    print_cell(file, isnan(probabilities[0]) ? "null" : predictions->label_names[best]);
    for (int32_t k = 0; k < predictions->labels; k++) print_number(file, "%.6f", probabilities[k]);
}

static void print_samples(const PredictionsFile *predictions, const Samples *samples, const double *logits) {
    const bool truth = has_labels(predictions);
    const size_t labels = (size_t)predictions->labels;
    float row[METRICS_LABELS_MAX];
    for (int64_t i = 0; i < samples->count; i++) {
        for (size_t k = 0; k < labels; k++) row[k] = (float)logits[(size_t)i * labels + k];
        fprintf(predictions->file, "%" PRId64, samples->rows[i]);
        if (problem_has_targets(predictions->problem))
            print_targets(predictions, samples->targets ? samples->targets + (size_t)i * labels : NULL, row);
        else
            print_label(predictions, truth ? predictions->label_names[samples->labels[i]] : NULL, row);
        fputc('\n', predictions->file);
    }
}

Status predictions_take(void *context, int64_t first, int64_t count, const double *logits, Error *error) {
    const PredictionsFile *predictions = context;
    int64_t *indices = memory_allocate((size_t)count, sizeof *indices, error);
    Samples samples = {0};
    if (!indices) return error->status;
    for (int64_t i = 0; i < count; i++) indices[i] = first + i;
    if (dataset_load(predictions->dataset, indices, count, &samples, error) == STATUS_OK)
        print_samples(predictions, &samples, logits);
    if (error->status == STATUS_OK && (fflush(predictions->file) != 0 || ferror(predictions->file)))
        error_set(error, STATUS_FAILURE, "%s: cannot write: %s", predictions->path, strerror(errno));
    samples_free(&samples);
    memory_free(indices);
    return error->status;
}

Status predictions_end(PredictionsFile *predictions, Error *error) {
    file_end(predictions->file, predictions->path, error);
    predictions->file = NULL;
    return error->status;
}
