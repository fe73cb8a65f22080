#ifndef LINNET_OPTIM_PLATEAU_H
#define LINNET_OPTIM_PLATEAU_H
/** lr_scheduler_type "reduce_lr_on_plateau": torch.optim.lr_scheduler.ReduceLROnPlateau (torch 2.13), which lowers the
 *  learning rate where a metric no longer improves, and which Trainer steps after each evaluation. The state is a part of
 *  a checkpoint and the same on all ranks. Cannot fail. Not collective. */
#include "linnet/settings/schedule_options.h"
#include <stdbool.h>

typedef struct {
    double rate;      /**< the learning rate now */
    double peak;      /**< learning_rate, from which it has come down */
    bool has_best;    /**< there has been a metric that is a number */
    double best;      /**< of the metrics so far */
    int64_t bad;      /**< evaluations in a row that were no better */
    int64_t cooldown; /**< evaluations that do not count yet after the last reduction */
} PlateauState;

/** At the start of a run. */
PlateauState plateau_begin(double learning_rate);

/** After an evaluation. A metric that is not a number is not better. */
void plateau_step(PlateauState *state, const PlateauOptions *options, double metric);

#endif
