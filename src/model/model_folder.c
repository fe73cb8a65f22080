/* Opening, reading and writing model folders. model_folder.h has the contract. */
#include "linnet/model/model_folder.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/text.h"
#include "model/foreign_model.h"
#include "model/model_folder_private.h"
#include <stdio.h>
#include <string.h>

static const char PREFIX[] = "transformer.";

/* A tensor by its name in GPT2ForSequenceClassification. */
static const Tensor *find_tensor(const ModelFolder *folder, const char *name) {
    const bool prefixed = strncmp(name, PREFIX, sizeof PREFIX - 1) == 0;
    return shards_find(&folder->shards, prefixed ? name + sizeof PREFIX - 1 : name);
}

/* "[50257, 768]" */
static void print_shape(char *text, size_t room, const int64_t *shape, int dimensions) {
    size_t used = (size_t)snprintf(text, room, "[");
    for (int i = 0; i < dimensions && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%lld", i ? ", " : "", (long long)shape[i]);
    if (used < room) snprintf(text + used, room - used, "]");
}

Status model_folder_check_tensor(const char *path, const Tensor *tensor, const ParameterTensor *wanted, const char *by,
                                 Error *error) {
    char is[192], should[64];
    if (tensor->dtype > DTYPE_F64)
        return error_set(error, STATUS_INPUT,
                         "%s: tensor %s has dtype %s, expected F32, F16, BF16 or F64: linnet does not read quantized "
                         "weights",
                         path, tensor->name, tensor->dtype_name);
    if (model_folder_has_shape(tensor, wanted)) return STATUS_OK;
    print_shape(is, sizeof is, tensor->shape, tensor->dimensions);
    print_shape(should, sizeof should, wanted->shape, wanted->dimensions);
    return error_set(error, STATUS_INPUT, "%s: tensor %s has shape %s, by %s it should have %s", path, tensor->name, is,
                     by, should);
}

static Status check_tensor(const ModelFolder *folder, const Tensor *tensor, const ParameterTensor *wanted,
                           Error *error) {
    return model_folder_check_tensor(folder->path, tensor, wanted, "config.json", error);
}

/* What the folder holds in place of a tensor: its first names, or that they are an adapter's. */
static Status refuse_missing(const ModelFolder *folder, const char *name, Error *error) {
    char names[256] = "";
    for (size_t i = 0; i < folder->shards.total; i++) {
        const char *other = folder->shards.tensors[i].tensor->name;
        if (strstr(other, ".lora_"))
            return error_set(error, STATUS_INPUT,
                             "%s: tensor %s is missing, and %s belongs to an adapter: call merge_and_unload() before "
                             "save_pretrained()",
                             folder->path, name, other);
        if (i < 3) error_list(names, sizeof names, other, strlen(other));
    }
    return error_set(error, STATUS_INPUT, "%s: tensor %s is missing among the %zu of the folder: %s%s", folder->path,
                     name, folder->shards.total, names, folder->shards.total > 3 ? ", …" : "");
}

static Status require_tensor(const ModelFolder *folder, const ParameterTensor *wanted, const Tensor **found,
                             Error *error) {
    *found = find_tensor(folder, wanted->name);
    return *found ? check_tensor(folder, *found, wanted, error) : refuse_missing(folder, wanted->name, error);
}

/* The head may be missing: a language model's folder has none. One that does not fit is an error, or as good as missing
 * if any head will do. */
static Status find_head(ModelFolder *folder, const Tensor **found, bool any_head, Error *error) {
    const ParameterTensor *score = &folder->layout.tensor[parameters_score(&folder->layout)];
    Error misfit = {0};
    *found = find_tensor(folder, score->name);
    if (!*found) return STATUS_OK;
    if (check_tensor(folder, *found, score, &misfit) == STATUS_OK && folder->config.labels < 2 &&
        folder->config.problem == PROBLEM_SINGLE_LABEL)
        error_set(&misfit, STATUS_INPUT, "%s: its head has one label: a classifier needs two or more", folder->path);
    if (!misfit.status) return STATUS_OK;
    *found = NULL;
    if (!any_head)
        return error_set(error, misfit.status, "%s (training with ignore_mismatched_sizes starts with a new head)",
                         misfit.message);
    log_info("%s: the head is not used", misfit.message);
    return STATUS_OK;
}

/* Transformers ties the output layer to the token embedding unless config.json says otherwise. */
static Status require_tied(const ModelFolder *folder, Error *error) {
    const cJSON *tied = cJSON_GetObjectItemCaseSensitive(folder->config.source, "tie_word_embeddings");
    if (!cJSON_IsFalse(tied)) return STATUS_OK;
    return error_set(
        error, STATUS_INPUT,
        "%s/config.json: tie_word_embeddings is false: linnet trains language models whose output layer is "
        "the token embedding",
        folder->path);
}

static Status find_tensors(ModelFolder *folder, HeadRule head, Error *error) {
    const ParameterLayout *layout = &folder->layout;
    folder->found = memory_allocate(layout->tensors, sizeof *folder->found, error);
    if (!folder->found) return error->status;
    if (require_tensor(folder, &layout->token, &folder->token, error) ||
        require_tensor(folder, &layout->position, &folder->position, error))
        return error->status;
    for (size_t i = 0; i < layout->tensors; i++)
        if (i != parameters_score(layout) && require_tensor(folder, &layout->tensor[i], &folder->found[i], error))
            return error->status;
    if (head == HEAD_LANGUAGE) return require_tied(folder, error);
    return find_head(folder, &folder->found[parameters_score(layout)], head == HEAD_ANY, error);
}

/* The causal mask that old files carry as a tensor, and the language model's output layer, serve nothing here. */
static bool is_known(const ModelFolder *folder, const NamedTensor *named) {
    const Tensor *tensor = named->tensor;
    if (text_ends_with(named->name, ".attn.bias") || text_ends_with(named->name, ".attn.masked_bias") ||
        strcmp(named->name, "lm_head.weight") == 0 || strcmp(named->name, "score.weight") == 0)
        return true;
    if (tensor == folder->token || tensor == folder->position) return true;
    for (size_t i = 0; i < folder->layout.tensors; i++)
        if (tensor == folder->found[i]) return true;
    return false;
}

/* One line for all tensors that are not a GPT-2 classifier's, and one for names that were read otherwise. */
static void tell_of_names(const ModelFolder *folder) {
    char names[512] = "";
    for (size_t i = 0; i < folder->shards.total; i++) {
        const NamedTensor *named = &folder->shards.tensors[i];
        if (!is_known(folder, named)) error_list(names, sizeof names, named->tensor->name, strlen(named->tensor->name));
    }
    if (*names)
        log_warning("%s: ignored, since a GPT-2 %s has no such tensors: %s%s", folder->path,
                    folder->config.language ? "language model" : "classifier", names,
                    strlen(names) + 1 < sizeof names ? "" : " …");
    if (folder->shards.wrapper)
        log_info("%s: the names of tensors are read without \"%s.\"", folder->path, folder->shards.wrapper);
}

Status model_folder_load_config(ModelConfig *config, const char *path, Error *error) {
    if (!file_is_folder(path)) return foreign_model_path(path, error);
    if (!file_is_in(path, "config.json")) return foreign_model_folder(path, error);
    char *file = file_join(path, "config.json", error);
    if (file) model_config_load(config, file, error);
    memory_free(file);
    return error->status;
}

static Status refuse_adapter(const char *path, Error *error) {
    return file_is_in(path, "adapter_config.json") ? foreign_model_adapter(path, error) : STATUS_OK;
}

/* Configuration, layout and files. */
static Status open_parts(ModelFolder *folder, HeadRule head, Error *error) {
    const char *path = folder->path;
    if (model_folder_load_config(&folder->config, path, error) || refuse_adapter(path, error)) return error->status;
    folder->config.language = head == HEAD_LANGUAGE;
    if (parameters_layout(&folder->layout, &folder->config, error) || shards_open(&folder->shards, path, error))
        return error->status;
    return find_tensors(folder, head, error);
}

Status model_folder_open(ModelFolder **folder, const char *path, HeadRule head, Error *error) {
    *folder = NULL;
    ModelFolder *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    made->path = memory_text(path, error);
    if (!made->path || open_parts(made, head, error)) {
        model_folder_close(made);
        return error->status;
    }
    tell_of_names(made);
    *folder = made;
    return STATUS_OK;
}

void model_folder_close(ModelFolder *folder) {
    if (!folder) return;
    shards_close(&folder->shards);
    parameters_layout_free(&folder->layout);
    model_config_free(&folder->config);
    memory_free(folder->copies[0]);
    memory_free(folder->copies[1]);
    memory_free(folder->found);
    memory_free(folder->path);
    memory_free(folder);
}

const ModelConfig *model_folder_config(const ModelFolder *folder) {
    return &folder->config;
}

bool model_folder_has_head(const ModelFolder *folder) {
    return !folder->config.language && folder->found[parameters_score(&folder->layout)] != NULL;
}

TensorSource model_folder_source(const ParameterTensor *tensor, const float *values) {
    return (TensorSource){.name = tensor->name,
                          .dimensions = tensor->dimensions,
                          .shape = {tensor->shape[0], tensor->shape[1]},
                          .values = values};
}

static Status save_tensors(const char *path, const ParameterLayout *layout, const Parameters *parameters,
                           char digest[DIGEST_TEXT], Error *error) {
    size_t count = 0;
    TensorSource *sources = memory_allocate(layout->tensors + 2, sizeof *sources, error);
    if (!sources) return error->status;
    if (!layout->language) sources[count++] = model_folder_source(&layout->token, parameters->token);
    sources[count++] = model_folder_source(&layout->position, parameters->position);
    for (size_t i = 0; i < layout->tensors; i++)
        sources[count++] = model_folder_source(&layout->tensor[i], parameters->dense + layout->tensor[i].offset);
    safetensors_save(path, sources, count, digest, error);
    memory_free(sources);
    return error->status;
}

Status model_folder_save(const char *path, const ModelConfig *config, const ParameterLayout *layout,
                         const Parameters *parameters, const TokenizerFiles *tokenizer, char digest[DIGEST_TEXT],
                         Error *error) {
    char *config_path = file_join(path, "config.json", error), *tensors = file_join(path, "model.safetensors", error);
    if (config_path && tensors && !model_config_save(config, config_path, error) &&
        !save_tensors(tensors, layout, parameters, digest, error))
        tokenizer_files_save(tokenizer, path, error);
    memory_free(config_path);
    memory_free(tensors);
    return error->status;
}
