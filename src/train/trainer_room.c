/* Whether the disk has room for what a run will write. See trainer_private.h. */
#include "train/trainer_private.h"

#include <math.h>
#include <stdio.h>
#include <sys/statvfs.h>

/* Bytes, as float64: a plan may be for more than any counter holds. */
typedef struct {
    double model;      /* model.safetensors */
    double checkpoint; /* with the dense moments; those of the tables' rows depend on the data and are not counted */
    double count;      /* checkpoints that will lie there beside what lies there now */
} Needs;

/* Checkpoints still to be written, as far as is known before the run: with early stopping, and where the best is
 * saved, it is one. */
static double planned_saves(const Trainer *t) {
    const Settings *s = t->settings;
    double updates = (double)(t->state.total - t->state.step);
    if (s->save_strategy == STRATEGY_NO || updates <= 0) return 0;
    if (s->save_strategy == STRATEGY_BEST || s->early_stopping_patience > 0) return 1;
    double every = s->save_strategy == STRATEGY_STEPS ? (double)t->save_every : (double)t->steps_per_epoch;
    return ceil((double)t->state.total / every) - floor((double)t->state.step / every);
}

static Needs plan_needs(const Trainer *t) {
    const ParameterLayout *layout = &t->model.layout;
    const int64_t limit = t->settings->save_total_limit;
    Needs needs = {.count = planned_saves(t)};
    size_t floats = layout->token.count + layout->position.count;
    for (size_t i = 0; i < layout->tensors; i++) floats += layout->tensor[i].count;
    needs.model = (double)floats * sizeof(float);
    needs.checkpoint = needs.model + 2.0 * (double)layout->dense * sizeof(float);
    /* An old one goes when a new one is there. Those that lie there now may make room for all but the first. */
    const double most = checkpoint_newest(t->settings->output_dir) > 0 ? 1 : (double)limit + 1;
    if (limit > 0 && needs.count > most) needs.count = most;
    return needs;
}

/* "1.4 GB" */
static const char *size_text(double bytes, char text[32]) {
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    int unit = 0;
    for (; unit < 4 && bytes >= 1000; unit++) bytes /= 1000;
    snprintf(text, 32, "%.*f %s", unit == 0 || bytes >= 100 ? 0 : 1, bytes, units[unit]);
    return text;
}

Status trainer_check_room(const Trainer *t, Error *error) {
    struct statvfs disk;
    const char *folder = t->settings->output_dir;
    if (statvfs(folder, &disk) != 0) return STATUS_OK; /* what cannot be asked shows when it is written */
    const double room = (double)disk.f_bavail * (double)disk.f_frsize;
    const Needs needs = plan_needs(t);
    /* The model is written last, when checkpoints over the limit are gone. */
    double last = t->settings->save_total_limit > 0 && needs.count > 0 ? 0 : needs.model;
    double bytes = needs.count * needs.checkpoint + last;
    if (bytes <= room) return STATUS_OK;
    char all[32], one[32], model[32], there[32];
    return error_set(
        error, STATUS_INPUT,
        "%s: this run needs at least %s of disk (%.0f checkpoint%s of %s, a model of %s), but %s are free: "
        "make room, or set save_total_limit, save_steps or save_strategy",
        folder, size_text(bytes, all), needs.count, needs.count == 1 ? "" : "s", size_text(needs.checkpoint, one),
        size_text(needs.model, model), size_text(room, there));
}
