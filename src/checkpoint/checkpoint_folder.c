/* Writing a checkpoint's folder and putting it in its place. See checkpoint_folder.h. */
#include "checkpoint/checkpoint_folder.h"

#include "linnet/checkpoint/checkpoint.h"
#include "linnet/checkpoint/run_state.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* path + ending, to be freed with memory_free(). */
static char *with_ending(const char *path, const char *ending, Error *error) {
    char *text = memory_allocate(strlen(path) + strlen(ending) + 1, 1, error);
    if (text) strcat(strcpy(text, path), ending);
    return text;
}

Status checkpoint_folder_begin(CheckpointFolder *f, const char *output_dir, int64_t step, const Model *model,
                               const Parameters *parameters, const MomentsShape *shape, Error *error) {
    *f = (CheckpointFolder){.path = checkpoint_path(output_dir, step, error)};
    if (f->path) f->temporary = with_ending(f->path, ".tmp", error);
    if (!f->temporary || file_remove(f->temporary, error) || file_make_folder(f->temporary, error) ||
        model_folder_save(f->temporary, &model->config, &model->layout, parameters, &model->tokenizer_files, f->weights,
                          error))
        return error->status;
    return moments_file_create(&f->moments, f->temporary, shape, error);
}

/* The digests of the two large files were computed while they were written. */
static Status save_state(const CheckpointFolder *f, cJSON *state, const char *moments, Error *error) {
    static const char *const small[] = {"config.json", "vocab.json", "merges.txt"};
    run_state_add_digest(state, "model.safetensors", f->weights, error);
    run_state_add_digest(state, MOMENTS_FILE, moments, error);
    for (size_t i = 0; i < sizeof small / sizeof *small && !error->status; i++) {
        char digest[DIGEST_TEXT];
        if (!file_is_in(f->temporary, small[i])) continue;
        char *path = file_join(f->temporary, small[i], error);
        if (path && !digest_file(path, digest, error)) run_state_add_digest(state, small[i], digest, error);
        memory_free(path);
    }
    return error->status ? error->status : run_state_save(state, f->temporary, error);
}

/* Replace an older checkpoint of the same step, which is there at every moment: as checkpoint-STEP or, where the file
 * system cannot exchange two names at once, for a moment as checkpoint-STEP.old, which the next start renames back. */
static Status replace_older(const char *temporary, const char *path, Error *error) {
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_EXCHANGE) == 0) {
        if (!file_flush_parent(path, error)) return file_remove(temporary, error);
        renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_EXCHANGE); /* the older one stays */
        return error->status;
    }
    char *old = with_ending(path, ".old", error);
    if (old && !file_remove(old, error) && !file_rename(path, old, error)) {
        Error ignored = {0}; /* the first failure is reported */
        if (file_rename(temporary, path, error))
            file_rename(old, path, &ignored);
        else
            file_remove(old, error);
    }
    memory_free(old);
    return error->status;
}

Status checkpoint_folder_end(CheckpointFolder *f, cJSON *state, Error *error) {
    char moments[DIGEST_TEXT];
    Error ignored = {0}; /* the first failure is reported */
    if (!safetensors_finish(f->moments, moments, error) && !save_state(f, state, moments, error) &&
        !file_flush(f->temporary, error))
        (file_exists(f->path) ? replace_older : file_rename)(f->temporary, f->path, error);
    if (error->status && f->temporary) file_remove(f->temporary, &ignored);
    memory_free(f->temporary);
    memory_free(f->path);
    return error->status;
}
