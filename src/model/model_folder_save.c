/* Writing model folders. model_folder.h has the contract. */
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/model/model_folder.h"
#include "linnet/model/safetensors.h"

static TensorSource source_of(const ParameterTensor *tensor, const float *values) {
    return (TensorSource){.name = tensor->name,
                          .dimensions = tensor->dimensions,
                          .shape = {tensor->shape[0], tensor->shape[1]},
                          .values = values};
}

static Status save_tensors(const char *path, const ParameterLayout *layout, const Parameters *parameters,
                           char digest[DIGEST_TEXT], Error *error) {
    const size_t count = layout->tensors + 2;
    TensorSource *sources = memory_allocate(count, sizeof *sources, error);
    if (!sources) return error->status;
    sources[0] = source_of(&layout->token, parameters->token);
    sources[1] = source_of(&layout->position, parameters->position);
    for (size_t i = 0; i < layout->tensors; i++)
        sources[i + 2] = source_of(&layout->tensor[i], parameters->dense + layout->tensor[i].offset);
    safetensors_save(path, sources, count, digest, error);
    memory_free(sources);
    return error->status;
}

Status tokenizer_files_read(TokenizerFiles *files, const char *folder, Error *error) {
    char *vocabulary = file_join(folder, "vocab.json", error), *merges = file_join(folder, "merges.txt", error);
    *files = (TokenizerFiles){0};
    if (vocabulary && merges && !file_read(vocabulary, &files->vocabulary, &files->vocabulary_size, error))
        file_read(merges, &files->merges, &files->merges_size, error);
    if (error->status) tokenizer_files_free(files);
    memory_free(vocabulary);
    memory_free(merges);
    return error->status;
}

void tokenizer_files_free(TokenizerFiles *files) {
    memory_free(files->vocabulary);
    memory_free(files->merges);
    *files = (TokenizerFiles){0};
}

static Status save_text(const char *folder, const char *name, const char *text, size_t size, Error *error) {
    char *path = text ? file_join(folder, name, error) : NULL;
    if (path) file_replace(path, text, size, error);
    memory_free(path);
    return error->status;
}

Status model_folder_save(const char *path, const ModelConfig *config, const ParameterLayout *layout,
                         const Parameters *parameters, const TokenizerFiles *tokenizer, char digest[DIGEST_TEXT],
                         Error *error) {
    char *config_path = file_join(path, "config.json", error), *tensors = file_join(path, "model.safetensors", error);
    if (config_path && tensors && !model_config_save(config, config_path, error) &&
        !save_tensors(tensors, layout, parameters, digest, error) &&
        !save_text(path, "vocab.json", tokenizer->vocabulary, tokenizer->vocabulary_size, error))
        save_text(path, "merges.txt", tokenizer->merges, tokenizer->merges_size, error);
    memory_free(config_path);
    memory_free(tensors);
    return error->status;
}
