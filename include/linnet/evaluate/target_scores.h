#ifndef LINNET_EVALUATE_TARGET_SCORES_H
#define LINNET_EVALUATE_TARGET_SCORES_H
/** Scores of samples with a target for each label (problem_has_targets()), as scikit-learn and SciPy compute them, in
 *  float64 and in the order of the samples. Logits and targets are [samples, labels]. Not collective. */
#include "linnet/core/error.h"
#include <stddef.h>
#include <stdint.h>

/** A label counts as predicted from this probability on. */
#define MULTI_LABEL_THRESHOLD 0.5

/** Of one label, by its own counts; 0 where a denominator is.
 *  average_precision   Σ (recall(n) − recall(n−1)) · precision(n) over the distinct logits from the largest on:
 *                      average_precision_score(); 0 without a positive sample */
typedef struct {
    int64_t support;   /**< samples to which it applies */
    int64_t predicted; /**< samples for which it is predicted */
    int64_t hits;      /**< both */
    double precision, recall, f1, average_precision;
} LabelScores;

typedef struct {
    double accuracy;          /**< share of samples with all labels right: accuracy_score(), the subset accuracy */
    double f1_micro;          /**< F1 of the sums of the labels' counts: f1_score(average="micro") */
    double f1_macro;          /**< mean of the labels' F1: f1_score(average="macro") */
    double average_precision; /**< mean of the labels': average_precision_score(average="macro"), mAP */
} MultiLabelScores;

/** Write *scores, and those of each label to per_label [labels]. STATUS_FAILURE when out of memory. All logits must be
 *  finite. */
Status multi_label_scores(MultiLabelScores *scores, LabelScores *per_label, const float *logits, const float *targets,
                          size_t samples, size_t labels, Error *error);

/** Of one target, and as means over the targets, as scikit-learn's multioutput="uniform_average" has them.
 *  pearson, spearman   scipy.stats.pearsonr() and spearmanr(), where equal values share the mean of their ranks; NaN
 *                      where all predictions or all targets are equal
 *  r2                  r2_score(): where all targets are equal 1 if all predictions are right, else 0; NaN of one sample */
typedef struct {
    double mse, rmse, mae, pearson, spearman, r2;
} RegressionScores;

/** Likewise. */
Status regression_scores(RegressionScores *scores, RegressionScores *per_target, const float *logits,
                         const float *targets, size_t samples, size_t labels, Error *error);

#endif
