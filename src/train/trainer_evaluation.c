/* Evaluate during a run, and note the best model. */
#include "linnet/core/clock.h"
#include "linnet/core/signals.h"
#include "linnet/evaluate/score_table.h"
#include "train/trainer_state.h"
#include <math.h>
#include <string.h>

Status trainer_evaluate(Trainer *t, Scores *scores, Error *error) {
    Evaluator evaluator = {.world = t->world,
                           .gpt2 = t->gpt2,
                           .parameters = &t->model.parameters,
                           .batch = &t->batch,
                           .rule = t->batch_rule,
                           .labels = t->model.config.labels,
                           .stop = signals_pending};
    double start = clock_now();
    optimizer_await_all(&t->optimizer);
    world_phase(t->world, RUN_EVALUATION, t->state.step);
    profile_enter(t->profile, REGION_EVALUATION);
    evaluate_run(&evaluator, t->data.eval, t->settings->per_device_eval_batch_size, t->evaluation.metrics, NULL, error);
    profile_leave(t->profile, 0.0);
    t->state.evaluation_due = error->status == STATUS_STOPPED;
    if (t->state.evaluation_due) {
        *error = (Error){0};
        return STATUS_OK;
    }
    if (error->status != STATUS_OK) return error->status;
    double seconds = clock_now() - start;
    *scores = metrics_scores(t->evaluation.metrics);
    t->evaluation.step = t->state.step;
    t->evaluation.seconds = seconds;
    const bool diverged = trainer_has_diverged(t);
    if (t->world->rank == 0 && !diverged) score_table_warn(t->settings->eval_file, t->evaluation.metrics);
    t->log.since += seconds; /* the speed in the log is that of training alone */
    /* A run that is resumed after its last update evaluates again only to print the table. */
    if (t->world->rank == 0 && (t->best_loaded || !runlog_has_evaluation(t->log.file, t->state.step)))
        trainer_add_event(
            t, runlog_eval_event(t->state.step, t->state.epoch, scores, seconds, t->evaluation.metrics->samples),
            error);
    if (diverged) trainer_stop_diverged(t, error);
    return world_agree(t->world, error, true);
}

/* The metric that ranks models. */
static double chosen_metric(const Settings *settings, const Scores *scores) {
    const char *name = settings->metric_for_best_model;
    if (strcmp(name, "accuracy") == 0) return scores->accuracy;
    return strcmp(name, "f1") == 0 ? scores->f1 : scores->loss;
}

bool trainer_note_best(Trainer *t, const Scores *scores) {
    const Settings *s = t->settings;
    RunState *state = &t->state;
    if (!s->metric_for_best_model) return false;
    double metric = chosen_metric(s, scores);
    bool better =
        isfinite(metric) &&
        (!state->has_best || (s->greater_is_better ? metric > state->best_metric : metric < state->best_metric));
    state->stale = better ? 0 : state->stale + 1;
    if (better) {
        state->has_best = true;
        state->best_metric = metric;
        state->best_step = state->step;
    }
    if (s->early_stopping_patience > 0 && state->stale >= s->early_stopping_patience) t->stop_early = true;
    return better;
}
