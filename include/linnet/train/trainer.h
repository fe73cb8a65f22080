#ifndef LINNET_TRAIN_TRAINER_H
#define LINNET_TRAIN_TRAINER_H
/** A whole training run: what Hugging Face's Trainer.train() does, over all ranks of the world. */
#include "linnet/comm/world.h"
#include "linnet/settings/settings.h"

/** Run what the settings (the same on every rank) ask for. Writes OUTPUT/; rank 0 prints the final table to
 *  standard output. STATUS_STOPPED when a signal stopped it after saving. With `profile` a table of seconds by
 *  phase is printed when it ends by itself and each rank writes OUTPUT/profile-RANK.json. An error has been
 *  printed by the rank that it belongs to. Collective. */
Status trainer_run(World *world, const Settings *settings, bool profile, Error *error);

#endif
