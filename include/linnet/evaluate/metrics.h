#ifndef LINNET_EVALUATE_METRICS_H
#define LINNET_EVALUATE_METRICS_H
/** What an evaluation counts: a confusion matrix and the loss, as integers, whose sums have the same bits in any order
 *  and on any number of ranks. Nothing here allocates or is collective. */
#include <stdint.h>

#define METRICS_LABELS_MAX 255

/** Sums over samples. Losses are rounded to multiples of 2^-32, so that their sum is exact in any order. */
typedef struct {
    int32_t labels;
    int64_t samples;
    int64_t loss_high, loss_low; /**< the sum of llround(loss × 2^32), in two parts that cannot overflow */
    int64_t confusion[METRICS_LABELS_MAX * METRICS_LABELS_MAX]; /**< [true × labels + predicted] */
} Metrics;

typedef struct {
    double loss;     /**< mean cross-entropy */
    double accuracy; /**< fraction of samples whose largest logit (the first of equal ones) is that of the label */
    double f1;       /**< macro F1: mean over the labels that occur (as truth or prediction) of 2tp/(2tp+fp+fn),
                          scikit-learn's f1_score(average="macro") */
} Scores;

void metrics_clear(Metrics *metrics, int32_t labels);
/** Count one sample: logits [labels] and its loss, which counts as 2^31 if it is larger or not finite. */
void metrics_add(Metrics *metrics, const float *logits, int32_t label, double loss);
Scores metrics_scores(const Metrics *metrics);

#endif
