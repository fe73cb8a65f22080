#ifndef LINNET_TRAIN_TRAINER_RESUME_H
#define LINNET_TRAIN_TRAINER_RESUME_H
/* Resuming a run from a checkpoint. */
#include "train/trainer_state.h"

/* Remove or complete what a crash left unfinished in output_dir. Then, if the settings ask for it, take the state of the
 * checkpoint to resume from: *folder is its folder (NULL: start from the beginning; free with memory_free()) and
 * *history, on rank 0, its log (free with cJSON_Delete()). STATUS_INPUT if the run would not continue that checkpoint's
 * run. Collective. */
Status trainer_resume(Trainer *trainer, char **folder, cJSON **history, Error *error);

#endif
