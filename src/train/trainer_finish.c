/* The end of a run: best model, final model, last evaluation. See trainer_private.h. */
#include "linnet/checkpoint/final_model.h"
#include "linnet/core/digest.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/heartbeat/heartbeat.h"
#include "train/trainer_private.h"

#include <stdio.h>

/* A run's own files are nothing that it was given: trouble with them is this machine's, such as a disk that has turned
 * read-only, and the run worth starting again. */
static Status blame_machine(Error *error) {
    if (error->status == STATUS_INPUT) error->status = STATUS_FAILURE;
    return error->status;
}

/* Take the best checkpoint's values, where that is asked for and it is not what the model is. Collective. */
static Status load_best(Trainer *t, Error *error) {
    const RunState *state = &t->state;
    if (!t->settings->load_best_model_at_end || state->best_saved == state->step) return STATUS_OK;
    if (state->best_saved == 0) {
        if (t->world->rank == 0) log_warning("no checkpoint holds the best model: the last one stays");
        return STATUS_OK;
    }
    char *path = checkpoint_path(t->settings->output_dir, state->best_saved, error);
    if (world_agree(t->world, error, true) == STATUS_OK) {
        log_info("loading the best model, %s", path);
        model_reload(&t->model, path, error);
        t->evaluated_step = 0;
        t->best_loaded = true;
    }
    memory_free(path);
    return error->status;
}

/* Lines that could not be written when they came: the last chance. */
static void catch_up(Trainer *t, Error *error) {
    Error failure = {0};
    if (error->status == STATUS_OK && t->log_behind && runlog_catch_up(t->log, &failure))
        log_warning("%s: it lacks its last lines", failure.message);
}

/* A checkpoint that could not be removed when its time had come: the last chance. */
static void tidy(const Trainer *t) {
    Error failure = {0};
    if (checkpoint_tidy(t->settings->output_dir, &failure)) log_warning("%s: it is left behind", failure.message);
}

/* A stop signal in the last evaluation. The next start evaluates again; to get there without training again it needs a
 * checkpoint of the last update, unless the weights are no longer those. Collective. */
static Status stop_at_end(Trainer *t, Error *error) {
    if (!t->best_loaded || t->saved_step == t->state.step) return trainer_stop(t, error);
    log_info("stopped by a signal in the last evaluation: the model is in %s", t->settings->output_dir);
    heartbeat_stopping(t->world);
    return error_set(error, STATUS_STOPPED, "stopped by a signal");
}

/* Trainer's last event: means over the whole run. Rank 0. */
static void log_summary(Trainer *t, Error *error) {
    const RunState *state = &t->state;
    double seconds = MPI_Wtime() - t->started_at;
    trainer_add_event(t,
                      runlog_summary_event(state->step, state->epoch, state->loss_total / (double)state->step, seconds,
                                           (double)t->run_samples / seconds, (double)t->run_steps / seconds),
                      error);
}

/* What proves two runs equal: the digest of the model file, as sha256sum's --check takes it. Rank 0. */
static void print_digest(const Trainer *t, Error *error) {
    char digest[DIGEST_TEXT];
    char *path = file_join(t->settings->output_dir, "model.safetensors", error);
    if (path != NULL && digest_file(path, digest, error) == STATUS_OK) printf("SHA256 (%s) = %s\n", path, digest);
    blame_machine(error);
    memory_free(path);
}

/* Evaluate the final model, where that has not been done, and tell. Collective. */
static Status evaluate_final(Trainer *t, Error *error) {
    Scores scores;
    if (t->evaluated_step == t->state.step)
        scores = metrics_scores(t->metrics); /* of this very model */
    else if (trainer_evaluate(t, &scores, error))
        return error->status;
    if (t->state.evaluation_due) return stop_at_end(t, error);
    trainer_table(t, &scores, t->evaluation_seconds);
    return STATUS_OK;
}

Status trainer_finish(Trainer *t, Error *error) {
    *error = t->pending;
    optimizer_await_all(&t->optimizer);
    if (world_agree(t->world, error, true) || trainer_join_writer(t, error)) return error->status;
    if (t->world->rank == 0) log_summary(t, error);
    if (world_agree(t->world, error, true)) return error->status;
    if (load_best(t, error)) return blame_machine(error);
    world_phase(t->world, RUN_SAVE, t->state.step);
    profile_enter(t->profile, REGION_SAVE);
    optimizer_discard_gradients(&t->optimizer);
    if (t->world->rank == 0) {
        final_model_save(t->settings->output_dir, &t->model, error);
        blame_machine(error);
        catch_up(t, error);
        tidy(t);
    }
    profile_leave(t->profile, 0.0);
    if (world_agree(t->world, error, true)) return error->status;
    if (t->eval_data == NULL)
        log_info("done: the model is in %s", t->settings->output_dir);
    else if (evaluate_final(t, error))
        return error->status;
    world_phase(t->world, RUN_END, 0);
    if (t->world->rank == 0) print_digest(t, error);
    return world_agree(t->world, error, true);
}
