/* What OUTPUT/linnet_status.json says of this start of the run. */
#include "linnet/core/log.h"
#include "train/trainer_state.h"
#include <string.h>

/* `end` (NULL: the run goes on) is how it ended. */
static Status save(const Trainer *t, const Error *end, Error *error) {
    RunStatus status = {.ended = end != NULL,
                        .status = end ? end->status : STATUS_OK,
                        .message = end ? end->message : "",
                        .updates = t->state.step,
                        .resumed = t->state.step - t->run_steps,
                        .total = t->state.total,
                        .checkpoint = t->save.running ? t->save.kept_step : t->save.step};
    memcpy(status.run, t->state.run.id, sizeof status.run);
    memcpy(status.started, t->status.started, sizeof status.started);
    return run_status_save(&status, t->settings->output_dir, error);
}

Status trainer_begin_status(Trainer *t, Error *error) {
    run_time_now(t->status.started);
    return save(t, NULL, error);
}

void trainer_note_status(Trainer *t) {
    Error failure = {0};
    if (t->world->rank != 0 || !save(t, NULL, &failure) || t->status.warned) return;
    log_warning("%s; training continues", failure.message);
    t->status.warned = true;
}

Status trainer_end_status(Trainer *t, Error *error) {
    Error failure = {0};
    if (t->status.started[0]) save(t, error, &failure);
    if (error->status && failure.status) log_warning("%s", failure.message);
    if (error->status) return error->status;
    *error = failure;
    return world_agree(t->world, error, true);
}
