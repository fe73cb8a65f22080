/* Figures that the page is made of. See figures.h. */
#include "report/figures.h"
#include <math.h>

int32_t largest_class(const Metrics *metrics, double *share) {
    int32_t largest = 0;
    int64_t most = -1;
    for (int32_t label = 0; label < metrics->labels; label++) {
        const int64_t support = class_scores(metrics, label).support;
        if (support > most) {
            most = support;
            largest = label;
        }
    }
    *share = (double)most / (double)metrics->samples;
    return largest;
}

double confidence_of(const RunPredictions *p, int64_t sample) {
    return (double)p->probabilities[sample * p->labels + p->guess[sample]];
}

double margin_of(const RunPredictions *p, int64_t sample) {
    double second = 0.0;
    for (int32_t k = 0; k < p->labels; k++)
        if (k != p->guess[sample]) second = fmax(second, (double)p->probabilities[sample * p->labels + k]);
    return confidence_of(p, sample) - second;
}

Calibration calibration_of(const RunPredictions *p) {
    Calibration c = {0};
    for (int64_t i = 0; i < p->count; i++) calibration_add(&c, confidence_of(p, i), p->guess[i] == p->truth[i]);
    return c;
}

/* --- Samples to show ---------------------------------------------------------------------------------------------- */

/* The `most` samples of the largest scores in falling order, by insertion; a NaN score leaves a sample out. */
static void select_largest(const RunPredictions *p, double (*score)(const RunPredictions *, int64_t), int64_t *indices,
                           size_t most, size_t *count) {
    *count = 0;
    for (int64_t i = 0; i < p->count; i++) {
        const double value = score(p, i);
        if (isnan(value) || (*count == most && value <= score(p, indices[most - 1]))) continue;
        size_t at = *count < most ? (*count)++ : most - 1;
        for (; at > 0 && score(p, indices[at - 1]) < value; at--) indices[at] = indices[at - 1];
        indices[at] = i;
    }
}

static double wrong_confidence(const RunPredictions *p, int64_t sample) {
    return p->guess[sample] != p->truth[sample] ? confidence_of(p, sample) : NAN;
}

static double small_margin(const RunPredictions *p, int64_t sample) {
    return -margin_of(p, sample);
}

void most_confidently_wrong(const RunPredictions *p, int64_t *indices, size_t most, size_t *count) {
    select_largest(p, wrong_confidence, indices, most, count);
}

void hardest(const RunPredictions *p, int64_t *indices, size_t most, size_t *count) {
    select_largest(p, small_margin, indices, most, count);
}

Spread spread_of(const double *values, size_t count) {
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < count; i++) sum += values[i];
    const double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) squares += (values[i] - mean) * (values[i] - mean);
    return (Spread){mean, count > 1 ? sqrt(squares / (double)(count - 1)) : NAN};
}
