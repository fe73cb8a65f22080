/* A learning rate that falls where a metric no longer improves. */
#include "linnet/optim/plateau.h"
#include <math.h>

PlateauState plateau_begin(double learning_rate) {
    return (PlateauState){.rate = learning_rate, .peak = learning_rate};
}

/* In torch's own terms, where the best is infinite at first: a metric that is not a number is not better. */
static bool is_better(const PlateauState *state, const PlateauOptions *options, double metric) {
    const bool relative = options->threshold_mode == PLATEAU_REL, less = options->mode == PLATEAU_MIN;
    const double best = state->has_best ? state->best : less ? INFINITY : -INFINITY, threshold = options->threshold;
    if (less) return metric < (relative ? best * (1.0 - threshold) : best - threshold);
    return metric > (relative ? best * (threshold + 1.0) : best + threshold);
}

static void reduce(PlateauState *state, const PlateauOptions *options) {
    const double lower = fmax(state->rate * options->factor, options->min_lr);
    if (state->rate - lower > options->eps) state->rate = lower;
}

void plateau_step(PlateauState *state, const PlateauOptions *options, double metric) {
    if (is_better(state, options, metric)) {
        state->has_best = true;
        state->best = metric;
        state->bad = 0;
    } else {
        state->bad++;
    }
    if (state->cooldown > 0) {
        state->cooldown--;
        state->bad = 0;
    }
    if ((double)state->bad > options->patience) {
        reduce(state, options);
        state->cooldown = (int64_t)options->cooldown;
        state->bad = 0;
    }
}
