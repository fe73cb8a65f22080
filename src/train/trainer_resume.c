/* Find the checkpoint to resume from and check that the run continues it. */
#include "linnet/checkpoint/checkpoint_verify.h"
#include "linnet/checkpoint/final_model.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "train/trainer_state.h"
#include <string.h>

/* The newest checkpoint that is intact, as rank 0 sees the disk, into *folder. Collective. */
static Status find_newest(const Trainer *t, char **folder, Error *error) {
    int64_t newest = -1;
    if (t->world->rank == 0) newest = checkpoint_newest_intact(t->settings->output_dir, error);
    if (world_agree(t->world, error, true)) return error->status;
    world_broadcast(t->world, &newest, sizeof newest);
    if (newest < 0)
        log_info("no checkpoint in %s yet: starting from the beginning", t->settings->output_dir);
    else
        *folder = checkpoint_path(t->settings->output_dir, newest, error);
    return world_agree(t->world, error, true);
}

/* Collective. */
static Status find_checkpoint(const Trainer *t, char **folder, Error *error) {
    const char *output = t->settings->output_dir, *from = t->settings->resume_from_checkpoint;
    CheckpointInfo info;
    *folder = NULL;
    if (t->world->rank == 0 && checkpoint_tidy(output, error) == STATUS_OK) final_model_recover(output, error);
    if (world_agree(t->world, error, true) || !from) return error->status;
    if (strcmp(from, "auto") == 0) return find_newest(t, folder, error);
    if (t->world->rank == 0) checkpoint_verify(from, &info, error);
    if (error->status == STATUS_OK) *folder = memory_text(from, error);
    return world_agree(t->world, error, true);
}

/* A resumed run must have the same samples in the same updates. */
static Status check_data(const Trainer *t, const RunState *was, const char *folder, Error *error) {
    const struct {
        const char *name;
        int64_t then, now;
    } same[] = {{"samples per update", was->global_batch, t->state.global_batch},
                {"samples in the training file", was->samples, t->state.samples},
                {"tokens in the training file", was->tokens, t->state.tokens},
                {"seed", was->seed, t->state.seed}};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (same[i].then != same[i].now)
            return error_set(
                error, STATUS_INPUT,
                "cannot resume from %s: it has %s = %lld, this run has %lld: use the same, or do not resume", folder,
                same[i].name, (long long)same[i].then, (long long)same[i].now);
    if (was->data_order != t->state.data_order)
        return error_set(
            error, STATUS_INPUT,
            "cannot resume from %s: it has data_order \"%s\", this run has \"%s\": use the same, or do not resume",
            folder, DATA_ORDER_NAMES[was->data_order], DATA_ORDER_NAMES[t->state.data_order]);
    if (strcmp(was->data_digest, t->state.data_digest) != 0)
        return error_set(error, STATUS_INPUT,
                         "cannot resume from %s: it was trained on data from another source (SHA-256 %.12s…) than %s: "
                         "use the same data, or do not resume",
                         folder, was->data_digest, t->settings->train_file);
    return STATUS_OK;
}

static void warn_of_rounding(const Trainer *t, const RunState *was, const char *folder) {
    char text[BUILD_FINGERPRINT_TEXT];
    if (build_fingerprint_differs(&was->fingerprint, &t->state.fingerprint, text))
        log_warning("%s was made with %s: results may differ in the last bits from a run without interruption", folder,
                    text);
    if (was->units != t->state.units)
        log_warning("%s was made with %lld reduction units, this run has %lld: results may differ in the last bits",
                    folder, (long long)was->units, (long long)t->state.units);
}

/* The checkpoint of the best model may be gone, or in another folder: then the run has none. */
static void find_best(const Trainer *t, RunState *was, Error *error) {
    char *path = was->best_saved > 0 ? checkpoint_path(t->settings->output_dir, was->best_saved, error) : NULL;
    if (path && !file_exists(path)) {
        log_warning("the best model so far, %s, does not exist any more: only a better one will be loaded at the end",
                    path);
        was->best_saved = 0;
    }
    memory_free(path);
}

/* Rank 0 reads the state of the checkpoint and broadcasts it. Collective. */
static Status take_state(Trainer *t, const char *folder, cJSON **history, Error *error) {
    RunState was = {0};
    if (t->world->rank == 0 && run_state_read(folder, &was, history, NULL, error) == STATUS_OK &&
        check_data(t, &was, folder, error) == STATUS_OK) {
        warn_of_rounding(t, &was, folder);
        find_best(t, &was, error);
    }
    if (world_agree(t->world, error, true)) return error->status;
    world_broadcast(t->world, &was, sizeof was);
    was.units = t->state.units;
    was.total = t->state.total;
    was.fingerprint = t->state.fingerprint;
    t->state = was;
    t->save.step = was.step;
    /* A run that has stopped early stays stopped. */
    t->stop_early = t->settings->early_stopping_patience > 0 && was.stale >= t->settings->early_stopping_patience;
    log_info("resuming from %s after update %lld of %lld", folder, (long long)was.step, (long long)was.total);
    return STATUS_OK;
}

Status trainer_resume(Trainer *t, char **folder, cJSON **history, Error *error) {
    if (find_checkpoint(t, folder, error) || !*folder) return error->status;
    return take_state(t, *folder, history, error);
}
