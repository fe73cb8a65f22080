/* Save checkpoints, in the background or while training waits; handle failures; stop after a signal. */
#include "linnet/comm/threads.h"
#include "linnet/core/clock.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/progress.h"
#include "linnet/heartbeat/heartbeat.h"
#include "train/trainer_state.h"
#include <stdio.h>
#include <string.h>

/* Handle a checkpoint that could not be written: state.best_saved and save.step go back to the checkpoint before it.
 * All ranks have the same `cause`; the rank where it occurred prints it. */
static Status save_failed(Trainer *t, const Error *cause, bool needed, Error *error) {
    char last[64] = "the run has no other";
    long long failed = (long long)t->save.step;
    t->save.step = t->save.kept_step;
    t->state.model_only = t->save.kept_model_only;
    t->state.best_saved = t->save.kept_best;
    if (t->save.kept_step > 0)
        snprintf(last, sizeof last, "checkpoint-%lld is the last good one", (long long)t->save.kept_step);
    if (!needed && t->settings->on_save_failure == SAVE_FAILURE_CONTINUE) {
        if (t->world->rank == cause->rank)
            log_warning("cannot save checkpoint-%lld, training continues (%s): %s", failed, last, cause->message);
        return STATUS_OK;
    }
    error_set(error, STATUS_FAILURE, "cannot save checkpoint-%lld (%s): %s", failed, last, cause->message);
    if (t->world->rank == cause->rank) world_tell(t->world, error);
    return error->status;
}

Status trainer_join_writer(Trainer *t, Error *error) {
    Error outcome = {0};
    t->save.ended = false;
    if (!t->save.running) return STATUS_OK;
    if (t->world->rank == 0) {
        progress_begin("save", NULL, 0);
        checkpoint_writer_finish(&t->save.writer, &outcome);
        progress_end();
        threads_spare(t->threads, false);
    }
    t->save.running = false;
    if (world_agree(t->world, &outcome, false)) return save_failed(t, &outcome, false, error);
    trainer_note_status(t);
    return STATUS_OK;
}

/* Copy what the checkpoint will hold and let a thread write it. False if there is no memory for the copy, which rank 0
 * reports once. Collective. */
static bool save_in_background(Trainer *t, const CheckpointParts *parts) {
    const Settings *s = t->settings;
    Snapshot *snapshot = NULL;
    Error shortage = {0};
    if (checkpoint_snapshot(&snapshot, parts, &shortage)) {
        if (!t->save.reported_shortage)
            log_info("not enough memory to save in the background: training waits while a checkpoint is written (%s)",
                     shortage.message);
        t->save.reported_shortage = true;
        return false;
    }
    if (t->world->rank == 0) {
        checkpoint_writer_start(&t->save.writer, snapshot, s->output_dir, t->state.run.id, s->save_total_limit,
                                t->state.step, t->state.best_saved.step);
        threads_spare(t->threads, true);
    }
    t->save.running = true;
    return true;
}

/* Collective. */
static Status save_at_once(Trainer *t, const CheckpointParts *parts, bool needed, Error *error) {
    const Settings *s = t->settings;
    Error cause = {0}, rotation = {0};
    optimizer_discard_gradients(&t->optimizer);
    int attempts = 0;
    while (checkpoint_save(parts, &cause) && file_write_again(&cause, &attempts)) continue;
    if (cause.status) return save_failed(t, &cause, needed, error);
    if (t->world->rank == 0 && s->save_total_limit > 0 &&
        checkpoint_rotate(s->output_dir, t->state.run.id, s->save_total_limit, t->state.step, t->state.best_saved.step,
                          &rotation))
        log_warning("cannot remove an older checkpoint: %s", rotation.message);
    trainer_note_status(t);
    return STATUS_OK;
}

/* Whether the weights can be saved: *usable is false if they cannot, but training continues. Collective. */
static Status check_weights(Trainer *t, SaveKind kind, bool *usable, Error *error) {
    Error dead = {0};
    /* A pending error may be a line of the log that is lost: no checkpoint must keep a history without it. */
    *error = t->pending;
    if (!error->status) trainer_check_finite(t, error);
    if (world_agree(t->world, error, true)) return error->status;
    trainer_check_usable(t, &dead);
    *usable = !world_agree(t->world, &dead, kind != SAVE_BETWEEN);
    if (*usable) return STATUS_OK;
    if (kind != SAVE_BETWEEN) return (*error = dead).status;
    if (t->world->rank == dead.rank) log_warning("%s", dead.message);
    return STATUS_OK;
}

/* The checkpoint that is about to be written has the best model. */
static void note_best_saved(RunState *state) {
    state->best_saved = (BestCheckpoint){.step = state->step};
    memcpy(state->best_saved.run, state->run.id, sizeof state->best_saved.run);
}

/* What a stopped run is resumed from has all, and is replaced only by its like: the evaluation that a stop signal ended
 * is made up for, and then saved, at the same update. */
static bool is_model_only(const Trainer *t, SaveKind kind) {
    const bool replaces_all = t->save.step == t->state.step && !t->state.model_only;
    return t->settings->save_only_model && kind != SAVE_STOPPING && !replaces_all;
}

Status trainer_save(Trainer *t, SaveKind kind, Error *error) {
    double start = clock_now();
    bool usable = false;
    optimizer_await_all(&t->optimizer);
    if (check_weights(t, kind, &usable, error) || !usable || trainer_join_writer(t, error)) return error->status;
    world_phase(t->world, RUN_SAVE, t->state.step);
    profile_enter(t->profile, REGION_SAVE);
    t->save.kept_step = t->save.step;
    t->save.kept_model_only = t->state.model_only;
    t->state.model_only = is_model_only(t, kind);
    t->save.kept_best = t->state.best_saved;
    t->save.step = t->state.step;
    if (t->state.has_best && t->state.best_step == t->state.step) note_best_saved(&t->state);
    CheckpointParts parts = {.world = t->world,
                             .output_dir = t->settings->output_dir,
                             .state = &t->state,
                             .history = t->log.file ? runlog_history(t->log.file) : NULL,
                             .settings = t->save.settings,
                             .model = &t->model,
                             .optimizer = &t->optimizer};
    bool background = kind == SAVE_BETWEEN && t->settings->save_in_background && save_in_background(t, &parts);
    if (!background) save_at_once(t, &parts, kind == SAVE_STOPPING, error);
    profile_leave(t->profile, 0.0);
    t->save.seconds = clock_now() - start;
    t->log.since += t->save.seconds; /* the speed in the log is that of training alone */
    return error->status;
}

Status trainer_stop(Trainer *t, Error *error) {
    *error = t->pending;
    if (world_agree(t->world, error, true) || trainer_join_writer(t, error)) return error->status;
    if ((t->save.step != t->state.step || t->state.model_only) && trainer_save(t, SAVE_STOPPING, error))
        return error->status;
    log_info(
        "stopped by a signal after update %lld, saved in %s: to continue, run again with resume_from_checkpoint: true",
        (long long)t->state.step, t->settings->output_dir);
    heartbeat_stopping(t->world);
    return error_set(error, STATUS_STOPPED, "stopped by a signal");
}
