/* Evaluate during a run, and note the best model. */
#include "linnet/core/clock.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/signals.h"
#include "linnet/evaluate/predictions_file.h"
#include "linnet/evaluate/score_table.h"
#include "linnet/kernels/linear.h"
#include "train/trainer_state.h"
#include <math.h>
#include <string.h>

/* The samples' predictions, which rank 0 writes to OUTPUT/eval_predictions.tsv. */
typedef struct {
    char *path;
    PredictionsFile file;
    Error failure; /* to write them: it does not end the evaluation */
} Keeper;

/* For LogitsSink, with the Keeper as `context`. */
static Status keep(void *context, int64_t first, int64_t count, const double *logits, Error *error) {
    Keeper *keeper = context;
    if (keeper->failure.status == STATUS_OK) predictions_take(&keeper->file, first, count, logits, &keeper->failure);
    return error->status;
}

/* Rank 0. */
static void keep_begin(const Trainer *t, Keeper *keeper) {
    keeper->path = file_join(t->settings->output_dir, EVAL_PREDICTIONS_FILE, &keeper->failure);
    keeper->file = (PredictionsFile){.path = keeper->path,
                                     .dataset = t->data.eval,
                                     .labels = t->model.config.labels,
                                     .label_names = t->model.config.label_names};
    if (keeper->path) predictions_begin(&keeper->file, &keeper->failure);
}

/* Complete the file, unless the evaluation has failed or was stopped; then the one of an earlier evaluation stays.
 * Rank 0. */
static void keep_end(const Trainer *t, Keeper *keeper, Error *error) {
    const bool failed = predictions_end(&keeper->file, error->status ? error : &keeper->failure) != STATUS_OK;
    if (failed && t->settings->on_save_failure == SAVE_FAILURE_CONTINUE && error->status == STATUS_OK)
        log_warning("%s; training continues without the predictions of this evaluation", keeper->failure.message);
    else if (failed) /* an error of the evaluation itself stays */
        error_set(error, STATUS_FAILURE, "%s", keeper->failure.message);
    memory_free(keeper->path);
}

Status trainer_evaluate(Trainer *t, Scores *scores, Error *error) {
    Evaluator evaluator = {.world = t->world,
                           .gpt2 = t->gpt2,
                           .parameters = &t->model.parameters,
                           .batch = &t->batch,
                           .rule = t->batch_rule,
                           .labels = t->model.config.labels,
                           .class_weights = t->loss.weights,
                           .stop = signals_pending};
    evaluator.rule.share = linear_batch_invariant(t->bf16);
    double start = clock_now();
    optimizer_await_all(&t->optimizer);
    world_phase(t->world, RUN_EVALUATION, t->state.step);
    profile_enter(t->profile, REGION_EVALUATION);
    Keeper keeper = {0};
    const LogitsSink sink = {keep, &keeper};
    if (t->world->rank == 0) keep_begin(t, &keeper);
    evaluate_run(&evaluator, t->data.eval, t->settings->per_device_eval_batch_size, t->evaluation.metrics, &sink,
                 error);
    const Status status = error->status; /* the same on all ranks; what rank 0 adds is agreed on at the end */
    if (t->world->rank == 0) keep_end(t, &keeper, error);
    profile_leave(t->profile, 0.0);
    t->state.evaluation_due = status == STATUS_STOPPED;
    if (t->state.evaluation_due) {
        *error = (Error){0};
        return STATUS_OK;
    }
    if (status != STATUS_OK) return status;
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
    /* EarlyStoppingCallback: the first metric counts whatever it is. */
    const bool counts = better && (!state->has_best || fabs(metric - state->best_metric) > s->early_stopping_threshold);
    state->stale = counts ? 0 : state->stale + 1;
    if (better) {
        state->has_best = true;
        state->best_metric = metric;
        state->best_step = state->step;
    }
    if (s->early_stopping_patience > 0 && state->stale >= s->early_stopping_patience) t->stop_early = true;
    return better;
}
