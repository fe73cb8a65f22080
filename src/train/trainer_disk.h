#ifndef LINNET_TRAIN_TRAINER_DISK_H
#define LINNET_TRAIN_TRAINER_DISK_H
/* Disk space for what a run writes. */
#include "train/trainer_state.h"

/* STATUS_INPUT if the disk of output_dir (which exists) has less free space than the run will need at least. Rank 0. */
Status trainer_check_disk(const Trainer *trainer, Error *error);

#endif
