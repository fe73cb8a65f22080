#ifndef LINNET_EVALUATE_SCORE_TABLE_H
#define LINNET_EVALUATE_SCORE_TABLE_H
/** The scores of an evaluation as a table on standard output. Not collective: rank 0 calls it. */
#include "linnet/evaluate/metrics.h"

/** Accuracy, macro F1, Matthews correlation coefficient, area under the ROC curve, expected calibration error, loss and
 *  samples a second; the confusion matrix (rows: the truth) or, of more than 20 labels, its 20 largest cells off the
 *  diagonal; scores and support of each class with 95 % confidence intervals, and their means. label_names
 *  [metrics->labels]. With multi label: micro and macro F1, mean average precision, the share of samples with all labels
 *  right, and the scores of each label. With regression: the errors and correlations of each target. */
void score_table_print(const char *title, const Metrics *metrics, const Scores *scores, char *const *label_names,
                       double samples_per_second);

/** Warn of samples whose loss is not a finite number, if there are any, else of class weights that leave no sample. `title` names what was evaluated. */
void score_table_warn(const char *title, const Metrics *metrics);

/** Why the area under the ROC curve is not defined, where scores->auroc is NaN, as "no sample is labelled neutral". */
#define SCORE_REASON_TEXT 320
void score_table_reason(const Metrics *metrics, char *const *label_names, char text[SCORE_REASON_TEXT]);

#endif
