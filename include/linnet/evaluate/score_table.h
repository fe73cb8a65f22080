#ifndef LINNET_EVALUATE_SCORE_TABLE_H
#define LINNET_EVALUATE_SCORE_TABLE_H
/** The scores of an evaluation as a table on standard output. Not collective: rank 0 calls it. */
#include "linnet/evaluate/metrics.h"

/** Accuracy, macro F1, loss, samples a second, and the confusion matrix (rows: the truth). label_names
 *  [metrics->labels]. */
void score_table_print(const char *title, const Metrics *metrics, const Scores *scores, char *const *label_names,
                       double samples_per_second);

/** Warn of samples whose loss is not a finite number, if there are any. `title` names what was evaluated. */
void score_table_warn(const char *title, const Metrics *metrics);

#endif
