/* Scores that need every probability. See probability_table.h. */
#include "linnet/evaluate/probability_table.h"
#include "linnet/core/memory.h"
#include "linnet/kernels/loss.h"
#include <math.h>
#include <string.h>

#define VALUES_MAX ((int64_t)1 << 28)

static int32_t columns_of(int32_t labels) {
    return labels == 2 ? 1 : labels;
}

bool probability_table_fits(int64_t samples, int32_t labels) {
    return samples <= VALUES_MAX / columns_of(labels);
}

Status probability_table_create(ProbabilityTable *table, int64_t samples, int32_t labels, Error *error) {
    *table = (ProbabilityTable){.labels = labels};
    if (!probability_table_fits(samples, labels)) return STATUS_OK;
    const size_t count = (size_t)samples, columns = (size_t)columns_of(labels);
    table->capacity = samples;
    table->probabilities = memory_allocate(count * columns, sizeof *table->probabilities, error);
    table->truth = memory_allocate(count, sizeof *table->truth, error);
    table->ranked = memory_allocate(count, sizeof *table->ranked, error);
    return error->status;
}

size_t probability_table_bytes(const ProbabilityTable *table) {
    const size_t each =
        (size_t)columns_of(table->labels) * sizeof *table->probabilities + sizeof *table->truth + sizeof *table->ranked;
    return (size_t)table->capacity * each;
}

void probability_table_free(ProbabilityTable *table) {
    memory_free(table->probabilities);
    memory_free(table->truth);
    memory_free(table->ranked);
    *table = (ProbabilityTable){0};
}

void probability_table_clear(ProbabilityTable *table) {
    table->count = 0;
    table->undefined = false;
    table->calibration = (Calibration){0};
    memset(table->support, 0, sizeof table->support);
}

/* Nothing is kept where there is no room; the calibration needs none. */
static void keep(ProbabilityTable *table, const double *probabilities, int32_t truth) {
    const int64_t at = table->count;
    const int32_t columns = columns_of(table->labels), first = table->labels - columns;
    if (at == table->capacity) return;
    for (int32_t c = 0; c < columns; c++) table->probabilities[c * table->capacity + at] = probabilities[first + c];
    table->truth[at] = (uint16_t)truth;
    table->count++;
}

void probability_table_add(ProbabilityTable *table, int64_t count, const double *logits, const double *truth) {
    float row[METRICS_LABELS_MAX];
    double probabilities[METRICS_LABELS_MAX];
    for (int64_t i = 0; i < count; i++) {
        const int32_t label = (int32_t)truth[i];
        for (int32_t k = 0; k < table->labels; k++) row[k] = (float)logits[i * table->labels + k];
        loss_softmax(probabilities, row, (size_t)table->labels);
        const int32_t predicted = metrics_predicted(row, table->labels);
        calibration_add(&table->calibration, probabilities[predicted], predicted == label);
        table->undefined = table->undefined || isnan(probabilities[predicted]);
        table->support[label]++;
        keep(table, probabilities, label);
    }
}

/* Of the samples of a class against all others, by a column of probabilities. */
static double class_auroc(ProbabilityTable *table, int32_t column, int32_t label) {
    const double *scores = table->probabilities + column * table->capacity;
    for (int64_t i = 0; i < table->count; i++)
        table->ranked[i] = (RankedSample){.score = scores[i], .positive = table->truth[i] == label};
    return auroc(table->ranked, table->count);
}

void probability_table_scores(ProbabilityTable *table, Scores *scores) {
    const int32_t columns = columns_of(table->labels), first = table->labels - columns;
    double sum = 0.0, weighted = 0.0;
    scores->ece = calibration_error(&table->calibration);
    scores->auroc = scores->auroc_weighted = NAN;
    if (table->count == 0 || table->undefined) return;
    for (int32_t c = 0; c < columns; c++) {
        const double area = class_auroc(table, c, first + c);
        sum += area;
        weighted += area * (double)table->support[first + c];
    }
    scores->auroc = sum / columns;
    scores->auroc_weighted = columns == 1 ? scores->auroc : weighted / (double)table->count;
}
