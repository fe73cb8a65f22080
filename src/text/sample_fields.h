#ifndef LINNET_TEXT_SAMPLE_FIELDS_H
#define LINNET_TEXT_SAMPLE_FIELDS_H
/** The cells of a table's row that a sample is made of. Not collective. */
#include "linnet/text/preparation.h"
#include "text/targets.h"

typedef struct {
    const PrepareOptions *options; /**< borrowed */
    size_t count;                  /**< columns that are read */
    const char **columns;          /**< [count] the text's, perhaps the second text's, those of the labels */
    Field *fields;                 /**< [count] of the current row */
    size_t pair, label;            /**< places of the second text and of the first label; 0: there is none */
    LabelNames labels;             /**< none where the options have none */
    TargetRule rule;               /**< how targets are read, where samples have them */
    float *targets;                /**< [labels.count] of the current row; NULL: samples have none */
} SampleFields;

/** Choose the columns. STATUS_INPUT for label names that label_names_init() refuses, and for a label column that appears
 *  twice. To be freed also after an error. */
Status sample_fields_init(SampleFields *sample, const PrepareOptions *options, Error *error);
void sample_fields_free(SampleFields *sample);

/** The label of the current row, 0 where it has none or has targets, which are read. Errors name the place in `table`. */
Status sample_fields_label(SampleFields *sample, const char *table, int32_t *label, Error *error);

#endif
