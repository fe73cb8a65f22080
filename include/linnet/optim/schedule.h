#ifndef LINNET_OPTIM_SCHEDULE_H
#define LINNET_OPTIM_SCHEDULE_H
/** The learning rate of each update, as Transformers' get_scheduler() gives it (computed in float64). Not
 *  collective. */
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

/** The rate of update `step` (from 0): Trainer's first update under warm-up has rate 0. */
double schedule_rate(const Schedule *schedule, int64_t step);

#endif
