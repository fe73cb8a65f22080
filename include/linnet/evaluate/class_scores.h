#ifndef LINNET_EVALUATE_CLASS_SCORES_H
#define LINNET_EVALUATE_CLASS_SCORES_H
/** Scores of each class, and how far they may be off: 95 % confidence intervals, for samples that are independent draws
 *  from the texts that the model will meet. Values are those of scikit-learn's classification_report() with
 *  zero_division=0. Nothing here allocates or is collective. */
#include "linnet/evaluate/metrics.h"

/** A score and its interval, all from 0 to 1. */
typedef struct {
    double value, low, high;
} Interval;

/** A proportion with Wilson's score interval (Wilson 1927, without continuity correction; statsmodels'
 *  proportion_confint(method="wilson")). Of nothing: 0, from 0 to 1. */
Interval interval_wilson(int64_t hits, int64_t count);

/** Scores of one class.
 *  precision  tp/(tp+fp), recall  tp/(tp+fn): Wilson's interval
 *  f1         2tp/(2tp+fp+fn) is 2j/(1+j) of the proportion j = tp/(tp+fp+fn), and so are the bounds of Wilson's interval
 *             of j: the "Wilson indirect" method of Lam, Gopal and Qian (arXiv:2309.14621)
 *  support    samples of this class */
typedef struct {
    int64_t support;
    Interval precision, recall, f1;
} ClassScores;
ClassScores class_scores(const Metrics *metrics, int32_t label);

/** Scores over all classes.
 *  accuracy    Wilson's interval
 *  f1          macro F1 as in Scores, with the interval of Takahashi et al. (2022, Applied Intelligence 52:4961): the
 *              delta method over the cells of the confusion matrix. That interval has no width where every sample is
 *              right or every one wrong; it is then the mean of the classes' intervals
 *  precision, recall  means over the classes that occur, as truth or prediction
 *  ..._weighted       means weighted by the support of the classes, average="weighted"
 *  mcc         Matthews correlation coefficient, of several classes Gorodkin's R_K (2004, Comput. Biol. Chem. 28:367):
 *              scikit-learn's matthews_corrcoef(); 0 where the truth or the predictions are of one class alone */
typedef struct {
    Interval accuracy, f1;
    double precision, recall;
    double precision_weighted, recall_weighted, f1_weighted;
    double mcc;
} OverallScores;
OverallScores overall_scores(const Metrics *metrics);

#endif
