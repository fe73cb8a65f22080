#ifndef LINNET_TRAIN_TRAINER_SETUP_H
#define LINNET_TRAIN_TRAINER_SETUP_H
/* From settings to a run that is ready for its next update. */
#include "train/trainer_state.h"

/* Open everything, and resume if the settings ask for it; print the banner. trainer_close() also after an error.
 * Collective. */
Status trainer_setup(Trainer *trainer, World *world, const Settings *settings, bool profile, Error *error);

/* Collective. */
void trainer_close(Trainer *trainer);

#endif
