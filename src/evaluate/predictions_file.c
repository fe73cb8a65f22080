/* Write the samples of an evaluation as a table. See predictions_file.h. */
#include "linnet/evaluate/predictions_file.h"
#include "linnet/core/escape.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/evaluate/metrics.h"
#include "linnet/kernels/loss.h"
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

Status predictions_begin(PredictionsFile *predictions, Error *error) {
    if (file_begin(&predictions->file, predictions->path, error)) return error->status;
    fputs(has_labels(predictions) ? "row\tlabel\tpredicted" : "row\tpredicted", predictions->file);
    for (int32_t k = 0; k < predictions->labels; k++) print_cell(predictions->file, predictions->label_names[k]);
    fputc('\n', predictions->file);
    return STATUS_OK;
}

static void print_samples(const PredictionsFile *predictions, const Samples *samples, const double *logits) {
    FILE *file = predictions->file;
    char *const *names = predictions->label_names;
    const bool truth = has_labels(predictions);
    size_t labels = (size_t)predictions->labels;
    float row[METRICS_LABELS_MAX];
    double probabilities[METRICS_LABELS_MAX];
    for (int64_t i = 0; i < samples->count; i++) {
        for (size_t k = 0; k < labels; k++) row[k] = (float)logits[(size_t)i * labels + k];
        loss_softmax(probabilities, row, labels);
        fprintf(file, "%" PRId64, samples->rows[i]);
        if (truth) print_cell(file, names[samples->labels[i]]);
        print_cell(file, isnan(probabilities[0]) ? "null" : names[metrics_predicted(row, (int32_t)labels)]);
        for (size_t k = 0; k < labels; k++)
            if (isfinite(probabilities[k]))
                fprintf(file, "\t%.6f", probabilities[k]);
            else
                fputs("\tnull", file);
        fputc('\n', file);
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
