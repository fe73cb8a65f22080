#ifndef LINNET_CHECKPOINT_TRAINER_STATE_FILE_H
#define LINNET_CHECKPOINT_TRAINER_STATE_FILE_H
/** trainer_state.json: the fields of TrainerState (Transformers 5.24), sorted by name, as Trainer writes them. Not
 *  collective. */
#include "linnet/checkpoint/run_state.h"

/** The tree; arguments as in run_state_make(). NULL after an error. */
cJSON *trainer_state_tree(const RunState *state, const char *best, const cJSON *history, Error *error);

/** Take step, epoch, total and best metric from a tree. `path` is the file named in errors. */
Status trainer_state_parse(const cJSON *tree, RunState *state, const char *path, Error *error);

#endif
