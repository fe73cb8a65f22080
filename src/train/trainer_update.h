#ifndef LINNET_TRAIN_TRAINER_UPDATE_H
#define LINNET_TRAIN_TRAINER_UPDATE_H
/* One update of the model. */
#include "train/trainer_state.h"

/* Update number state.step + 1. Sets failed, stop_signal and save.ended, which all ranks agree on. Collective. */
void trainer_update(Trainer *trainer);

/* Callbacks of a forward or backward pass, with the Trainer as `context`: wait for a bucket of parameters, see
 * parameters_await(); let messages progress, see gpt2_set_poll(). */
void trainer_parameters_ready(void *context, size_t bucket);
void trainer_poll(void *context);

#endif
