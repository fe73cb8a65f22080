#ifndef LINNET_TRAIN_TRAINER_EVENTS_H
#define LINNET_TRAIN_TRAINER_EVENTS_H
/* What is due between updates. */
#include "train/trainer_state.h"

/* After an update: the training line, evaluation and checkpoint, as far as they are due. Collective. */
Status trainer_events(Trainer *trainer, Error *error);

/* Evaluation and checkpoint alone: a resumed run also makes up for an evaluation that a stop signal ended. Collective. */
Status trainer_evaluate_and_save(Trainer *trainer, Error *error);

#endif
