/* The loop over updates. See trainer.h and trainer_private.h. */
#include "linnet/train/trainer.h"

#include "linnet/core/log.h"
#include "linnet/heartbeat/heartbeat.h"
#include "train/trainer_private.h"

Status trainer_stop(Trainer *t, Error *error) {
    *error = t->pending;
    if (world_agree(t->world, error, true) || trainer_join_writer(t, error)) return error->status;
    if (t->saved_step != t->state.step && trainer_save(t, SAVE_STOPPING, error)) return error->status;
    log_info("stopped by a signal after update %lld, saved in %s: run again with resume_from_checkpoint: true to go on",
             (long long)t->state.step, t->settings->output_dir);
    heartbeat_stopping(t->world);
    return error_set(error, STATUS_STOPPED, "stopped by a signal");
}

/* Whether a stop signal leaves something to be done by the next start. */
static bool must_stop(const Trainer *t) {
    if (t->state.evaluation_due) return true;
    return t->stop_signal && !t->stop_early && t->state.step < t->state.total;
}

/* All updates from where the state is. Collective. */
static Status run_updates(Trainer *t, Error *error) {
    bool owed = t->state.evaluation_due;
    t->state.evaluation_due = false; /* also when these settings ask for none */
    if (owed && trainer_due(t, error)) return error->status;
    if (must_stop(t)) return trainer_stop(t, error);
    while (t->state.step < t->state.total && !t->stop_early) {
        int64_t epoch = t->state.step / t->steps_per_epoch, global_batch = t->state.step % t->steps_per_epoch;
        if (!loader_has(t->loader, epoch, global_batch)) {
            profile_enter(t->profile, REGION_DATA);
            loader_load(t->loader, epoch, global_batch, error);
            profile_leave(t->profile, 0.0);
            double start = MPI_Wtime();
            if (world_agree(t->world, error, true)) return error->status;
            t->waited += MPI_Wtime() - start;
        }
        trainer_update(t);
        if (t->failed) {
            *error = t->pending;
            return world_agree(t->world, error, true);
        }
        if ((t->save_ended && trainer_join_writer(t, error)) || trainer_events(t, error)) return error->status;
        if (must_stop(t)) return trainer_stop(t, error);
    }
    return STATUS_OK;
}

Status trainer_run(World *world, const Settings *settings, bool profile, Error *error) {
    Trainer trainer = {0};
    if (trainer_setup(&trainer, world, settings, profile, error) == STATUS_OK &&
        run_updates(&trainer, error) == STATUS_OK && trainer_finish(&trainer, error) == STATUS_OK && profile)
        trainer_profile(&trainer, error);
    world_phase(world, RUN_END, 0);
    trainer_close(&trainer);
    return error->status;
}
