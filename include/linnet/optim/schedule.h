#ifndef LINNET_OPTIM_SCHEDULE_H
#define LINNET_OPTIM_SCHEDULE_H
/** The learning rate of each update, as Transformers' get_scheduler() gives it (computed in float64). Not
 *  collective. */
#include "linnet/model/parameters.h"
#include "linnet/settings/settings.h"

typedef struct {
    ScheduleKind kind;
    ScheduleOptions options;
    double peak;    /**< learning_rate */
    int64_t warmup; /**< updates */
    int64_t total;  /**< updates of the complete run */
} Schedule;

/** The schedule of a run of `total` updates: warmup_steps below 1 is a share, rounded up as Trainer rounds it. */
Schedule schedule_make(const Settings *settings, int64_t total);

/** The rate of update `step` (from 0) as a factor of the peak, which all tensors share: Trainer's first update under
 *  warm-up has 0. That of reduce_lr_on_plateau is 1, from which evaluations lower it (plateau.h). */
double schedule_factor(const Schedule *schedule, int64_t step);

/** The rate of update `step` of a tensor whose peak is learning_rate. */
double schedule_rate(const Schedule *schedule, int64_t step);

/** The peak of a tensor's rate: learning_rate, or head_learning_rate for the head, times layerwise_lr_decay^depth. */
double schedule_peak(const Settings *settings, const ParameterTensor *tensor);

#endif
