#ifndef LINNET_DATA_DATASET_STATISTICS_H
#define LINNET_DATA_DATASET_STATISTICS_H
/** What the samples of a token file are like: classes or targets, lengths, equal samples, and equal ones with different
 *  labels. Not collective. */
#include "linnet/data/dataset.h"

enum { STATISTICS_EXAMPLES = 5 };

typedef struct {
    int64_t per_label[DATASET_LABELS_MAX];  /**< samples of each class, or to which each label applies */
    TargetRange ranges[DATASET_LABELS_MAX]; /**< of each target */
    /** In tokens. A percentile is a sample's length: the least that so many of the samples do not exceed (NumPy's
     *  `inverted_cdf`). */
    int32_t shortest, median, percentile_95, percentile_99, longest;
    int64_t at_limit;   /**< samples of `max_length` tokens, most of which were truncated */
    int64_t longer;     /**< samples of more tokens than `positions` */
    int64_t duplicates; /**< samples with the tokens of an earlier one */
    int64_t ambiguous;  /**< different texts that have samples with different labels; with regression not counted */
    int64_t ambiguous_samples; /**< samples with these texts */
    /** Of the first such texts: a sample, and one with another label or other labels. */
    int64_t examples[STATISTICS_EXAMPLES][2];
} DatasetStatistics;

/** Read all samples. `positions`: of a model; 0: not known. Takes 44 bytes of memory a sample. Equality is that of
 *  128-bit hashes, of several labels a sample that of 64-bit hashes. */
Status dataset_statistics(Dataset *dataset, int32_t positions, DatasetStatistics *statistics, Error *error);

#endif
