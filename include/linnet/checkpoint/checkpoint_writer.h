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
} Saver;

/** Start writing a snapshot, which the saver owns from now on; afterwards older checkpoints are removed as
 *  checkpoint_rotate() says. Nothing may be under way. Where no thread can be had it is written before this returns. */
void saver_start(Saver *saver, Snapshot *snapshot, const char *output_dir, int64_t limit, int64_t current,
                 int64_t best);

/** Whether a write has ended that saver_finish() was not called for yet. */
bool saver_ended(const Saver *saver);

/** Wait for the write that was started, if any; its error. */
Status saver_finish(Saver *saver, Error *error);

#endif
