#ifndef LINNET_CHECKPOINT_CHECKPOINT_STATE_H
#define LINNET_CHECKPOINT_CHECKPOINT_STATE_H
/* trainer_state.json of a checkpoint. checkpoint_read_state() (checkpoint.h) reads it. */
#include "linnet/checkpoint/checkpoint.h"

/* trainer_state.json as a tree, to be freed with cJSON_Delete(); output_dir is what best_model_checkpoint is named by.
 * NULL or of no use when *error was set. Not collective. */
cJSON *state_tree(const RunState *state, const char *output_dir, const cJSON *history, Error *error);
/* Write it to folder/trainer_state.json. Not collective; by any thread. */
void state_save(const char *folder, const cJSON *tree, Error *error);

#endif
