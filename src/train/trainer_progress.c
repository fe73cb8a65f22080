/* How far a run is, and when it will end. See trainer_state.h. */
#include "linnet/core/clock.h"
#include "linnet/core/log.h"
#include "linnet/core/progress.h"
#include "train/trainer_state.h"
#include <stdio.h>

/* The end of the run is told when the speed is known from so many updates, the first one apart, which is slow, in at
 * least so many seconds; and only where it is at least so many seconds away. */
enum { TOLD_AFTER_UPDATES = 10 };
#define TOLD_AFTER_SECONDS 10.0
#define TOLD_AT_LAST 30.0 /* seconds after which three slow updates suffice */
#define TOLD_FROM 60.0

/* A forward and a backward pass take about three times as long as a forward pass: each product of the forward pass has
 * two in the backward pass. */
#define PASSES 3.0

/* How often something that `strategy` asks for is still due, see trainer.c. */
static int64_t times_due(const Trainer *t, Strategy strategy, int64_t every) {
    const int64_t step = t->state.step, total = t->state.total;
    if (strategy == STRATEGY_EPOCH) every = t->length.steps_per_epoch;
    if ((strategy != STRATEGY_STEPS && strategy != STRATEGY_EPOCH) || every <= 0) return 0;
    return total / every - step / every + (total % every != 0);
}

/* Evaluations to come: the last one counts once, whether it is at the last update or after the best model is loaded. */
static int64_t evaluations_left(const Trainer *t) {
    if (t->evaluation.count == 0) return 0;
    const int64_t due = times_due(t, t->settings->eval_strategy, t->length.eval_every);
    return due + (due == 0 || t->settings->load_best_model_at_end);
}

/* Seconds of an evaluation: as the last one took or, before there was one, by the speed of the training. */
static double evaluation_seconds(const Trainer *t, double tokens_per_second) {
    if (t->evaluation.seconds > 0.0) return t->evaluation.seconds;
    if (t->evaluation.count == 0 || !(tokens_per_second > 0.0)) return 0.0;
    return (double)t->state.eval_tokens / (PASSES * tokens_per_second);
}

/* Seconds of the run that its updates do not take. Saving counts as the last checkpoint took; it is not known before. */
static double seconds_apart(const Trainer *t, double tokens_per_second) {
    const int64_t saves = times_due(t, t->settings->save_strategy, t->length.save_every) + 1; /* the final model */
    return (double)evaluations_left(t) * evaluation_seconds(t, tokens_per_second) + (double)saves * t->save.seconds;
}

static void tell_end(Trainer *t, double now) {
    char text[128];
    if (t->run_steps == 1) t->progress.since = now;
    const double seconds = now - t->progress.since;
    const int64_t enough = seconds < TOLD_AT_LAST ? TOLD_AFTER_UPDATES : 3;
    if (t->progress.told || t->run_steps <= enough || seconds < TOLD_AFTER_SECONDS) return;
    t->progress.told = true;
    const double left = progress_left();
    if (left < TOLD_FROM) return;
    progress_left_text(left, time(NULL), text, sizeof text);
    log_info("time      %s", text);
}

void trainer_progress(Trainer *t) {
    const RunState *state = &t->state;
    char note[160];
    if (t->world->rank != 0) return;
    const double now = clock_now(), seconds = now - t->log.since;
    const double speed = seconds > 0.0 ? (double)t->log.tokens / seconds : 0.0;
    if (state->loss_steps > 0)
        snprintf(note, sizeof note, "loss %.4g, learning rate %.2g, %.0f tokens/s",
                 state->loss_sum / (double)state->loss_steps, t->update.rate, speed);
    progress_set(state->step, state->loss_steps > 0 ? note : NULL);
    if (t->run_steps == 1) progress_resume(state->step); /* the first update is slow: it says nothing of the others */
    progress_later(seconds_apart(t, speed));
    tell_end(t, now);
}
