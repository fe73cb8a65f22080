#include "linnet/file.h"
#include "linnet/memory.h"
#include "linnet/model_folder.h"
#include "linnet/safetensors.h"
#include <sys/stat.h>

static TensorSource source_of(const ParameterTensor *tensor, const float *values) {
    return (TensorSource){.name = tensor->name,
                          .dimensions = tensor->dimensions,
                          .shape = {tensor->shape[0], tensor->shape[1]},
                          .values = values};
}

static Status save_tensors(const char *path, const ParameterLayout *layout, const Parameters *parameters,
                           Error *error) {
    const size_t count = layout->tensors + 2;
    TensorSource *sources = memory_allocate(count, sizeof *sources, error);
    if (!sources) return error->status;
    sources[0] = source_of(&layout->token, parameters->token);
    sources[1] = source_of(&layout->position, parameters->position);
    for (size_t i = 0; i < layout->tensors; i++)
        sources[i + 2] = source_of(&layout->tensor[i], parameters->dense + layout->tensor[i].offset);
    safetensors_save(path, sources, count, error);
    memory_free(sources);
    return error->status;
}

/** Whether both paths lead to one file: a copy would empty it. */
static bool same_file(const char *left, const char *right) {
    struct stat a, b;
    return stat(left, &a) == 0 && stat(right, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static Status copy_named(const char *from_folder, const char *to_folder, const char *name, Error *error) {
    char *from = file_join(from_folder, name, error), *to = file_join(to_folder, name, error);
    if (from && to && !same_file(from, to)) file_copy(from, to, error);
    memory_free(from);
    memory_free(to);
    return error->status;
}

Status model_folder_save(const char *path, const ModelConfig *config, const ParameterLayout *layout,
                         const Parameters *parameters, const char *tokenizer_folder, Error *error) {
    char *config_path = file_join(path, "config.json", error), *tensors = file_join(path, "model.safetensors", error);
    if (!config_path || !tensors) goto cleanup;
    if (model_config_save(config, config_path, error)) goto cleanup;
    if (save_tensors(tensors, layout, parameters, error)) goto cleanup;
    if (!tokenizer_folder) goto cleanup;
    if (copy_named(tokenizer_folder, path, "vocab.json", error)) goto cleanup;
    copy_named(tokenizer_folder, path, "merges.txt", error);
cleanup:
    memory_free(config_path);
    memory_free(tensors);
    return error->status;
}
