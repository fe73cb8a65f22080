#ifndef LINNET_SETTINGS_RUN_LENGTH_H
#define LINNET_SETTINGS_RUN_LENGTH_H
/** How long a run is, in samples and updates: it follows from the settings, the number of ranks and the number of
 *  training samples. Not collective, cannot fail. */
#include "linnet/settings/settings.h"

typedef struct {
    int64_t global_batch;    /**< samples of an update: as set, but never more than there are */
    int64_t units;           /**< reduction units of an update: as set, but never more than it has samples */
    int64_t steps_per_epoch; /**< updates of an epoch, the last of which may have fewer samples */
    int64_t total;           /**< updates of the run */
    /* updates between two lines of the log, two evaluations and two checkpoints; 0: not by steps */
    int64_t log_every, eval_every, save_every;
} RunLength;

RunLength run_length(const Settings *settings, int ranks, int64_t samples);

/** Reduction units of an update of `global_batch` samples. */
int64_t run_length_units(const Settings *settings, int ranks, int64_t global_batch);

/** A setting that counts updates, of a run of `total`: below 1 it is a fraction of them, which Trainer rounds up. */
int64_t run_length_steps(double setting, int64_t total);

#endif
