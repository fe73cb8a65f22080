/* The log and where it is reported to, and the warning about a slow rank. */
#include "linnet/core/clock.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/report/metrics_files.h"
#include "linnet/report/tensorboard.h"
#include "train/trainer_state.h"

static void report_to_csv(Trainer *t, Error *error) {
    EventFile *file;
    cJSON *evaluations = trainer_eval_fields(t, error);
    if (evaluations &&
        !metrics_csv_open(&file, t->settings->output_dir, runlog_history(t->log.file), evaluations, error))
        runlog_add_file(t->log.file, file);
    cJSON_Delete(evaluations);
}

static void report_to_tensorboard(Trainer *t, Error *error) {
    char *folder = tensorboard_folder(t->settings, &t->state.run, error);
    char *model = folder ? model_config_text(&t->model.config, "model_config", error) : NULL;
    const TensorBoardPlan plan = {.folder = folder,
                                  .settings = t->save.settings,
                                  .model = model,
                                  .events = runlog_history(t->log.file),
                                  .resumed_step = t->state.step};
    if (model && tensorboard_open(&t->log.tensorboard, &plan, error) == STATUS_OK) {
        runlog_add_file(t->log.file, t->log.tensorboard);
        log_info("events    for TensorBoard in %s", folder);
    }
    memory_free(model);
    memory_free(folder);
}

Status trainer_check_log(const Trainer *t, Error *error) {
    if (!(t->settings->report_to & REPORT_TENSORBOARD)) return STATUS_OK;
    char *folder = tensorboard_folder(t->settings, &t->state.run, error);
    if (folder) tensorboard_check(folder, error);
    memory_free(folder);
    return error->status;
}

Status trainer_open_log(Trainer *t, const cJSON *history, Error *error) {
    const Settings *s = t->settings;
    if (runlog_open(&t->log.file, s->output_dir, history, t->state.step, error)) return error->status;
    if (s->report_to & REPORT_CSV) report_to_csv(t, error);
    if (s->report_to & REPORT_TENSORBOARD && !error->status) report_to_tensorboard(t, error);
    return error->status;
}

void trainer_end_log(Trainer *t, Status status) {
    Error failure = {0};
    if (!t->log.tensorboard || status == STATUS_STOPPED) return; /* a stopped run goes on */
    if (tensorboard_end(t->log.tensorboard, status == STATUS_OK, &failure))
        log_warning("%s: the last events are missing", failure.message);
}

void trainer_add_event(Trainer *t, cJSON *event, Error *error) {
    Error failure = {0};
    if (!event)
        error_set(&failure, STATUS_FAILURE, "out of memory for the log");
    else
        runlog_add(t->log.file, event, &failure);
    bool behind = runlog_is_behind(t->log.file); /* then the history in memory has the lines that the file lacks */
    if (behind && t->settings->on_save_failure == SAVE_FAILURE_CONTINUE) {
        if (!t->log.behind)
            log_warning("%s; training continues, and the missing lines are written later", failure.message);
    } else if (failure.status != STATUS_OK) {
        error_set(error, failure.status, "%s", failure.message);
    }
    t->log.behind = behind;
}

/* Rank 0 names a rank that the others waited for, if any, in the `seconds` since the last line. */
static void warn_of_slow_rank(const Trainer *t, double seconds) {
    const double *waited = t->update.totals + TOTALS_WAITED;
    int ranks = t->world->size, slow = 0;
    double all = 0.0;
    for (int r = 0; r < ranks; r++) {
        all += waited[r];
        if (waited[r] < waited[slow]) slow = r;
    }
    if (t->world->rank != 0 || ranks == 1) return;
    /* The others wait for the rank that waits least. Short waits are normal, since texts differ in length. */
    double for_it = (all - waited[slow]) / (ranks - 1) - waited[slow];
    if (for_it > 0.5 && for_it > 0.1 * seconds)
        log_warning("rank %d on %s is slow: the other ranks waited %.1f s for it since the last log line", slow,
                    t->world->hosts[slow], for_it);
}

void trainer_log_training(Trainer *t) {
    RunState *state = &t->state;
    double now = clock_now(), seconds = now - t->log.since;
    if (t->world->rank == 0)
        trainer_add_event(t,
                          runlog_train_event(state->step, state->epoch, state->loss_sum / (double)state->loss_steps,
                                             t->update.norm, t->update.rate, (double)t->log.tokens / seconds,
                                             (double)t->log.samples / seconds),
                          &t->pending);
    warn_of_slow_rank(t, seconds);
    /* Keep the wait for the sum itself, which the totals could not hold. */
    t->log.waited -= t->update.totals[TOTALS_WAITED + t->world->rank];
    state->loss_sum = 0.0;
    state->loss_steps = t->log.tokens = t->log.samples = 0;
    t->log.since = now;
}
