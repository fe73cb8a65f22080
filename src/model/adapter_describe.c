/* Describing and checking an adapter's folder for `linnet inspect`. */
#include "linnet/core/describe.h"
#include "linnet/core/digest.h"
#include "linnet/core/memory.h"
#include "linnet/model/adapter.h"
#include "linnet/model/model_folder.h"
#include "linnet/model/model_paths.h"

static void print_adapter(const Adapter *adapter, const ModelConfig *model, const char *base) {
    const AdapterConfig *config = &adapter->config;
    const size_t linears = (adapter->layout.tensors - 1) / 2;
    describe_line("base model", "%s", base);
    describe_line("rank", "%d, lora_alpha %g%s, scaling %g, dropout %g", config->rank, config->alpha,
                  config->rslora ? " (rslora)" : "", (double)adapter->scaling, config->dropout);
    describe_line("adapts", "%zu linear layer%s of %d: %s", linears, linears == 1 ? "" : "s",
                  model->layers * ADAPTED_LINEARS, config->targets ? config->targets : "[\"c_attn\"]");
    describe_line("parameters", "%zu, the head among them", parameters_count(&adapter->layout));
    describe_line("pooling", "%s%s", pooling_name(model->pooling),
                  model->pooling_saved ? "" : " (not saved with the model)");
    for (int32_t i = 0; i < model->labels; i++) describe_line("label", "%d %s", i, model->label_names[i]);
}

/* Check all values, and print a digest of them as float32, tensor by tensor. */
static Status check_values(const AdapterFolder *folder, const Adapter *adapter, Error *error) {
    const ParameterLayout *layout = &adapter->layout;
    char text[DIGEST_TEXT];
    Digest *digest = NULL;
    float *values = memory_allocate(layout->dense, sizeof *values, error);
    if (values && !digest_create(&digest, error) && !adapter_folder_read(folder, adapter, values, error)) {
        for (size_t i = 0; i < layout->tensors; i++)
            digest_add(digest, values + layout->tensor[i].offset, layout->tensor[i].count * sizeof *values);
        digest_finish(digest, text);
        describe_line("values", "SHA-256 %s", text);
    }
    digest_destroy(digest);
    memory_free(values);
    return error->status;
}

Status adapter_describe(const char *path, const char *kind, Error *error) {
    ModelPaths paths;
    ModelConfig model = {0};
    AdapterFolder *folder = NULL;
    Adapter *adapter = NULL;
    if (model_paths_find(&paths, path, NULL, error)) return error->status;
    if (!model_folder_load_config(&model, paths.base, error) &&
        !adapter_folder_open(&folder, &adapter, path, &model, error)) {
        describe_line("kind", "%s", kind);
        describe_line("path", "%s", path);
        print_adapter(adapter, &model, paths.base);
        if (!model_folder_describe_tokenizer(paths.tokenizer, &model, error) && !check_values(folder, adapter, error))
            describe_line("verified", "configuration, names and shapes of all tensors, all values finite");
    }
    adapter_folder_close(folder);
    adapter_destroy(adapter);
    model_config_free(&model);
    model_paths_free(&paths);
    return error->status;
}
