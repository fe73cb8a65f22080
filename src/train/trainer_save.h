#ifndef LINNET_TRAIN_TRAINER_SAVE_H
#define LINNET_TRAIN_TRAINER_SAVE_H
/* Saving checkpoints, and stopping after a signal. */
#include "train/trainer_state.h"

typedef enum {
    SAVE_BETWEEN, /* training continues meanwhile, if save_in_background */
    SAVE_LAST,    /* nothing is left to do meanwhile */
    SAVE_STOPPING /* the run ends for a signal: a failure is an error, whatever on_save_failure says */
} SaveKind;

/* Save a checkpoint of the current state and remove old ones, after waiting for one that is being written. A failure is an
 * error or a warning, as on_save_failure says, and save.step then keeps its value. Collective. */
Status trainer_save(Trainer *trainer, SaveKind kind, Error *error);

/* Wait for the checkpoint that is being written in the background, if any, and handle its failure. Collective. */
Status trainer_join_writer(Trainer *trainer, Error *error);

/* Save after a stop signal: always fills *error, with STATUS_STOPPED if the run can be resumed. Collective. */
Status trainer_stop(Trainer *trainer, Error *error);

#endif
