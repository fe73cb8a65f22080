/* Between updates: log, evaluate, save, stop early. See trainer_private.h. */
#include "linnet/core/log.h"
#include "linnet/core/signals.h"
#include "train/trainer_private.h"

#include <string.h>

static bool due(int64_t step, int64_t every) {
    return every > 0 && step % every == 0;
}

void trainer_add_event(Trainer *t, cJSON *event, Error *error) {
    Error failure = {0};
    if (event == NULL)
        error_set(&failure, STATUS_FAILURE, "out of memory for the log");
    else
        runlog_add(t->log, event, &failure);
    bool behind = runlog_is_behind(t->log); /* nothing is lost: what the file lacks the history has */
    if (behind && t->settings->on_save_failure == SAVE_FAILURE_CONTINUE) {
        if (!t->log_behind) log_warning("%s; training goes on, its lines will follow", failure.message);
    } else if (failure.status != STATUS_OK) {
        error_set(error, failure.status, "%s", failure.message);
    }
    t->log_behind = behind;
}

/* The training line: means since the line before. An error of rank 0's rides along with the next update's sums. */
static void log_training(Trainer *t) {
    RunState *state = &t->state;
    double now = MPI_Wtime(), seconds = now - t->logged_at;
    if (t->world->rank == 0)
        trainer_add_event(t,
                          runlog_train_event(state->step, state->epoch, state->loss_sum / (double)state->loss_steps,
                                             t->norm, t->rate, (double)t->tokens / seconds,
                                             (double)t->samples / seconds),
                          &t->pending);
    trainer_tell_slow(t, seconds);
    t->waited -= t->totals[TOTALS_WAITED + t->world->rank]; /* what has been told; the last sum's wait is still to be */
    state->loss_sum = 0.0;
    state->loss_steps = t->tokens = t->samples = 0;
    t->logged_at = now;
}

static bool stop_asked(void) {
    return signals_pending() != 0;
}

Status trainer_evaluate(Trainer *t, Scores *scores, Error *error) {
    Evaluator evaluator = {t->world, t->gpt2, &t->model.parameters, &t->batch, t->rule, stop_asked};
    double start = MPI_Wtime();
    optimizer_await_all(&t->optimizer);
    world_phase(t->world, RUN_EVALUATION, t->state.step);
    profile_enter(t->profile, REGION_EVALUATION);
    evaluate_run(&evaluator, t->eval_data, t->settings->per_device_eval_batch_size, t->metrics, NULL, error);
    profile_leave(t->profile, 0.0);
    t->state.evaluation_due = error->status == STATUS_STOPPED;
    if (t->state.evaluation_due) {
        *error = (Error){0};
        return STATUS_OK;
    }
    if (error->status != STATUS_OK) return error->status;
    double seconds = MPI_Wtime() - start;
    *scores = metrics_scores(t->metrics);
    t->evaluated_step = t->state.step;
    t->evaluation_seconds = seconds;
    t->logged_at += seconds; /* the training line's speed is of training */
    /* A run that goes on behind its last update evaluates once more, for its table alone. */
    if (t->world->rank == 0 && (t->best_loaded || !runlog_has_evaluation(t->log, t->state.step)))
        trainer_add_event(t, runlog_eval_event(t->state.step, t->state.epoch, scores, seconds, t->metrics->samples),
                          error);
    return world_agree(t->world, error, true);
}

/* The figure that the best model is chosen by. */
static double chosen_metric(const Settings *settings, const Scores *scores) {
    const char *name = settings->metric_for_best_model;
    if (strcmp(name, "accuracy") == 0) return scores->accuracy;
    return strcmp(name, "f1") == 0 ? scores->f1 : scores->loss;
}

/* Whether this evaluation is the best so far; the state remembers. */
static bool note_best(Trainer *t, const Scores *scores) {
    const Settings *s = t->settings;
    RunState *state = &t->state;
    if (s->metric_for_best_model == NULL) return false;
    double metric = chosen_metric(s, scores);
    bool better =
        !state->has_best || (s->greater_is_better ? metric > state->best_metric : metric < state->best_metric);
    state->stale = better ? 0 : state->stale + 1;
    if (better) {
        state->has_best = true;
        state->best_metric = metric;
        state->best_step = state->step;
    }
    if (s->early_stopping_patience > 0 && state->stale >= s->early_stopping_patience) t->stop_early = true;
    return better;
}

/* Trainer also evaluates and saves by steps at the last update, and by epochs when it stops early in the middle of
 * one. */
static bool is_due(const Trainer *t, Strategy strategy, int64_t every) {
    bool ends = t->state.step == t->state.total || t->stop_early;
    if (strategy == STRATEGY_STEPS) return due(t->state.step, every) || ends;
    return strategy == STRATEGY_EPOCH && (t->state.step % t->steps_per_epoch == 0 || ends);
}

Status trainer_due(Trainer *t, Error *error) {
    const Settings *s = t->settings;
    bool best = false;
    Scores scores;
    if (is_due(t, s->eval_strategy, t->eval_every)) {
        if (trainer_evaluate(t, &scores, error) || t->state.evaluation_due) return error->status;
        best = note_best(t, &scores);
    }
    if (!is_due(t, s->save_strategy, t->save_every) && !(s->save_strategy == STRATEGY_BEST && best)) return STATUS_OK;
    return trainer_save(t, t->state.step == t->state.total || t->stop_early ? SAVE_LAST : SAVE_BETWEEN, error);
}

Status trainer_events(Trainer *t, Error *error) {
    if (due(t->state.step, t->log_every)) log_training(t);
    return trainer_due(t, error);
}
