/* Between updates: log, evaluate, save, stop early, finish. See trainer_private.h. */
#include "linnet/file.h"
#include "linnet/log.h"
#include "linnet/memory.h"
#include "train/trainer_private.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static bool due(int64_t step, int64_t every) {
    return every > 0 && step % every == 0;
}

static bool epoch_ends(const Trainer *t) {
    return t->state.step % t->windows == 0 || t->state.step == t->state.total;
}

/* Append an event. Rank 0. */
static void add_event(Trainer *t, cJSON *event, Error *error) {
    if (event == NULL)
        error_set(error, STATUS_FAILURE, "out of memory for the log");
    else
        runlog_add(t->log, event, error);
}

/* The training line: means since the line before. An error of rank 0's rides along with the next update's sums. */
static void log_training(Trainer *t) {
    RunState *state = &t->state;
    double now = MPI_Wtime(), seconds = now - t->logged_at;
    if (t->world->rank == 0)
        add_event(t,
                  runlog_train_event(state->step, state->epoch, state->loss_sum / (double)state->loss_steps, t->norm,
                                     t->rate, (double)t->tokens / seconds, (double)t->samples / seconds),
                  &t->pending);
    state->loss_sum = 0.0;
    state->loss_steps = t->tokens = t->samples = 0;
    t->logged_at = now;
}

Status trainer_evaluate(Trainer *t, Error *error) {
    Evaluator evaluator = {t->world, t->gpt2, &t->replica.parameters, &t->batch, t->rule};
    return evaluate_run(&evaluator, t->eval_data, t->settings->per_device_eval_batch_size, t->metrics, NULL, error);
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

/* Evaluate, log, choose; *best says whether this is the best model so far. Collective. */
static Status evaluate_now(Trainer *t, bool *best, Error *error) {
    double start = MPI_Wtime();
    if (trainer_evaluate(t, error)) return error->status;
    Scores scores = metrics_scores(t->metrics);
    double seconds = MPI_Wtime() - start;
    if (t->world->rank == 0)
        add_event(t, runlog_eval_event(t->state.step, t->state.epoch, &scores, seconds, t->metrics->samples), error);
    t->logged_at += seconds; /* the training line's speed is of training */
    *best = note_best(t, &scores);
    return world_agree(t->world, error, true);
}

Status trainer_save(Trainer *t, Error *error) {
    const Settings *s = t->settings;
    double start = MPI_Wtime();
    const cJSON *history = t->log != NULL ? runlog_history(t->log) : NULL;
    profile_enter(t->profile, PHASE_SAVE);
    reduction_forget(t->optimizer.reduction);
    checkpoint_save(t->world, s->output_dir, &t->state, history, &t->replica, &t->optimizer, error);
    profile_leave(t->profile, 0.0);
    if (error->status != STATUS_OK) return error->status;
    if (t->world->rank == 0 && s->save_total_limit > 0)
        checkpoint_rotate(s->output_dir, s->save_total_limit, t->state.has_best ? t->state.best_step : -1, error);
    t->logged_at += MPI_Wtime() - start;
    return world_agree(t->world, error, true);
}

Status trainer_events(Trainer *t, Error *error) {
    const Settings *s = t->settings;
    int64_t step = t->state.step;
    bool best = false;
    if (due(step, t->log_every)) log_training(t);
    bool evaluate = due(step, t->eval_every) || (s->eval_strategy == STRATEGY_EPOCH && epoch_ends(t));
    if (evaluate && evaluate_now(t, &best, error)) return error->status;
    bool save = due(step, t->save_every) || (s->save_strategy == STRATEGY_EPOCH && epoch_ends(t)) ||
                (s->save_strategy == STRATEGY_BEST && best) ||
                (s->save_strategy == STRATEGY_STEPS && (step == t->state.total || t->stop_early));
    return save ? trainer_save(t, error) : STATUS_OK;
}

/* The final model into OUTPUT/: written beside, then each file renamed into its place. Rank 0. */
static void save_final(const Trainer *t, Error *error) {
    static const char *const names[] = {"config.json", "vocab.json", "merges.txt", "model.safetensors"};
    const char *output = t->settings->output_dir;
    char *beside = file_join(output, "model.tmp", error);
    if (beside == NULL || file_remove(beside, error) || file_make_folder(beside, error)) goto cleanup;
    if (model_folder_save(beside, &t->replica.config, &t->replica.layout, &t->replica.parameters, t->replica.tokenizer,
                          error))
        goto cleanup;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *from = file_join(beside, names[i], error), *to = file_join(output, names[i], error);
        if (error->status == STATUS_OK && file_exists(from)) file_rename(from, to, error);
        memory_free(from);
        memory_free(to);
    }
    if (error->status == STATUS_OK) file_remove(beside, error);
cleanup:
    memory_free(beside);
}

/* Take the best checkpoint's values, where that is asked for and it is not what the model is. Collective. */
static Status load_best(Trainer *t, Error *error) {
    if (!t->settings->load_best_model_at_end || !t->state.has_best || t->state.best_step == t->state.step)
        return STATUS_OK;
    char *path = checkpoint_path(t->settings->output_dir, t->state.best_step, error);
    if (world_agree(t->world, error, true) == STATUS_OK) {
        log_info("loading the best model, %s", path);
        replica_reload(&t->replica, path, error);
    }
    memory_free(path);
    return error->status;
}

Status trainer_finish(Trainer *t, Error *error) {
    *error = t->pending;
    if (world_agree(t->world, error, true)) return error->status;
    if (load_best(t, error)) return error->status;
    profile_enter(t->profile, PHASE_SAVE);
    reduction_forget(t->optimizer.reduction);
    if (t->world->rank == 0) save_final(t, error);
    profile_leave(t->profile, 0.0);
    if (world_agree(t->world, error, true)) return error->status;
    if (t->eval_data == NULL) {
        log_info("done: the model is in %s", t->settings->output_dir);
        return STATUS_OK;
    }
    double start = MPI_Wtime();
    if (trainer_evaluate(t, error)) return error->status;
    Scores scores = metrics_scores(t->metrics);
    trainer_table(t, &scores, MPI_Wtime() - start);
    return STATUS_OK;
}
