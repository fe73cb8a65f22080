#ifndef LINNET_TRAIN_TRAINER_PLAN_H
#define LINNET_TRAIN_TRAINER_PLAN_H
/* What follows from settings, data and ranks before the model is loaded. */
#include "train/trainer_state.h"

/* Length of the run, precision and build fingerprint. STATUS_INPUT if there are fewer samples than ranks. Collective. */
Status trainer_plan(Trainer *trainer, Error *error);

/* What the loader loads. */
LoaderPlan trainer_loader_plan(const Trainer *trainer);

/* How gradients are summed. */
ReductionRule trainer_reduction_rule(const Trainer *trainer, const ParameterLayout *layout);

/* The most rows (tokens) that an update can have over all ranks. */
size_t trainer_global_batch_rows(const Trainer *trainer);

/* Decide whether the ranks of a node share memory, before anything is shared. Collective. */
Status trainer_choose_sharing(Trainer *trainer, const char *model, Error *error);

#endif
