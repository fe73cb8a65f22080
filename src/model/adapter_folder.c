/* The folder of an adapter: its configuration, its values and the labels of its head. adapter.h has the contract. */
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/kernels/vector.h"
#include "linnet/model/finite.h"
#include "model/adapter_private.h"
#include "model/model_folder_private.h"
#include <stdio.h>
#include <string.h>

struct AdapterFolder {
    char *path; /* of the file of values */
    SafetensorsFile *file;
    const Tensor **found; /* [layout.tensors] */
};

static const char SCORE[] = ADAPTER_PREFIX "score.weight";

/* --- Labels ------------------------------------------------------------------------------------------------------- */

/* linnet keeps the model's configuration with the adapter: its labels and its pooling are the adapter's. */
static Status use_own_config(ModelConfig *model, const char *path, Error *error) {
    ModelConfig own;
    char *file = file_join(path, ADAPTER_MODEL_FILE, error);
    if (!file || model_config_load(&own, file, error)) goto cleanup;
    if (own.vocabulary != model->vocabulary || own.positions != model->positions || own.width != model->width ||
        own.layers != model->layers || own.heads != model->heads || own.inner != model->inner) {
        error_set(error, STATUS_INPUT,
                  "%s: the adapter is of a model with %d layers, width %d and %d tokens, the base model has %d layers, "
                  "width %d and %d tokens",
                  file, own.layers, own.width, own.vocabulary, model->layers, model->width, model->vocabulary);
        model_config_free(&own);
        goto cleanup;
    }
    model_config_free(model);
    *model = own;
cleanup:
    memory_free(file);
    return error->status;
}

static Status fit_labels(ModelConfig *model, const char *path, const AdapterFolder *folder, Error *error) {
    const Tensor *score = safetensors_find(folder->file, SCORE);
    if (!score || score->dimensions != 2 || score->shape[0] < 1 || score->shape[0] > 65536)
        return error_set(error, STATUS_INPUT, "%s: has no classification head (%s): train it with task_type SEQ_CLS",
                         folder->path, SCORE);
    if (file_is_in(path, ADAPTER_MODEL_FILE)) return use_own_config(model, path, error);
    const int32_t labels = (int32_t)score->shape[0];
    if (labels == 1) model->problem = PROBLEM_REGRESSION; /* as of a model in Transformers */
    return labels == model->labels ? STATUS_OK : model_config_set_labels(model, NULL, labels, error);
}

/* --- Tensors ------------------------------------------------------------------------------------------------------ */

/* The tensor of a linear layer: "lora_A" or "lora_B". */
static const Tensor *find_factor(const AdapterFolder *folder, int layer, AdaptedLinear which, const char *factor) {
    char linear[ADAPTER_NAME], name[ADAPTER_NAME + 40];
    adapter_linear_name(layer, which, linear);
    snprintf(name, sizeof name, "%s%s.%s.weight", ADAPTER_PREFIX, linear, factor);
    return safetensors_find(folder->file, name);
}

/* Mark the linear layers that the file has a tensor for; whether there are any. */
static bool mark_found(const AdapterFolder *folder, int32_t layers, bool *adapted) {
    bool any = false;
    for (int l = 0; l < layers; l++)
        for (AdaptedLinear which = 0; which < ADAPTED_LINEARS; which++) {
            const bool found = find_factor(folder, l, which, "lora_A") || find_factor(folder, l, which, "lora_B");
            adapted[l * ADAPTED_LINEARS + (int)which] = found;
            any = any || found;
        }
    return any;
}

static Status find_tensors(AdapterFolder *folder, const ParameterLayout *layout, Error *error) {
    folder->found = memory_allocate(layout->tensors, sizeof *folder->found, error);
    for (size_t i = 0; i < layout->tensors && !error->status; i++) {
        const ParameterTensor *wanted = &layout->tensor[i];
        folder->found[i] = safetensors_find(folder->file, wanted->name);
        if (!folder->found[i])
            error_set(error, STATUS_INPUT, "%s: tensor %s is missing", folder->path, wanted->name);
        else
            model_folder_check_tensor(folder->path, folder->found[i], wanted, ADAPTER_CONFIG_FILE, error);
    }
    return error->status;
}

