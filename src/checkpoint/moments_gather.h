#ifndef LINNET_CHECKPOINT_MOMENTS_GATHER_H
#define LINNET_CHECKPOINT_MOMENTS_GATHER_H
/** Sending every rank's moments to rank 0, in pieces and in the order of the file (moments_file.h). */
#include "checkpoint/moments_file.h"
#include "linnet/optim/optimizer.h"

typedef struct {
    const Optimizer *optimizer; /**< borrowed */
    MomentsShape shape;
    float *buffer; /**< [largest piece] */
} MomentsGather;

/** Copy floats by all threads of this rank: most of the time goes into new pages. */
void moments_copy(float *to, const float *from, size_t floats);

/** Not collective; does not agree. After a failure only moments_gather_close() may be called. */
Status moments_gather_open(MomentsGather *gather, const Optimizer *optimizer, Error *error);
/** Send the moments to rank 0, which puts them into values [moments_floats()] or, where that is NULL, gives them to the
 *  writer. `error` is rank 0's error of writing; after one the pieces are still received. Collective. */
void moments_gather_run(const MomentsGather *gather, float *values, SafetensorsWriter *writer, Error *error);
void moments_gather_close(MomentsGather *gather);

#endif
