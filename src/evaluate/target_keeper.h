#ifndef LINNET_EVALUATE_TARGET_KEEPER_H
#define LINNET_EVALUATE_TARGET_KEEPER_H
/** The logits and targets of an evaluation, which rank 0 keeps, since ranks of scores need all of them: 8 bytes for each
 *  target of each sample. Not collective. */
#include "linnet/data/dataset.h"
#include "linnet/evaluate/metrics.h"

typedef struct {
    Dataset *dataset; /**< borrowed */
    size_t samples, labels;
    float *logits, *targets; /**< [samples, labels] */
} TargetKeeper;

/** STATUS_FAILURE, saying how much memory it takes, where there is not enough. */
Status target_keeper_open(TargetKeeper *keeper, Dataset *dataset, Error *error);
void target_keeper_close(TargetKeeper *keeper);

/** Keep the logits of samples first … first + count − 1: a LogitsSink's function. */
Status target_keeper_take(void *context, int64_t first, int64_t count, const double *logits, Error *error);

/** Write the scores of all samples to *metrics, NaN where a loss of theirs is not finite. */
Status target_keeper_score(const TargetKeeper *keeper, Metrics *metrics, Error *error);

#endif
