/* Where the best model of a run is that is resumed: a run that continues another one, which may continue a third one, can
 * have its best model in any of their folders. */
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "train/trainer_state.h"
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether a run is the one that wrote the best checkpoint. Checkpoints of linnet 0.2.0 do not say which it was: then it
 * may be the run that was resumed or the one before it. */
static bool is_writer(const RunState *was, const char *run) {
    if (was->best_saved.run[0]) return strcmp(run, was->best_saved.run) == 0;
    return strcmp(run, was->run.id) == 0 || strcmp(run, was->run.from_run) == 0;
}

/* Whether a folder is the best checkpoint; *best then says so. */
static bool is_best(const char *folder, const RunState *was, BestCheckpoint *best) {
    RunState found;
    RunStateParts parts = {0};
    Error ignored = {0}; /* a damaged one is none */
    bool good = checkpoint_kind(folder) == CHECKPOINT_LINNET && !run_state_read_own(folder, &found, &parts, &ignored) &&
                found.step == was->best_saved.step && is_writer(was, found.run.id);
    run_state_parts_free(&parts);
    if (good) memcpy(best->run, found.run.id, sizeof best->run);
    return good;
}

/* The same, for a folder that is not in output_dir. */
static bool is_best_outside(const char *folder, const RunState *was, BestCheckpoint *best) {
    char absolute[PATH_MAX];
    if (!is_best(folder, was, best)) return false;
    snprintf(best->folder, sizeof best->folder, "%s", realpath(folder, absolute) ? absolute : folder);
    log_info("the best model so far is that of %s", best->folder);
    return true;
}

/* FOLDER/checkpoint-STEP of the best step in the folder where `checkpoint` lies. */
static char *beside(const char *checkpoint, int64_t step, Error *error) {
    char absolute[PATH_MAX];
    char *slash = realpath(checkpoint, absolute) ? strrchr(absolute, '/') : NULL;
    if (!slash) return NULL;
    *slash = '\0';
    return checkpoint_path(absolute, step, error);
}

void trainer_find_best(const Trainer *t, const char *checkpoint, RunState *state) {
    const RunState was = *state;
    const int64_t step = was.best_saved.step;
    Error ignored = {0}; /* without memory for a name it is not found */
    char *inside = checkpoint_path(t->settings->output_dir, step, &ignored);
    char *near = beside(checkpoint, step, &ignored);
    BestCheckpoint *best = &state->best_saved;
    *best = (BestCheckpoint){.step = step};
    if (!(inside && is_best(inside, &was, best)) && !(near && is_best_outside(near, &was, best)) &&
        !(was.best_saved.folder[0] && is_best_outside(was.best_saved.folder, &was, best))) {
        log_warning("the best model so far, checkpoint-%" PRId64
                    ", is no longer in %s nor beside %s: only a better one "
                    "will be loaded at the end",
                    step, t->settings->output_dir, checkpoint);
        *best = (BestCheckpoint){0};
    }
    memory_free(inside);
    memory_free(near);
}
