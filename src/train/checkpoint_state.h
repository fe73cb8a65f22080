#ifndef LINNET_CHECKPOINT_STATE_H
#define LINNET_CHECKPOINT_STATE_H
/* trainer_state.json of a checkpoint. checkpoint_read_state() (checkpoint.h) reads it. */
#include "linnet/checkpoint.h"

/* Write folder/trainer_state.json; output_dir is what best_model_checkpoint is named by. Not collective. */
void state_write(const char *folder, const char *output_dir, const RunState *state, const cJSON *history, Error *error);

#endif
