#ifndef LINNET_TRAIN_TRAINER_FINISH_H
#define LINNET_TRAIN_TRAINER_FINISH_H
/* The end of a run. */
#include "train/trainer_state.h"

/* Load the best model if the settings say so, save the final model, evaluate it and print its scores. Collective. */
Status trainer_finish(Trainer *trainer, Error *error);

#endif
