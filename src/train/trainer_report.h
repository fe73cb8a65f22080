#ifndef LINNET_TRAIN_TRAINER_REPORT_H
#define LINNET_TRAIN_TRAINER_REPORT_H
/* What a run prints. */
#include "train/trainer_state.h"

/* Rank 0 logs what it is about to do. Not collective. */
void trainer_banner(const Trainer *trainer);

/* Rank 0 prints the scores of the final model to standard output. Not collective. */
void trainer_table(const Trainer *trainer, const Scores *scores);

/* Rank 0 prints the profile of all ranks; each rank writes its own to OUTPUT/profile-RANK.json. Collective. */
Status trainer_profile(const Trainer *trainer, Error *error);

#endif
