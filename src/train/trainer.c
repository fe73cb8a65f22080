/* The loop over updates. See trainer.h and trainer_private.h. */
#include "linnet/trainer.h"

#include "linnet/log.h"
#include "train/trainer_private.h"

/* Save and say that the run can go on. Collective. */
static Status stop_by_signal(Trainer *t, Error *error) {
    *error = t->pending;
    if (world_agree(t->world, error, true)) return error->status;
    if (t->saved_step != t->state.step && trainer_save(t, error)) return error->status;
    log_info("stopped by a signal after update %lld, saved in %s: run again with resume_from_checkpoint: true to go on",
             (long long)t->state.step, t->settings->output_dir);
    watch_stopping(t->world->watch);
    return error_set(error, STATUS_STOPPED, "stopped by a signal");
}

/* All updates from where the state is. Collective. */
static Status run_updates(Trainer *t, Error *error) {
    bool loaded = false;
    while (t->state.step < t->state.total && !t->stop_early) {
        int64_t window = t->state.step % t->windows;
        if (!loaded || window == 0) {
            profile_enter(t->profile, PHASE_DATA);
            feed_epoch(t->feed, t->state.step / t->windows, window, error);
            profile_leave(t->profile, 0.0);
            double start = MPI_Wtime();
            if (world_agree(t->world, error, true)) return error->status;
            t->waited += MPI_Wtime() - start;
            loaded = true;
        }
        trainer_update(t);
        if (t->failed) {
            *error = t->pending;
            return world_agree(t->world, error, true);
        }
        if (trainer_events(t, error)) return error->status;
        if (t->stop_signal && !t->stop_early && t->state.step < t->state.total) return stop_by_signal(t, error);
    }
    return STATUS_OK;
}

Status trainer_run(World *world, const Settings *settings, bool profile, Error *error) {
    Trainer trainer = {0};
    if (trainer_setup(&trainer, world, settings, profile, error) == STATUS_OK &&
        run_updates(&trainer, error) == STATUS_OK && trainer_finish(&trainer, error) == STATUS_OK && profile)
        trainer_profile(&trainer, error);
    watch_phase(world->watch, RUN_END, 0);
    trainer_close(&trainer);
    return error->status;
}
