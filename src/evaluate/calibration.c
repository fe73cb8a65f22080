/* The reliability of probabilities. */
#include "linnet/evaluate/calibration.h"
#include "linnet/core/integers.h"
#include <math.h>

void calibration_add(Calibration *c, double confidence, bool right) {
    if (isnan(confidence)) return;
    const int64_t bin = int64_min((int64_t)(confidence * CALIBRATION_BINS), CALIBRATION_BINS - 1);
    c->samples++;
    c->count[bin]++;
    c->right[bin] += right;
    c->confidence[bin] += confidence;
}

double calibration_error(const Calibration *c) {
    double total = 0.0;
    if (c->samples == 0) return NAN;
    for (int b = 0; b < CALIBRATION_BINS; b++) total += fabs((double)c->right[b] - c->confidence[b]);
    return total / (double)c->samples;
}
