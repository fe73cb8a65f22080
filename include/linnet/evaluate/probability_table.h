#ifndef LINNET_EVALUATE_PROBABILITY_TABLE_H
#define LINNET_EVALUATE_PROBABILITY_TABLE_H
/** The probabilities of an evaluation, for the scores that counts do not give: the area under the ROC curve and the
 *  expected calibration error. Rank 0 keeps them, in the order of the data set, so the scores have the same bits on any
 *  number of ranks. Memory: 8 bytes for each sample and class (of two classes: for each sample), and 18 more for each
 *  sample: 42 MB for a million samples of 3 classes. Not collective. */
#include "linnet/core/error.h"
#include "linnet/evaluate/calibration.h"
#include "linnet/evaluate/metrics.h"
#include "linnet/evaluate/ranking.h"
#include <stddef.h>

typedef struct {
    int32_t labels;
    int64_t capacity, count;             /**< samples */
    double *probabilities;               /**< [columns, capacity]; of two classes only those of the second one */
    uint16_t *truth;                     /**< [capacity] */
    RankedSample *ranked;                /**< [capacity] scratch */
    int64_t support[METRICS_LABELS_MAX]; /**< [labels] samples of each class */
    bool undefined;                      /**< a probability is not a number */
    Calibration calibration;
} ProbabilityTable;

/** Whether the probabilities of so many samples are kept: up to 2^28 of them, 2 GiB. Else the area under the ROC curve is
 *  not computed. */
bool probability_table_fits(int64_t samples, int32_t labels);

/** Room for `samples`; nothing is allocated where they do not fit. To be freed also after an error. */
Status probability_table_create(ProbabilityTable *table, int64_t samples, int32_t labels, Error *error);
/** Bytes of that room. */
size_t probability_table_bytes(const ProbabilityTable *table);
void probability_table_free(ProbabilityTable *table);

void probability_table_clear(ProbabilityTable *table);
/** Add samples [count] by their logits [count, labels] and true labels [count], in the order of the data set. */
void probability_table_add(ProbabilityTable *table, int64_t count, const double *logits, const double *truth);

/** Set auroc, auroc_weighted and ece:
 *  auroc           of two classes: that of the second one; of more: the mean over the classes of one class against the
 *                  rest, as roc_auc_score(multi_class="ovr")
 *  auroc_weighted  the classes weighted by their samples (average="weighted"); of two classes the same as auroc
 *  Both are NaN where a class has no sample, or all samples, or a probability is NaN. */
void probability_table_scores(ProbabilityTable *table, Scores *scores);

#endif
