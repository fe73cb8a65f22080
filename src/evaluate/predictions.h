#ifndef LINNET_EVALUATE_PREDICTIONS_H
#define LINNET_EVALUATE_PREDICTIONS_H
/* The file of predictions of an evaluation: a line per sample with its row in the source file, the true and the predicted
 * label, and the probability of each label. Rank 0; not collective. */
#include "linnet/data/dataset.h"
#include <stdio.h>

typedef struct {
    const char *path; /* borrowed */
    Dataset *dataset; /* borrowed */
    FILE *file;       /* NULL: not open */
} Predictions;

/* Start the file with its header line. */
Status predictions_begin(Predictions *predictions, const char *path, Dataset *dataset, Error *error);

/* A LogitsSink's `take`, with the Predictions as `context`. */
Status predictions_take(void *context, int64_t first, int64_t count, const double *logits, Error *error);

/* Complete the file, or remove what there is of it after an error: see file_end(). */
void predictions_end(Predictions *predictions, Error *error);

#endif