/* Each tensor of the file has its place. */
static Status refuse_unknown(const AdapterFolder *folder, const ParameterLayout *layout, Error *error) {
    for (size_t i = 0; i < safetensors_count(folder->file); i++) {
        const Tensor *tensor = safetensors_at(folder->file, i);
        bool known = false;
        for (size_t j = 0; j < layout->tensors && !known; j++) known = folder->found[j] == tensor;
        if (!known)
            return error_set(error, STATUS_INPUT,
                             "%s: tensor %s is none of a LoRA adapter of this model: linnet reads lora_A and lora_B of "
                             "c_attn, c_proj and c_fc in %d layers, and score.weight",
                             folder->path, tensor->name, layout->layers);
    }
    return STATUS_OK;
}

static Status make_adapter(AdapterFolder *folder, Adapter **adapter, const AdapterConfig *config,
                           const ModelConfig *model, Error *error) {
    bool *adapted = memory_allocate((size_t)model->layers * ADAPTED_LINEARS, sizeof *adapted, error);
    Adapter *made = NULL;
    if (adapted && !mark_found(folder, model->layers, adapted))
        error_set(error, STATUS_INPUT, "%s: has no LoRA adapter of a linear layer of GPT-2", folder->path);
    if (!error->status && !adapter_create_for(&made, config, model, adapted, error) &&
        !find_tensors(folder, &made->layout, error))
        refuse_unknown(folder, &made->layout, error);
    memory_free(adapted);
    if (error->status) {
        adapter_destroy(made);
        return error->status;
    }
    *adapter = made;
    return STATUS_OK;
}

/* --- The folder --------------------------------------------------------------------------------------------------- */

static Status open_values(AdapterFolder *folder, const char *path, Error *error) {
    folder->path = file_join(path, ADAPTER_VALUES_FILE, error);
    if (!folder->path) return error->status;
    if (!file_is_in(path, ADAPTER_VALUES_FILE) && file_is_in(path, "adapter_model.bin"))
        return error_set(error, STATUS_INPUT,
                         "%s: has only adapter_model.bin, weights in PyTorch's format: save the adapter again with "
                         "save_pretrained(), which writes %s",
                         path, ADAPTER_VALUES_FILE);
    return safetensors_open(&folder->file, folder->path, error);
}

Status adapter_folder_open(AdapterFolder **folder, Adapter **adapter, const char *path, ModelConfig *model,
                           Error *error) {
    AdapterConfig config = {0};
    AdapterFolder *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    if (adapter_config_read(&config, path, error) || open_values(made, path, error) ||
        fit_labels(model, path, made, error) || make_adapter(made, adapter, &config, model, error)) {
        adapter_folder_close(made);
        made = NULL;
    }
    adapter_config_free(&config);
    *folder = made;
    return error->status;
}

Status adapter_folder_read(const AdapterFolder *folder, const Adapter *adapter, float *values, Error *error) {
    const ParameterLayout *layout = &adapter->layout;
    for (size_t i = 0; i < layout->tensors && !error->status; i++) {
        const ParameterTensor *tensor = &layout->tensor[i];
        safetensors_read(folder->found[i], 0, tensor->count, values + tensor->offset);
        tensor_check_finite(folder->path, tensor, values + tensor->offset, error);
    }
    return error->status;
}

void adapter_folder_close(AdapterFolder *folder) {
    if (!folder) return;
    safetensors_close(folder->file);
    memory_free(folder->found);
    memory_free(folder->path);
    memory_free(folder);
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

static Status save_values(const char *path, const ParameterLayout *layout, const float *values,
                          char digest[DIGEST_TEXT], Error *error) {
    TensorSource *sources = memory_allocate(layout->tensors, sizeof *sources, error);
    if (!sources) return error->status;
    for (size_t i = 0; i < layout->tensors; i++)
        sources[i] = model_folder_source(&layout->tensor[i], values + layout->tensor[i].offset);
    safetensors_save(path, sources, layout->tensors, digest, error);
    memory_free(sources);
    return error->status;
}

Status adapter_folder_save(const char *path, const Adapter *adapter, const ModelConfig *model, const float *values,
                           const TokenizerFiles *tokenizer, char digest[DIGEST_TEXT], Error *error) {
    char *config = file_join(path, ADAPTER_MODEL_FILE, error), *file = file_join(path, ADAPTER_VALUES_FILE, error);
    if (config && file && !model_config_save(model, config, error) &&
        !adapter_config_save(&adapter->config, path, error) &&
        !save_values(file, &adapter->layout, values, digest, error))
        tokenizer_files_save(tokenizer, path, error);
    memory_free(config);
    memory_free(file);
    return error->status;
}
