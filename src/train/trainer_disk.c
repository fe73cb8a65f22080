/* Whether the disk has space for what a run will write. */
#include "train/trainer_state.h"
#include <math.h>
#include <stdio.h>
#include <sys/statvfs.h>

/* Checkpoints that this run will write at least: one if early stopping or the metric decides. */
static double planned_saves(const Trainer *t) {
    const Settings *s = t->settings;
    double updates = (double)(t->state.total - t->state.step);
    if (s->save_strategy == STRATEGY_NO || updates <= 0) return 0;
    if (s->save_strategy == STRATEGY_BEST || s->early_stopping_patience > 0) return 1;
    double every =
        s->save_strategy == STRATEGY_STEPS ? (double)t->length.save_every : (double)t->length.steps_per_epoch;
    return ceil((double)t->state.total / every) - floor((double)t->state.step / every);
}

/* How many checkpoints more than now the disk must hold at once. A new checkpoint is complete before an old one is
 * removed. So if this run has checkpoints already, there is one more at a time; else limit + 1. */
static double added_checkpoints(const Trainer *t) {
    const int64_t limit = t->settings->save_total_limit;
    const double saves = planned_saves(t);
    if (limit == 0) return saves;
    return fmin(saves, t->save.step > 0 ? 1 : (double)limit + 1);
}

/* "1.4 GB" */
static const char *size_text(double bytes, char text[32]) {
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    int unit = 0;
    for (; unit < 4 && bytes >= 1000; unit++) bytes /= 1000;
    snprintf(text, 32, "%.*f %s", unit == 0 || bytes >= 100 ? 0 : 1, bytes, units[unit]);
    return text;
}

Status trainer_check_disk(const Trainer *t, Error *error) {
    struct statvfs disk;
    const char *folder = t->settings->output_dir;
    if (statvfs(folder, &disk) != 0) return STATUS_OK; /* then a full disk shows when the run writes */
    const double space = (double)disk.f_bavail * (double)disk.f_frsize;
    size_t floats = parameters_count(model_saved_layout(&t->model));
    /* A checkpoint has the moments of the dense parameters that learn; those of embedding rows depend on the data. */
    const double count = added_checkpoints(t), model = (double)floats * sizeof(float);
    const double moments = t->settings->save_only_model ? 0.0 : 2.0 * (double)t->learned.layout.dense * sizeof(float);
    const double checkpoint = model + moments;
    /* The final model is written after checkpoints over the limit are removed. */
    const double bytes = count * checkpoint + (t->settings->save_total_limit > 0 && count > 0 ? 0 : model);
    if (bytes <= space) return STATUS_OK;
    char all[32], one[32], last[32], there[32];
    return error_set(
        error, STATUS_INPUT,
        "%s: this run needs at least %s of disk space (%.0f checkpoint%s of %s, a model of %s), but only %s are free: "
        "free disk space, or change save_total_limit, save_steps or save_strategy",
        folder, size_text(bytes, all), count, count == 1 ? "" : "s", size_text(checkpoint, one), size_text(model, last),
        size_text(space, there));
}
