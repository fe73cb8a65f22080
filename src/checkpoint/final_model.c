/* The final model's way to its place. See final_model.h. */
#include "linnet/checkpoint/final_model.h"

#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"

/* config.json goes first and comes last. Shards that the index named are read by nobody without it: they stay, as
 * whatever else is not linnet's to remove. */
static const char *const OLD[] = {"config.json", "model.safetensors.index.json", "vocab.json", "merges.txt"};
static const char *const NEW[] = {"model.safetensors", "vocab.json", "merges.txt", "config.json"};
enum { OLD_COUNT = sizeof OLD / sizeof *OLD, NEW_COUNT = sizeof NEW / sizeof *NEW };

static bool holds_weights(const char *folder, Error *error) {
    char *path = file_join(folder, "model.safetensors", error);
    const bool holds = path != NULL && file_exists(path);
    memory_free(path);
    return holds;
}

/* Each step on disk before the next one: after a power cut, too, files of two models must not lie there with a
 * config.json. */
static Status remove_old(const char *output_dir, Error *error) {
    for (int i = 0; i < OLD_COUNT && error->status == STATUS_OK; i++) {
        char *path = file_join(output_dir, OLD[i], error);
        if (path != NULL && file_exists(path) && file_remove(path, error) == STATUS_OK) file_flush(output_dir, error);
        memory_free(path);
    }
    return error->status;
}

static Status move_new(const char *from, const char *output_dir, Error *error) {
    for (int i = 0; i < NEW_COUNT && error->status == STATUS_OK; i++) {
        char *old = file_join(from, NEW[i], error), *new = file_join(output_dir, NEW[i], error);
        if (error->status == STATUS_OK && file_exists(old)) file_rename(old, new, error);
        memory_free(old);
        memory_free(new);
    }
    return error->status;
}

/* From wherever it stopped. The weights are moved first: while model.new has them nothing else was moved, and what lies
 * in OUTPUT/ is the old model's; afterwards none of that is left, and vocab.json there is the new model's. */
static Status put_in_place(const char *whole, const char *output_dir, Error *error) {
    if (holds_weights(whole, error)) remove_old(output_dir, error);
    if (error->status == STATUS_OK && move_new(whole, output_dir, error) == STATUS_OK) file_remove(whole, error);
    return error->status;
}

static Status write_beside(const char *beside, const Model *model, Error *error) {
    if (file_remove(beside, error) || file_make_folder(beside, error)) return error->status;
    if (model_folder_save(beside, &model->config, &model->layout, &model->parameters, &model->tokenizer_files, error))
        return error->status;
    return file_flush(beside, error);
}

Status final_model_save(const char *output_dir, const Model *model, Error *error) {
    char *beside = file_join(output_dir, "model.tmp", error), *whole = file_join(output_dir, "model.new", error);
    if (error->status == STATUS_OK) {
        if (write_beside(beside, model, error) || file_rename(beside, whole, error)) {
            Error ignored = {0}; /* what failed first is what is told */
            file_remove(beside, &ignored);
        } else {
            put_in_place(whole, output_dir, error);
        }
    }
    memory_free(beside);
    memory_free(whole);
    return error->status;
}

Status final_model_recover(const char *output_dir, Error *error) {
    char *beside = file_join(output_dir, "model.tmp", error), *whole = file_join(output_dir, "model.new", error);
    if (error->status == STATUS_OK && file_exists(whole)) {
        log_info("%s is the whole model of a run that was ended before it lay in its place: it is put there", whole);
        put_in_place(whole, output_dir, error);
    }
    if (error->status == STATUS_OK && file_exists(beside)) {
        log_info("%s was left unfinished: it is removed", beside);
        file_remove(beside, error);
    }
    memory_free(beside);
    memory_free(whole);
    return error->status;
}
