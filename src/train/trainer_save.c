/* Saving: in the background where that is wanted and memory is there, else while training waits; and what follows when
 * it fails. See trainer_private.h. */
#include "linnet/comm/threads.h"
#include "linnet/core/log.h"
#include "train/trainer_private.h"

#include <stdio.h>

/* What failed is as if it had never been begun: the last good checkpoint counts again. Every rank has the same cause;
 * the one that met it tells it. */
static Status save_failed(Trainer *t, const Error *cause, bool needed, Error *error) {
    char last[64] = "none was saved before";
    long long failed = (long long)t->saved_step;
    t->saved_step = t->kept_step;
    t->state.best_saved = t->kept_best;
    if (t->kept_step > 0) snprintf(last, sizeof last, "checkpoint-%lld is the last good one", (long long)t->kept_step);
    if (!needed && t->settings->on_save_failure == SAVE_FAILURE_CONTINUE) {
        if (t->world->rank == cause->rank)
            log_warning("checkpoint-%lld could not be saved, training goes on (%s): %s", failed, last, cause->message);
        return STATUS_OK;
    }
    error_set(error, STATUS_FAILURE, "checkpoint-%lld could not be saved (%s): %s", failed, last, cause->message);
    if (t->world->rank == cause->rank) world_tell(t->world, error);
    return error->status;
}

Status trainer_join_writer(Trainer *t, Error *error) {
    Error outcome = {0};
    t->save_ended = false;
    if (!t->saving) return STATUS_OK;
    if (t->world->rank == 0) {
        checkpoint_writer_finish(&t->writer, &outcome);
        threads_spare(t->threads, false);
    }
    t->saving = false;
    return world_agree(t->world, &outcome, false) ? save_failed(t, &outcome, false, error) : STATUS_OK;
}

/* Copy what is to be saved and have it written. False when there is no memory for that, which is told once.
 * Collective. */
static bool save_in_background(Trainer *t, const CheckpointParts *parts) {
    const Settings *s = t->settings;
    Snapshot *snapshot = NULL;
    Error shortage = {0};
    if (checkpoint_snapshot(&snapshot, parts, &shortage)) {
        if (!t->told_shortage)
            log_info("no memory to save in the background: training waits while a checkpoint is written (%s)",
                     shortage.message);
        t->told_shortage = true;
        return false;
    }
    if (t->world->rank == 0) {
        checkpoint_writer_start(&t->writer, snapshot, s->output_dir, s->save_total_limit, t->state.step,
                                t->state.best_saved);
        threads_spare(t->threads, true);
    }
    t->saving = true;
    return true;
}

/* Collective. */
static Status save_at_once(Trainer *t, const CheckpointParts *parts, bool needed, Error *error) {
    const Settings *s = t->settings;
    Error cause = {0}, rotation = {0};
    optimizer_discard_gradients(&t->optimizer);
    if (checkpoint_save(parts, &cause)) return save_failed(t, &cause, needed, error);
    if (t->world->rank == 0 && s->save_total_limit > 0 &&
        checkpoint_rotate(s->output_dir, s->save_total_limit, t->state.step, t->state.best_saved, &rotation))
        log_warning("an older checkpoint could not be removed: %s", rotation.message);
    return STATUS_OK;
}

Status trainer_save(Trainer *t, SaveKind kind, Error *error) {
    double start = MPI_Wtime();
    optimizer_await_all(&t->optimizer);
    /* A checkpoint whose history lacks a line that got lost would hand that on to the run that goes on from it. */
    *error = t->pending;
    if (world_agree(t->world, error, true) || trainer_join_writer(t, error)) return error->status;
    world_phase(t->world, RUN_SAVE, t->state.step);
    profile_enter(t->profile, REGION_SAVE);
    t->kept_step = t->saved_step;
    t->kept_best = t->state.best_saved;
    t->saved_step = t->state.step;
    if (t->state.has_best && t->state.best_step == t->state.step) t->state.best_saved = t->state.step;
    CheckpointParts parts = {.world = t->world,
                             .output_dir = t->settings->output_dir,
                             .state = &t->state,
                             .history = t->log != NULL ? runlog_history(t->log) : NULL,
                             .model = &t->model,
                             .optimizer = &t->optimizer};
    bool background = kind == SAVE_BETWEEN && t->settings->save_in_background && save_in_background(t, &parts);
    if (!background) save_at_once(t, &parts, kind == SAVE_STOPPING, error);
    profile_leave(t->profile, 0.0);
    t->logged_at += MPI_Wtime() - start; /* the training line's speed is of training */
    return error->status;
}
