/* Learning rate schedules, as Transformers computes them. */
#include "linnet/optim/schedule.h"
#include "linnet/core/elementary.h"
#include "linnet/core/integers.h"
#include "linnet/settings/run_length.h"
#include <math.h>

Schedule schedule_make(const Settings *settings, int64_t total) {
    return (Schedule){.kind = settings->lr_scheduler_type,
                      .peak = settings->learning_rate,
                      .warmup = run_length_steps(settings->warmup_steps, total),
                      .total = total};
}

double schedule_rate(const Schedule *schedule, int64_t step) {
    if (schedule->kind == SCHEDULE_CONSTANT) return schedule->peak;
    if (step < schedule->warmup) return schedule->peak * ((double)step / (double)schedule->warmup);
    /* The parts of the decay that are done and left. Transformers computes both: 1 − done would round otherwise. */
    const double decay = (double)int64_max(schedule->total - schedule->warmup, 1);
    const double done = (double)(step - schedule->warmup) / decay, left = (double)(schedule->total - step) / decay;
    double factor = 1;
    if (schedule->kind == SCHEDULE_LINEAR) factor = left;
    if (schedule->kind == SCHEDULE_COSINE) factor = 0.5 * (1 + elementary_cos_pi(done));
    return schedule->peak * fmax(0, factor);
}
