#ifndef LINNET_CHECKPOINT_CHECKPOINT_H
#define LINNET_CHECKPOINT_CHECKPOINT_H
/** The checkpoints in an output folder. OUTPUT/checkpoint-STEP/ is a complete Hugging Face model folder with three more
 *  files (docs/reference/formats.md):
 *
 *     trainer_state.json       Trainer's: step, epoch, best metric, log history
 *     optimizer.safetensors    the moments: the dense ones complete, of the sparse embeddings the rows ever touched; not
 *                              with save_only_model
 *     linnet_state.json        the run that it belongs to, what Trainer has no names for, the SHA-256 of every file
 *
 *  All is written to checkpoint-STEP.tmp, linnet_state.json last, flushed to disk, then renamed: a checkpoint is
 *  complete or not there. A folder may hold checkpoints of several runs; each function says whose it looks at. Not
 *  collective. */
#include "linnet/checkpoint/checkpoint_verify.h"

/** OUTPUT/checkpoint-STEP, to be freed with memory_free(). */
char *checkpoint_path(const char *output_dir, int64_t step, Error *error);

/** The folder of the best model's checkpoint, likewise; NULL without an error where there is none. */
char *checkpoint_best_path(const char *output_dir, const BestCheckpoint *best, Error *error);

typedef struct {
    int64_t step;
    CheckpointKind kind;
    char run[RUN_ID_TEXT]; /**< whose it is; empty where its linnet_state.json does not say, or is damaged */
} CheckpointEntry;

/** The folders called checkpoint-STEP of an output folder, by ascending step. */
typedef struct {
    CheckpointEntry *entries; /**< [count], owned */
    size_t count;
} CheckpointList;

/** List them. A folder that does not exist has none; one that exists and cannot be listed is an error. To be freed also
 *  after an error. */
Status checkpoint_list(CheckpointList *list, const char *output_dir, Error *error);
void checkpoint_list_free(CheckpointList *list);

/** Whether an entry is a checkpoint of this run. */
bool checkpoint_is_of(const CheckpointEntry *entry, const char *run);

/** Whether this run may replace an entry by its own checkpoint of the same step: one of its own, or a damaged one of
 *  linnet that does not say whose it is. */
bool checkpoint_may_replace(const CheckpointEntry *entry, const char *run);

/** STATUS_FAILURE where `path` is there and this run may not replace it. */
Status checkpoint_check_replaced(const char *path, const char *run, Error *error);

/** The highest step of a run's checkpoints, intact or not; 0: it has none. */
int64_t checkpoint_newest(const CheckpointList *list, const char *run);

/** The highest step of a run's checkpoints that are intact (checkpoint_verify()) and have the optimizer's state; 0 when it
 *  has no checkpoint. Warns of each one that is passed over, with what is wrong with it. STATUS_INPUT when there are some
 *  but none is intact, or none has the state. One that does not say whose it is counts as damaged. */
int64_t checkpoint_newest_intact(const CheckpointList *list, const char *output_dir, const char *run, Error *error);

/** Room for a list of names, which ends with "and N more" where it is too long. */
#define CHECKPOINT_NAMES_TEXT 400

/** The number of entries that are not checkpoints of this run, and their names with whose they are:
 *  "checkpoint-3 (run 1f0c9a3b), checkpoint-500 (Hugging Face Trainer)". */
size_t checkpoint_others(const CheckpointList *list, const char *run, char names[CHECKPOINT_NAMES_TEXT]);

/** Remove the checkpoints that are not of this run, but for those whose paths are in keep [count] (NULL: none). A log
 *  line names each. */
Status checkpoint_remove_others(const char *output_dir, const char *run, const char *const *keep, size_t count,
                                Error *error);

/** Remove what a killed run left unfinished in its folder, or rename a complete checkpoint back. Not while a run writes
 *  there. */
Status checkpoint_tidy(const char *output_dir, Error *error);

/** Remove checkpoints of a run until `limit` of them are left: first those of steps above `current`, which it has not
 *  reached again, then the lowest steps; never those of steps `current` and `best` (0: none), so that more may be left.
 *  Checkpoints of other runs neither count nor are removed. */
Status checkpoint_rotate(const char *output_dir, const char *run, int64_t limit, int64_t current, int64_t best,
                         Error *error);

#endif
