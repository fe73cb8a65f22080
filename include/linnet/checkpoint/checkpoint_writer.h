#ifndef LINNET_CHECKPOINT_CHECKPOINT_WRITER_H
#define LINNET_CHECKPOINT_CHECKPOINT_WRITER_H
/** Writing a checkpoint in the background, by a thread of rank 0. It works on a snapshot alone, calls no MPI, takes
 *  turns with the training thread at HDF5 (data/h5.h), and has stop signals blocked, which the training thread is there
 *  for. One checkpoint at a time. Not collective: the trainer agrees on what came of it. */
#include "linnet/checkpoint/checkpoint.h"
#include <pthread.h>
#include <stdatomic.h>

typedef struct {
    Snapshot *snapshot; /**< owned while it is written */
    const char *output_dir;
    int64_t limit, current, best; /**< what checkpoint_rotate() is given afterwards; limit 0: it is not called */
    Error error;
    bool started, threaded;
    atomic_bool ended;
    pthread_t thread;
} CheckpointWriter;

/** Start writing a snapshot, which the checkpoint writer owns from now on; afterwards older checkpoints are removed as
 *  checkpoint_rotate() says. Nothing may be under way. Where no thread can be had it is written before this returns. */
void checkpoint_writer_start(CheckpointWriter *writer, Snapshot *snapshot, const char *output_dir, int64_t limit,
                             int64_t current, int64_t best);

/** Whether a write has ended that checkpoint_writer_finish() was not called for yet. */
bool checkpoint_writer_ended(const CheckpointWriter *writer);

/** Wait for the write that was started, if any; its error. */
Status checkpoint_writer_finish(CheckpointWriter *writer, Error *error);

#endif
