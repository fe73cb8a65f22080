/* A checkpoint's folder while it is written. See checkpoint_folder.h. */
#include "checkpoint/checkpoint_folder.h"

#include "checkpoint/checkpoint_state.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* path + ending, to be freed with memory_free(). */
static char *with_ending(const char *path, const char *ending, Error *error) {
    char *text = memory_allocate(strlen(path) + strlen(ending) + 1, 1, error);
    if (text != NULL) strcat(strcpy(text, path), ending);
    return text;
}

static void write_model(const char *folder, const Model *model, const Parameters *parameters, const cJSON *state,
                        Error *error) {
    if (file_remove(folder, error) || file_make_folder(folder, error)) return;
    if (model_folder_save(folder, &model->config, &model->layout, parameters, &model->tokenizer_files, error)) return;
    state_save(folder, state, error);
}

Status writing_begin(Writing *w, const char *output_dir, int64_t step, const Model *model, const Parameters *parameters,
                     const cJSON *state, const MomentsShape *shape, Error *error) {
    *w = (Writing){.path = checkpoint_path(output_dir, step, error)};
    if (w->path != NULL) w->beside = with_ending(w->path, ".tmp", error);
    if (w->beside == NULL) return error->status;
    write_model(w->beside, model, parameters, state, error);
    if (error->status != STATUS_OK) return error->status;
    w->moments_open = true;
    return moments_file_create(&w->moments, w->beside, shape, error);
}

/* Put a finished folder in the place of an older one of the same step, which is there at every moment: as
 * checkpoint-STEP or, where the file system cannot exchange two names at once, for a moment as checkpoint-STEP.old,
 * which a start renames back. */
static Status take_place(const char *beside, const char *path, Error *error) {
    if (renameat2(AT_FDCWD, beside, AT_FDCWD, path, RENAME_EXCHANGE) == 0) {
        if (file_flush_parent(path, error) == STATUS_OK) return file_remove(beside, error);
        renameat2(AT_FDCWD, beside, AT_FDCWD, path, RENAME_EXCHANGE); /* the older one stays */
        return error->status;
    }
    char *old = with_ending(path, ".old", error);
    if (old != NULL && file_remove(old, error) == STATUS_OK && file_rename(path, old, error) == STATUS_OK) {
        if (file_rename(beside, path, error) == STATUS_OK) {
            file_remove(old, error);
        } else {
            Error ignored = {0}; /* what failed first is what is told */
            file_rename(old, path, &ignored);
        }
    }
    memory_free(old);
    return error->status;
}

static Status put_in_place(const char *beside, const char *path, Error *error) {
    if (file_flush(beside, error)) return error->status;
    return file_exists(path) ? take_place(beside, path, error) : file_rename(beside, path, error);
}

/* Remove what was written. The model goes before optimizer.h5 is closed: HDF5 that finds no room for its last bytes
 * would keep the file open, and its room taken, to the end of the program. */
static void give_up(Writing *w) {
    Error ignored = {0};
    char *model = w->beside != NULL ? file_join(w->beside, "model.safetensors", &ignored) : NULL;
    if (model != NULL) file_remove(model, &ignored);
    memory_free(model);
    ignored = (Error){.status = STATUS_FAILURE};
    if (w->moments_open) moments_file_close(&w->moments, &ignored);
    ignored = (Error){0};
    if (w->beside != NULL) file_remove(w->beside, &ignored);
}

Status writing_end(Writing *w, Error *error) {
    if (error->status == STATUS_OK) moments_file_flush(&w->moments, error);
    if (error->status == STATUS_OK) {
        moments_file_close(&w->moments, error);
        w->moments_open = false;
        if (error->status == STATUS_OK) put_in_place(w->beside, w->path, error);
    }
    if (error->status != STATUS_OK) give_up(w);
    memory_free(w->beside);
    memory_free(w->path);
    return error->status;
}
