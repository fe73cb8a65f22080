#ifndef LINNET_TRAIN_TRAINER_LOG_H
#define LINNET_TRAIN_TRAINER_LOG_H
/* Lines of the log. */
#include "train/trainer_state.h"

/* Append an event (NULL: there was no memory for it), which the log owns from now on. Rank 0. */
void trainer_add_event(Trainer *trainer, cJSON *event, Error *error);

/* The training line: means since the line before. Not collective, called by all ranks. */
void trainer_log_training(Trainer *trainer);

#endif
