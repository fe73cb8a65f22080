#ifndef LINNET_EVALUATE_CALIBRATION_H
#define LINNET_EVALUATE_CALIBRATION_H
/** How far probabilities can be trusted: samples binned by their confidence, the probability of the predicted label, into
 *  15 bins of equal width; the expected calibration error is the mean over samples of |accuracy − confidence| of their
 *  bin (Guo et al. 2017, arXiv:1706.04599, eq. 3). Bin b is from b/15 up to, but without, (b + 1)/15; the last one has 1,
 *  too. Nothing here allocates, fails or is collective. */
#include <stdbool.h>
#include <stdint.h>

enum { CALIBRATION_BINS = 15 };

typedef struct {
    int64_t samples; /**< those whose confidence is a number */
    int64_t count[CALIBRATION_BINS], right[CALIBRATION_BINS];
    double confidence[CALIBRATION_BINS]; /**< sum over the bin's samples, in the order in which they were added */
} Calibration;

/** Add a sample; `right`: its predicted label is the true one. One without a confidence (NaN) is left out. Begin with
 *  (Calibration){0}. */
void calibration_add(Calibration *calibration, double confidence, bool right);

/** The expected calibration error; NaN without samples. */
double calibration_error(const Calibration *calibration);

#endif
