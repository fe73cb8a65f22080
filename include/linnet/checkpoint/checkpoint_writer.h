#ifndef LINNET_CHECKPOINT_CHECKPOINT_WRITER_H
#define LINNET_CHECKPOINT_CHECKPOINT_WRITER_H
/** Writing a checkpoint in the background, by a thread of rank 0. The thread works on a snapshot alone, calls
 *  neither MPI nor HDF5, and blocks stop signals, which the training thread handles. One checkpoint at a time. Not
 *  collective: the trainer agrees on the outcome. */
#include "linnet/checkpoint/checkpoint_save.h"
#include <pthread.h>
#include <stdatomic.h>

typedef struct {
    Snapshot *snapshot; /**< owned while it is written */
    const char *output_dir;
    const char *run;              /**< and these: arguments of checkpoint_rotate() afterwards */
    int64_t limit, current, best; /**< limit 0: it is not called */
    Error error;
    bool started, threaded;
    atomic_bool ended;
    pthread_t thread;
} CheckpointWriter;

/** Start writing a snapshot, which the checkpoint writer owns from now on; afterwards older checkpoints are removed as
 *  checkpoint_rotate() says; `run` is its id, borrowed. No write may be under way. If no thread can be created the snapshot is written before this
 *  returns. */
void checkpoint_writer_start(CheckpointWriter *writer, Snapshot *snapshot, const char *output_dir, const char *run,
                             int64_t limit, int64_t current, int64_t best);

/** Whether a write has ended for which checkpoint_writer_finish() was not called yet. */
bool checkpoint_writer_ended(const CheckpointWriter *writer);

/** Wait for the write that was started, if any, and return its error. */
Status checkpoint_writer_finish(CheckpointWriter *writer, Error *error);

#endif
