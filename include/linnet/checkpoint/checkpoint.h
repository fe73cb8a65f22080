#ifndef LINNET_CHECKPOINT_CHECKPOINT_H
#define LINNET_CHECKPOINT_CHECKPOINT_H
/** The checkpoints of a run. OUTPUT/checkpoint-STEP/ is a complete Hugging Face model folder with two more files
 *  (docs/reference/formats.md):
 *
 *     trainer_state.json       Trainer's: step, epoch, best metric, log history; in the member "linnet" what Trainer
 *                              has no names for, and the SHA-256 of every file
 *     optimizer.safetensors    the moments: the dense ones complete, of the sparse embeddings the rows ever touched
 *
 *  All is written to checkpoint-STEP.tmp, the state last, flushed to disk, then renamed: a checkpoint is complete or
 *  not there. Not collective. */
#include "linnet/core/error.h"
#include <stdint.h>

/** OUTPUT/checkpoint-STEP, to be freed with memory_free(). */
char *checkpoint_path(const char *output_dir, int64_t step, Error *error);

/** The highest step of the checkpoints in a folder; −1 when there is none, or after an error: a folder that exists and
 *  cannot be listed. */
int64_t checkpoint_newest(const char *output_dir, Error *error);

/** The highest step of the checkpoints that are intact (checkpoint_verify()); −1 when there is no checkpoint. Warns of
 *  each one that is passed over, with what is wrong with it. STATUS_INPUT when there are some but none is intact. */
int64_t checkpoint_newest_intact(const char *output_dir, Error *error);

/** Remove what a killed run left unfinished in its folder, or rename a complete checkpoint back. Not while a run writes
 *  there. */
Status checkpoint_tidy(const char *output_dir, Error *error);

/** Remove checkpoints until `limit` are left: first those of steps above `current`, which an earlier run in this folder
 *  has left, then the lowest steps; never those of steps `current` and `best` (0: none), so that more may be left. */
Status checkpoint_rotate(const char *output_dir, int64_t limit, int64_t current, int64_t best, Error *error);

#endif
