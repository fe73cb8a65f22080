/* The loop over updates. */
#include "linnet/train/trainer.h"

#include "linnet/core/clock.h"
#include "train/trainer_events.h"
#include "train/trainer_finish.h"
#include "train/trainer_report.h"
#include "train/trainer_save.h"
#include "train/trainer_setup.h"
#include "train/trainer_update.h"

/* Whether a stop signal leaves work for a resumed run. */
static bool must_stop(const Trainer *t) {
    if (t->state.evaluation_due) return true;
    return t->stop_signal && !t->stop_early && t->state.step < t->state.total;
}

/* All updates that are left. Collective. */
static Status run_updates(Trainer *t, Error *error) {
    bool due = t->state.evaluation_due;
    t->state.evaluation_due = false; /* even if these settings ask for no evaluation */
    if (due && trainer_evaluate_and_save(t, error)) return error->status;
    if (must_stop(t)) return trainer_stop(t, error);
    while (t->state.step < t->state.total && !t->stop_early) {
        int64_t epoch = t->state.step / t->length.steps_per_epoch,
                global_batch = t->state.step % t->length.steps_per_epoch;
        if (!loader_has(t->data.loader, epoch, global_batch)) {
            profile_enter(t->profile, REGION_DATA);
            loader_load(t->data.loader, epoch, global_batch, error);
            profile_leave(t->profile, 0.0);
            double start = clock_now();
            if (world_agree(t->world, error, true)) return error->status;
            t->log.waited += clock_now() - start;
        }
        trainer_update(t);
        if (t->failed) {
            *error = t->pending;
            return world_agree(t->world, error, true);
        }
        if ((t->save.ended && trainer_join_writer(t, error)) || trainer_events(t, error)) return error->status;
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
