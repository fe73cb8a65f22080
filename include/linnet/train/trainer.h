#ifndef LINNET_TRAIN_TRAINER_H
#define LINNET_TRAIN_TRAINER_H
/** A training run over all ranks of the world, like Hugging Face's Trainer.train(). */
#include "linnet/comm/world.h"
#include "linnet/settings/settings.h"

/** Train as the settings say (the same on every rank), writing to their output_dir; rank 0 prints the scores of the
 *  final model to standard output. STATUS_STOPPED if a signal stopped the run and it can be resumed. With `profile`, a
 *  run that ends by itself prints a table of seconds by region, and each rank writes OUTPUT/profile-RANK.json. The rank
 *  where an error occurred has printed it. Collective. */
Status trainer_run(World *world, const Settings *settings, bool profile, Error *error);

#endif
