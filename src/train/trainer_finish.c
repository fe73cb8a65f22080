/* The end of a run: best model, final model, last evaluation. */
#include "linnet/checkpoint/final_model.h"
#include "linnet/comm/broadcast_files.h"
#include "linnet/core/clock.h"
#include "linnet/core/digest.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/heartbeat/heartbeat.h"
#include "train/trainer_state.h"
#include <stdio.h>

/* Bad input found in files that the run itself wrote is a failure of the machine, such as a disk that has turned
 * read-only: it is worth running again. */
static Status input_to_failure(Error *error) {
    if (error->status == STATUS_INPUT) error->status = STATUS_FAILURE;
    return error->status;
}

/* A folder of an earlier run may be gone by now; rank 0 looks. Collective. */
static bool is_missing(const Trainer *t, const char *path) {
    int64_t missing = t->world->rank == 0 && !file_is_folder(path);
    world_max_integers(t->world, &missing, 1);
    if (missing && t->world->rank == 0)
        log_warning("the best model, %s, does not exist any more: keeping the last one", path);
    return missing != 0;
}

/* Load the best checkpoint if the settings ask for it and the model is not the best already. Collective. */
static Status load_best(Trainer *t, Error *error) {
    const RunState *state = &t->state;
    if (!t->settings->load_best_model_at_end || state->best_saved.step == state->step) return STATUS_OK;
    if (state->best_saved.step == 0) {
        if (t->world->rank == 0) log_warning("no checkpoint has the best model: keeping the last one");
        return STATUS_OK;
    }
    char *path = checkpoint_best_path(t->settings->output_dir, &state->best_saved, error);
    if (world_agree(t->world, error, true) == STATUS_OK && !is_missing(t, path)) {
        log_info("loading the best model, %s", path);
        if (!t->settings->broadcast_files || t->model.adapter || !model_broadcast(t->world, path, NULL, error))
            model_reload(&t->model, path, error);
        broadcast_files_end();
        t->evaluation.step = 0;
        t->best_loaded = true;
    }
    memory_free(path);
    return error->status;
}

/* The card of the model that was there goes first, so that no model lies beside another one's. Rank 0. */
static Status save_model(const Trainer *t, Error *error) {
    RunState state = t->state;
    state.step = trainer_model_step(t);
    state.model_only = false; /* that is said of checkpoints */
    trainer_remove_card(t);
    const ParameterLayout *layout = model_saved_layout(&t->model);
    progress_begin("save", "bytes", (int64_t)((layout->dense + layout->sparse) * sizeof(float)));
    int attempts = 0;
    do final_model_save(t->settings->output_dir, &t->model, &state, t->save.settings, error);
    while (error->status && file_write_again(error, &attempts));
    progress_end();
    return input_to_failure(error);
}

/* The last chance for lines that could not be written before. */
static void catch_up(Trainer *t, Error *error) {
    Error failure = {0};
    if (error->status == STATUS_OK && t->log.behind && runlog_catch_up(t->log.file, &failure))
        log_warning("%s: its last lines are missing", failure.message);
}

/* The last chance for checkpoints that could not be removed before. */
static void tidy(const Trainer *t) {
    Error failure = {0};
    if (checkpoint_tidy(t->settings->output_dir, &failure))
        log_warning("a removed checkpoint remains on the disk: %s", failure.message);
}

/* A stop signal during the last evaluation. The next run evaluates again; a checkpoint of the last update saves it from
 * training again, but cannot be made if the weights are now those of the best checkpoint. Collective. */
static Status stop_at_end(Trainer *t, Error *error) {
    const bool resumable = t->save.step == t->state.step && !t->state.model_only;
    if (!t->best_loaded || resumable) return trainer_stop(t, error);
    log_info("stopped by a signal during the last evaluation: the model is in %s", t->settings->output_dir);
    heartbeat_stopping(t->world);
    return error_set(error, STATUS_STOPPED, "stopped by a signal");
}

/* Trainer's last event: means over the run. Rank 0. */
static void log_summary(Trainer *t, Error *error) {
    const RunState *state = &t->state;
    double seconds = clock_now() - t->started_at;
    trainer_add_event(t,
                      runlog_summary_event(state->step, state->epoch,
                                           state->loss_total / (double)(state->step - state->skipped), seconds,
                                           (double)t->run_samples / seconds, (double)t->run_steps / seconds),
                      error);
}

/* The model's card, then its digest: equal digests prove two models equal. In the format of sha256sum --check. Rank 0. */
static void save_card_print_digest(const Trainer *t, Error *error) {
    char digest[DIGEST_TEXT];
    char *path = file_join(t->settings->output_dir, model_values_file(&t->model), error);
    progress_begin("verify", "bytes", path ? file_size(path) : 0);
    const bool read = path && digest_file(path, digest, error) == STATUS_OK;
    progress_end();
    if (read) trainer_save_card(t, digest);
    if (read) printf("SHA256 (%s) = %s\n", path, digest);
    input_to_failure(error);
    memory_free(path);
}

/* Evaluate the final model, unless that is done already, and print its scores. Collective. */
static Status evaluate_final(Trainer *t, Error *error) {
    if (t->evaluation.step != t->state.step && trainer_evaluate(t, error)) return error->status;
    if (t->state.evaluation_due) return stop_at_end(t, error);
    trainer_table(t);
    return STATUS_OK;
}

Status trainer_finish(Trainer *t, Error *error) {
    *error = t->pending;
    optimizer_await_all(&t->optimizer);
    if (world_agree(t->world, error, true) || trainer_join_writer(t, error)) return error->status;
    if (t->world->rank == 0) log_summary(t, error);
    if (world_agree(t->world, error, true)) return error->status;
    if (load_best(t, error)) return input_to_failure(error);
    if (!t->best_loaded) trainer_check_finite(t, error);
    if (!t->best_loaded && !error->status && t->save.step != t->state.step) trainer_check_usable(t, error);
    if (world_agree(t->world, error, true)) return error->status;
    world_phase(t->world, RUN_SAVE, t->state.step);
    profile_enter(t->profile, REGION_SAVE);
    optimizer_discard_gradients(&t->optimizer);
    if (t->world->rank == 0) {
        save_model(t, error);
        catch_up(t, error);
        tidy(t);
    }
    profile_leave(t->profile, 0.0);
    if (world_agree(t->world, error, true)) return error->status;
    if (t->evaluation.count == 0)
        log_info("done: the model is in %s", t->settings->output_dir);
    else if (evaluate_final(t, error))
        return error->status;
    if (!*t->model.tokenizer && t->world->rank == 0)
        log_warning("the model in %s has no tokenizer: copy the files of the one that the data was prepared with to it "
                    "before you use linnet predict",
                    t->settings->output_dir);
    world_phase(t->world, RUN_END, 0);
    if (t->world->rank == 0) save_card_print_digest(t, error);
    return world_agree(t->world, error, true);
}
