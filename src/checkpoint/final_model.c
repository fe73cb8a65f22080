/* Putting the final model in its place step by step. See final_model.h. */
#include "linnet/checkpoint/final_model.h"

#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"

/* Each step is flushed before the next one: even after a power failure the folder never has a config.json together with
 * files of two models. Files that linnet did not write are not removed. Among them are the shards of a model: without
 * their index no reader opens them. */
static Status remove_old(const char *output_dir, const char *name, Error *error) {
    char *path = error->status ? NULL : file_join(output_dir, name, error);
    if (path && file_exists(path) && !file_remove(path, error)) file_flush(output_dir, error);
    memory_free(path);
    return error->status;
}

/* The weights of a model: complete ones, or an adapter's. */
static const char *const WEIGHTS[] = {"model.safetensors", ADAPTER_VALUES_FILE};
enum { KINDS = sizeof WEIGHTS / sizeof *WEIGHTS };

/* What tells readers that there is a model goes first. Weights that the new model does not replace by its own would make
 * one of two models. */
static Status remove_all_old(const char *complete, const char *output_dir, Error *error) {
    remove_old(output_dir, ADAPTER_CONFIG_FILE, error);
    remove_old(output_dir, "config.json", error);
    remove_old(output_dir, "model.safetensors.index.json", error);
    for (size_t i = 0; i < KINDS; i++)
        if (!file_is_in(complete, WEIGHTS[i])) remove_old(output_dir, WEIGHTS[i], error);
    for (size_t i = 0; i < TOKENIZER_FILES; i++) remove_old(output_dir, TOKENIZER_FILE_NAMES[i], error);
    remove_old(output_dir, ADAPTER_MODEL_FILE, error);
    return remove_old(output_dir, RUN_STATE_FILE, error);
}

static Status move_new(const char *from, const char *output_dir, const char *name, Error *error) {
    if (error->status) return error->status;
    char *old = file_join(from, name, error), *new = file_join(output_dir, name, error);
    if (!error->status && file_exists(old)) file_rename(old, new, error);
    memory_free(old);
    memory_free(new);
    return error->status;
}

/* What tells readers that there is a model goes last. */
static Status move_all_new(const char *from, const char *output_dir, Error *error) {
    for (size_t i = 0; i < KINDS; i++) move_new(from, output_dir, WEIGHTS[i], error);
    for (size_t i = 0; i < TOKENIZER_FILES; i++) move_new(from, output_dir, TOKENIZER_FILE_NAMES[i], error);
    move_new(from, output_dir, RUN_STATE_FILE, error);
    move_new(from, output_dir, ADAPTER_MODEL_FILE, error);
    move_new(from, output_dir, "config.json", error);
    return move_new(from, output_dir, ADAPTER_CONFIG_FILE, error);
}

/* Continue from any step. The weights are moved first: while model.new has them nothing else was moved, and OUTPUT/
 * holds files of the old model; afterwards it holds none of those, and a vocab.json there is the new model's. */
static Status put_in_place(const char *complete, const char *output_dir, Error *error) {
    bool first = false;
    for (size_t i = 0; i < KINDS; i++) first = first || file_is_in(complete, WEIGHTS[i]);
    if (first) remove_all_old(complete, output_dir, error);
    if (!error->status && !move_all_new(complete, output_dir, error)) file_remove(complete, error);
    return error->status;
}

static Status save_state(const char *temporary, const RunState *state, const char *settings, const char *file,
                         const char *weights, Error *error) {
    RunStateFiles files;
    if (!run_state_make(&files, state, NULL, NULL, settings, error)) {
        run_state_add_digest(&files, file, weights, error);
        run_state_save(&files, temporary, error);
    }
    run_state_free(&files);
    return error->status;
}

static Status write_temporary(const char *temporary, const Model *model, const RunState *state, const char *settings,
                              Error *error) {
    char weights[DIGEST_TEXT];
    if (file_remove(temporary, error) || file_make_folder(temporary, error) ||
        model_save(model, &model->parameters, temporary, weights, error) ||
        save_state(temporary, state, settings, model_values_file(model), weights, error))
        return error->status;
    return file_flush(temporary, error);
}

Status final_model_save(const char *output_dir, const Model *model, const RunState *state, const char *settings,
                        Error *error) {
    char *temporary = file_join(output_dir, "model.tmp", error), *complete = file_join(output_dir, "model.new", error);
    if (!error->status) {
        Error ignored = {0}; /* the first failure is reported */
        if (write_temporary(temporary, model, state, settings, error) || file_rename(temporary, complete, error))
            file_remove(temporary, &ignored);
        else
            put_in_place(complete, output_dir, error);
    }
    memory_free(temporary);
    memory_free(complete);
    return error->status;
}

Status final_model_recover(const char *output_dir, Error *error) {
    char *temporary = file_join(output_dir, "model.tmp", error), *complete = file_join(output_dir, "model.new", error);
    if (!error->status && file_exists(complete)) {
        log_info("%s is the complete model of a run that was killed before it was in place: moving it there", complete);
        put_in_place(complete, output_dir, error);
    }
    if (!error->status && file_exists(temporary)) {
        log_info("%s was left by a run that was killed: removing it", temporary);
        file_remove(temporary, error);
    }
    memory_free(temporary);
    memory_free(complete);
    return error->status;
}
