#ifndef LINNET_EVALUATE_PREDICTIONS_FILE_H
#define LINNET_EVALUATE_PREDICTIONS_FILE_H
/** The table that an evaluation writes of its samples: a header line, then a line for each sample with its row in the
 *  source table, the true and the predicted label, and the probability of each label. With multi label the two cells hold
 *  lists, with regression the cells of all targets follow, then those of all predictions (docs/reference/formats.md,
 *  "Predictions"). Used by rank 0. Not collective. */
#include "linnet/core/error.h"
#include "linnet/data/dataset.h"
#include <stdint.h>
#include <stdio.h>

/** What a training run calls its file, in output_dir: the predictions of its last evaluation. */
#define EVAL_PREDICTIONS_FILE "eval_predictions.tsv"
/** That name, or eval_predictions_NAME.tsv for an evaluation file that has a name (NULL: none). */
void predictions_file_name(const char *name, char *text, size_t size);

typedef struct {
    const char *path;         /**< borrowed */
    Dataset *dataset;         /**< borrowed */
    Problem problem;          /**< of the model */
    int32_t labels;           /**< of the model */
    char *const *label_names; /**< [labels] borrowed */
    FILE *file;               /**< NULL before predictions_begin() and after predictions_end() */
} PredictionsFile;

/** Start the file `predictions->path` under a temporary name: the header line. The other members are set by the caller.
 *  Without labels in the data set there is no column of true labels. */
Status predictions_begin(PredictionsFile *predictions, Error *error);

/** Write the lines of samples first … first + count − 1 with their logits [count, labels]; `context` is the
 *  PredictionsFile: the function of a LogitsSink. */
Status predictions_take(void *context, int64_t first, int64_t count, const double *logits, Error *error);

/** If *error is STATUS_OK flush the file to disk and move it into place, else remove it: file_end(). */
Status predictions_end(PredictionsFile *predictions, Error *error);

#endif
