/* Learning rate schedules, as Transformers computes them. */
#include "linnet/optim/schedule.h"
#include "linnet/core/integers.h"
#include "linnet/settings/run_length.h"
#include <math.h>

static const double PI = 3.14159265358979323846;

Schedule schedule_make(const Settings *settings, int64_t total) {
    return (Schedule){.kind = settings->lr_scheduler_type,
                      .peak = settings->learning_rate,
                      .warmup = run_length_steps(settings->warmup_steps, total),
                      .total = total};
}

/* The part of the decay that is done at `step`, from 0 to 1 at the end of the run. */
static double share_done(const Schedule *schedule, int64_t step) {
    int64_t decay = schedule->total - schedule->warmup;
    return (double)(step - schedule->warmup) / (double)int64_max(decay, 1);
}

/* The part that is left. 1 − share_done() would round otherwise than Transformers does. */
static double share_left(const Schedule *schedule, int64_t step) {
    int64_t decay = schedule->total - schedule->warmup;
    return (double)(schedule->total - step) / (double)int64_max(decay, 1);
}

double schedule_rate(const Schedule *schedule, int64_t step) {
    if (schedule->kind == SCHEDULE_CONSTANT) return schedule->peak;
    if (step < schedule->warmup) return schedule->peak * ((double)step / (double)schedule->warmup);
    double factor = 1;
    switch (schedule->kind) {
    case SCHEDULE_LINEAR:
        factor = share_left(schedule, step);
        break;
    case SCHEDULE_COSINE:
        factor = 0.5 * (1 + cos(PI * share_done(schedule, step)));
        break;
    case SCHEDULE_CONSTANT:
    case SCHEDULE_CONSTANT_WITH_WARMUP:
        break;
    }
    return schedule->peak * fmax(0, factor);
}
