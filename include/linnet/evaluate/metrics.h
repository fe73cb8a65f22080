#ifndef LINNET_EVALUATE_METRICS_H
#define LINNET_EVALUATE_METRICS_H
/** What an evaluation counts: a confusion matrix and the loss, as integers, whose sums have the same bits in any order
 *  and on any number of ranks. Nothing here allocates or is collective. */
#include "linnet/data/problem.h"
#include "linnet/evaluate/target_scores.h"
#include <stdint.h>

#define METRICS_LABELS_MAX 1000
#define METRICS_DIGITS 6

/** Sums over samples. Losses are rounded to multiples of 2^-32, so that their sum is exact in any order. */
typedef struct {
    Problem problem; /**< of a language model PROBLEM_SINGLE_LABEL */
    int32_t labels;  /**< 0: of a language model, which counts the loss alone */
    int64_t samples;
    int64_t predictions; /**< of a language model: next tokens that it predicts, over which the loss is the mean */
    /** [labels] what the losses of a label's samples count; borrowed; NULL: 1. Of moderate size, because losses are
     *  multiplied by them before they are rounded. */
    const double *class_weights;
    /** The sum of round(loss × 2^32), in digits of 32 bits, the lowest first: up to 2^31 samples of any loss that float32
     *  logits can have (less than 2^130) do not overflow. */
    int64_t loss[METRICS_DIGITS];
    int64_t nan_losses, infinite_losses;                        /**< samples whose loss is not in that sum */
    MultiLabelScores multi_label;                               /**< with that problem; not counted by metrics_add() */
    RegressionScores regression;                                /**< likewise */
    LabelScores per_label[METRICS_LABELS_MAX];                  /**< [labels] likewise */
    RegressionScores per_target[METRICS_LABELS_MAX];            /**< likewise */
    int64_t confusion[METRICS_LABELS_MAX * METRICS_LABELS_MAX]; /**< [true × labels + predicted] with a single label;
                                                                     last, since of few labels most is never touched */
} Metrics;

typedef struct {
    Problem problem;
    double loss;     /**< mean over the samples. Cross-entropy is weighted by class_weights as PyTorch's
                          CrossEntropyLoss(weight) over all samples; of a language model it is over all predictions. NaN if
                          that of a sample is or none has a weight, else infinity if that of a sample is */
    double accuracy; /**< fraction of samples whose metrics_predicted() is the label */
    double f1;       /**< macro F1: mean over the labels that occur (as truth or prediction) of 2tp/(2tp+fp+fn),
                          scikit-learn's f1_score(average="macro") */
    /* Those of OverallScores (class_scores.h). */
    double precision, recall, precision_weighted, recall_weighted, f1_weighted, mcc;
    /* NaN until probability_table_scores() (probability_table.h) sets them. */
    double auroc, auroc_weighted, ece;
    MultiLabelScores multi_label; /**< with that problem in the place of all but the loss */
    RegressionScores regression;  /**< likewise */
} Scores;

/** Nothing counted, no class weights, and a single label a sample, unless `problem` is set afterwards. */
void metrics_clear(Metrics *metrics, int32_t labels);
/** The predicted label: the index of the largest of logits [labels], the first of equal ones; a NaN counts as larger
 *  than any number, as in torch.argmax() and numpy.argmax(). */
int32_t metrics_predicted(const float *logits, int32_t labels);
/** Count one sample: logits [labels] and its loss. */
void metrics_add(Metrics *metrics, const float *logits, int32_t label, double loss);
/** Count a sample with targets: its loss alone. */
void metrics_add_loss(Metrics *metrics, double loss);
/** Count a text of a language model: its predictions, and the sum of their losses. */
void metrics_add_text(Metrics *metrics, int64_t predictions, double loss);
Scores metrics_scores(const Metrics *metrics);

#endif
