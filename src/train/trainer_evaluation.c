/* Evaluate during a run, and note the best model. */
#include "linnet/core/clock.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/signals.h"
#include "linnet/evaluate/predictions_file.h"
#include "linnet/evaluate/score_table.h"
#include "linnet/kernels/linear.h"
#include "train/trainer_state.h"
#include <math.h>
#include <stdio.h>

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
static void keep_begin(const Trainer *t, const TrainerEvalFile *of, Keeper *keeper) {
    keeper->path = trainer_predictions_path(t, of, &keeper->failure);
    keeper->file = (PredictionsFile){.path = keeper->path,
                                     .dataset = of->data,
                                     .problem = t->model.config.problem,
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

/* Returns the status of the evaluation, which is the same on all ranks; what rank 0 adds to *error is agreed on at the
 * end. A language model has no predictions to keep. Collective. */
static Status evaluate_on(Trainer *t, TrainerEvalFile *of, Error *error) {
    Evaluator evaluator = {.world = t->world,
                           .gpt2 = t->gpt2,
                           .parameters = &t->model.parameters,
                           .batch = &t->batch,
                           .rule = t->batch_rule,
                           .labels = trainer_eval_labels(t),
                           .class_weights = t->loss.weights,
                           .probabilities = &t->evaluation.probabilities,
                           .stop = signals_pending};
    evaluator.rule.share = linear_batch_invariant(t->bf16) && !t->language;
    const double start = clock_now();
    Keeper keeper = {0};
    const LogitsSink sink = {keep, &keeper};
    const bool keeps = t->world->rank == 0 && !t->language;
    if (keeps) keep_begin(t, of, &keeper);
    evaluate_run(&evaluator, of->data, t->settings->per_device_eval_batch_size, of->metrics, &of->scores,
                 t->language ? NULL : &sink, error);
    const Status status = error->status;
    if (keeps) keep_end(t, &keeper, error);
    of->seconds = clock_now() - start;
    return status;
}

/* On each file; a failure that only rank 0 knows waits in *error until the end. Collective. */
static Status evaluate_all(Trainer *t, Error *error) {
    Error first = {0};
    for (size_t i = 0; i < t->evaluation.count; i++) {
        Error failure = {0};
        const Status status = evaluate_on(t, &t->evaluation.files[i], &failure);
        if (failure.status && !first.status) first = failure;
        if (status != STATUS_OK) {
            *error = failure;
            return status;
        }
    }
    *error = first;
    return STATUS_OK;
}

/* Once: which scores are not defined, and why. Rank 0. */
static void tell_undefined(Trainer *t) {
    for (size_t i = 0; i < t->evaluation.count && !t->evaluation.told && !t->language; i++) {
        const TrainerEvalFile *of = &t->evaluation.files[i];
        char reason[SCORE_REASON_TEXT];
        if (!isnan(of->scores.auroc) || problem_has_targets(of->scores.problem)) continue;
        score_table_reason(of->metrics, t->model.config.label_names, reason);
        log_info("%s: %sauroc is not defined: %s", of->file->path, of->prefix, reason);
    }
    t->evaluation.told = true;
}

/* A run that is resumed after its last update evaluates again only to print the table. Rank 0. */
static void log_scores(Trainer *t, Error *error) {
    for (size_t i = 0; i < t->evaluation.count; i++) {
        const TrainerEvalFile *of = &t->evaluation.files[i];
        char field[EVAL_PREFIX_TEXT + 8];
        snprintf(field, sizeof field, "%s%s", of->prefix, METRIC_NAMES[METRIC_LOSS]);
        if (t->best_loaded || !runlog_has_evaluation(t->log.file, field, t->state.step))
            trainer_add_event(t, trainer_eval_event(t, of), error);
    }
}

Status trainer_evaluate(Trainer *t, Error *error) {
    const double start = clock_now();
    optimizer_await_all(&t->optimizer);
    world_phase(t->world, RUN_EVALUATION, t->state.step);
    profile_enter(t->profile, REGION_EVALUATION);
    const Status status = evaluate_all(t, error);
    profile_leave(t->profile, 0.0);
    t->state.evaluation_due = status == STATUS_STOPPED;
    if (t->state.evaluation_due) {
        *error = (Error){0};
        return STATUS_OK;
    }
    if (status != STATUS_OK) return status;
    t->evaluation.step = t->state.step;
    t->evaluation.seconds = clock_now() - start;
    t->log.since += t->evaluation.seconds; /* the speed in the log is that of training alone */
    const bool diverged = trainer_has_diverged(t);
    for (size_t i = 0; i < t->evaluation.count && t->world->rank == 0 && !diverged; i++)
        score_table_warn(t->evaluation.files[i].file->path, t->evaluation.files[i].metrics);
    if (t->world->rank == 0) {
        tell_undefined(t);
        log_scores(t, error);
    }
    if (diverged) trainer_stop_diverged(t, error);
    return world_agree(t->world, error, true);
}

/* The metric that ranks models; NaN: not defined. */
static double chosen_metric(const Trainer *t) {
    const char *name;
    ScoreList list;
    const TrainerEvalFile *of = trainer_chosen_file(t, &name);
    score_list_make(&list, &of->scores, of->metrics, t->model.config.label_names);
    return score_list_find(&list, name)->value;
}

bool trainer_note_best(Trainer *t) {
    const Settings *s = t->settings;
    RunState *state = &t->state;
    if (!s->metric_for_best_model) return false;
    double metric = chosen_metric(t);
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

void trainer_note_plateau(Trainer *t) {
    PlateauState *plateau = &t->state.plateau;
    const double before = plateau->rate;
    if (!t->state.has_plateau) return;
    plateau_step(plateau, &t->schedule.options.plateau, chosen_metric(t));
    if (plateau->rate != before)
        log_info("reduce_lr_on_plateau: %s has not improved: the learning rate falls from %g to %g",
                 t->settings->metric_for_best_model, before, plateau->rate);
}
