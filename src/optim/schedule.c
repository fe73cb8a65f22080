/* Learning rate schedules, as Transformers computes them. */
#include "linnet/optim/schedule.h"
#include "linnet/core/elementary.h"
#include "linnet/core/integers.h"
#include "linnet/settings/run_length.h"
#include <math.h>

Schedule schedule_make(const Settings *settings, int64_t total) {
    return (Schedule){.kind = settings->lr_scheduler_type,
                      .options = settings->schedule,
                      .peak = settings->learning_rate,
                      .warmup = run_length_steps(settings->warmup_steps, total),
                      .total = total};
}

/* base^exponent for 0 ≤ base ≤ 1. */
static double power(double base, double exponent) {
    if (exponent == floor(exponent) && exponent < 64) return elementary_power(base, (int64_t)exponent);
    return base > 0 ? elementary_exp(exponent * elementary_log(base)) : 0;
}

/* A cosine of so many waves, from 1, where the part `done` of it is over. */
static double cosine(double waves, double done) {
    return 0.5 * (1 + elementary_cos_pi(waves * 2 * done));
}

static double above(double factor, double lowest) {
    return fmax(0, factor * (1 - lowest) + lowest);
}

/* A curve of warmup_stable_decay, from 1 at the peak to 0, `away` from the peak. */
static double curve(ScheduleCurve kind, double waves, double away) {
    switch (kind) {
    case CURVE_LINEAR:
        return 1 - away;
    case CURVE_COSINE:
        return cosine(waves, away);
    case CURVE_ONE_MINUS_SQRT:
        return 1 - sqrt(away);
    }
    return 0;
}

/* warmup_stable_decay behind the warm-up. */
static double stable_decay(const Schedule *schedule, int64_t step) {
    const ScheduleOptions *options = &schedule->options;
    const double stable = options->num_stable_steps >= 0
                              ? options->num_stable_steps
                              : (double)(schedule->total - schedule->warmup) - options->num_decay_steps;
    const double decay = options->num_decay_steps, after = (double)(step - schedule->warmup) - stable;
    if (after < 0) return 1;
    if (after >= decay) return options->min_lr_rate;
    return above(curve(options->decay_type, options->num_cycles, after / decay), options->min_lr_rate);
}

/* The factor of the peak during the warm-up, at update `step` < warmup. */
static double warm_up(const Schedule *schedule, int64_t step) {
    const ScheduleOptions *options = &schedule->options;
    const double done = (double)step / (double)schedule->warmup, first = options->warmup_lr_rate;
    switch (schedule->kind) {
    case SCHEDULE_COSINE_WARMUP_WITH_MIN_LR:
        if (first < 0) return (double)(step + 1) / (double)schedule->warmup;
        return first + (1 - first) * (double)step / (double)int64_max(schedule->warmup - 1, 1);
    case SCHEDULE_WARMUP_STABLE_DECAY:
        if (options->warmup_type == CURVE_LINEAR) return above(done, options->min_lr_rate);
        if (options->warmup_type == CURVE_COSINE)
            return above(0.5 * (1 - elementary_cos_pi(done)), options->min_lr_rate);
        return above(1 - sqrt(1 - done), options->min_lr_rate);
    default:
        return done;
    }
}

/* The factor behind the warm-up. */
static double decay(const Schedule *schedule, int64_t step) {
    const ScheduleOptions *options = &schedule->options;
    /* The parts of the decay that are done and left. Transformers computes both: 1 − done would round otherwise. */
    const double length = (double)int64_max(schedule->total - schedule->warmup, 1);
    const double after = (double)(step - schedule->warmup), done = after / length;
    const double left = (double)(schedule->total - step) / length;
    switch (schedule->kind) {
    case SCHEDULE_LINEAR:
        return fmax(0, left);
    case SCHEDULE_COSINE:
        return fmax(0, cosine(options->num_cycles, done));
    case SCHEDULE_COSINE_WITH_RESTARTS:
        return done >= 1 ? 0 : cosine(0.5, fmod(options->num_cycles * done, 1));
    case SCHEDULE_POLYNOMIAL:
        if (step > schedule->total) return options->lr_end / schedule->peak;
        return ((schedule->peak - options->lr_end) * power(1 - done, options->power) + options->lr_end) /
               schedule->peak;
    case SCHEDULE_INVERSE_SQRT: {
        const double given = options->timescale > 0 ? options->timescale : (double)schedule->warmup;
        const double timescale = given > 0 ? given : 10000;
        return 1 / sqrt((after + timescale) / timescale);
    }
    case SCHEDULE_COSINE_WITH_MIN_LR:
        return above(cosine(options->num_cycles, done), options->min_lr_rate);
    case SCHEDULE_COSINE_WARMUP_WITH_MIN_LR:
        return above(cosine(options->num_cycles, (after + 1) / length), options->min_lr_rate);
    case SCHEDULE_WARMUP_STABLE_DECAY:
        return stable_decay(schedule, step);
    case SCHEDULE_CONSTANT:
    case SCHEDULE_CONSTANT_WITH_WARMUP:
    case SCHEDULE_REDUCE_LR_ON_PLATEAU:
        return 1;
    }
    return 1;
}

double schedule_factor(const Schedule *schedule, int64_t step) {
    if (schedule->kind == SCHEDULE_CONSTANT || schedule->kind == SCHEDULE_REDUCE_LR_ON_PLATEAU) return 1;
    return step < schedule->warmup ? warm_up(schedule, step) : decay(schedule, step);
}

double schedule_rate(const Schedule *schedule, int64_t step) {
    return schedule->peak * schedule_factor(schedule, step);
}

double schedule_peak(const Settings *settings, const ParameterTensor *tensor) {
    const bool own = tensor->head && settings->head_learning_rate >= 0;
    const double peak = own ? settings->head_learning_rate : settings->learning_rate;
    return peak * elementary_power(settings->layerwise_lr_decay, tensor->depth);
}
