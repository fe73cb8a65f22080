#ifndef LINNET_REPORT_FIGURES_H
#define LINNET_REPORT_FIGURES_H
/* Figures that the page is made of, from the predictions. Pure functions; nothing allocates but where it is said. */
#include "linnet/evaluate/calibration.h"
#include "linnet/evaluate/class_scores.h"
#include "report/report_run.h"

/* The label that most samples have, and its share: the accuracy of always answering it. */
int32_t largest_class(const Metrics *metrics, double *share);

/* The reliability of the probabilities. */
Calibration calibration_of(const RunPredictions *predictions);

/* The probability of the predicted label, and by how much it is above the second largest. */
double confidence_of(const RunPredictions *predictions, int64_t sample);
double margin_of(const RunPredictions *predictions, int64_t sample);

/* The indices of up to `most` samples, the first `*count` of indices [most]: the wrong ones of the highest confidence, or
 * all of the smallest margin. Equal ones in the order of the file. */
void most_confidently_wrong(const RunPredictions *predictions, int64_t *indices, size_t most, size_t *count);
void hardest(const RunPredictions *predictions, int64_t *indices, size_t most, size_t *count);

typedef struct {
    double mean, deviation; /* of the sample, n − 1; NaN for a single value */
} Spread;
Spread spread_of(const double *values, size_t count);

#endif
