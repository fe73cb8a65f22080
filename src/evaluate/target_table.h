#ifndef LINNET_EVALUATE_TARGET_TABLE_H
#define LINNET_EVALUATE_TARGET_TABLE_H
/** The scores of an evaluation with targets as a table on standard output: score_table_print() with a problem that has
 *  targets. */
#include "linnet/evaluate/metrics.h"

void target_table_print(const Metrics *metrics, const Scores *scores, char *const *label_names,
                        double samples_per_second);
#endif
