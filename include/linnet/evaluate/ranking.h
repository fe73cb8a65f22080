#ifndef LINNET_EVALUATE_RANKING_H
#define LINNET_EVALUATE_RANKING_H
/** The area under the ROC curve. Nothing here allocates, fails or is collective. */
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    double score;  /**< not NaN */
    bool positive; /**< the sample is of the class that the score speaks for */
} RankedSample;

/** The area under the ROC curve of samples [count], which are sorted by their scores: the probability that a positive
 *  sample has a higher score than a negative one, where equal scores count half (the Mann-Whitney statistic: Hanley and
 *  McNeil 1982, Radiology 143:29). It is what scikit-learn's roc_auc_score() gives; counted in integers and rounded
 *  once, so it does not depend on the order of the samples. NaN where there is no positive or no negative sample. */
double auroc(RankedSample *samples, int64_t count);

#endif
