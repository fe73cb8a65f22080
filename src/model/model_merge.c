/* Merging an adapter into its base model. model_merge.h has the contract. */
#include "linnet/model/model_merge.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/model/finite.h"
#include "linnet/model/model_folder.h"
#include "model/adapter_private.h"
#include "model/new_folder.h"
#include <string.h>

typedef struct {
    const ModelPaths *paths; /* borrowed */
    ModelFolder *folder;
    AdapterFolder *adapter_folder;
    Adapter *adapter;
    ModelConfig config;
    ParameterLayout layout;
    Parameters parameters; /* both parts of it that are not embeddings are owned */
    TokenizerFiles tokenizer;
} Merge;

/* One linear layer: weight [in, out] += scaling · Aᵀ · Bᵀ, each element as one float64 sum in the order of the rank. */
static void merge_linear(float *weight, const float *down, const float *up, size_t in, size_t out, size_t rank,
                         float scaling) {
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < in; i++)
        for (size_t o = 0; o < out; o++) {
            double sum = 0.0;
            for (size_t k = 0; k < rank; k++) sum += (double)down[k * in + i] * (double)up[o * rank + k];
            weight[i * out + o] = (float)((double)weight[i * out + o] + (double)scaling * sum);
        }
}

static void merge_values(Merge *m) {
    static const LayerTensor WEIGHTS[ADAPTED_LINEARS] = {[ADAPTED_ATTN] = ATTN_WEIGHT,
                                                         [ADAPTED_PROJ] = PROJ_WEIGHT,
                                                         [ADAPTED_FC] = FC_WEIGHT,
                                                         [ADAPTED_OUT] = OUT_WEIGHT};
    const Adapter *adapter = m->adapter;
    const ParameterTensor *score = &m->layout.tensor[parameters_score(&m->layout)];
    float *dense = m->parameters.dense;
    const float *values = m->parameters.adapter_values;
    for (int l = 0; l < m->config.layers; l++)
        for (AdaptedLinear which = 0; which < ADAPTED_LINEARS; which++) {
            if (!adapter_has(adapter, l, which)) continue;
            const ParameterTensor *weight = &m->layout.tensor[parameters_layer(&m->layout, l, WEIGHTS[which])];
            merge_linear(dense + weight->offset, values + adapter_down(adapter, l, which),
                         values + adapter_up(adapter, l, which), (size_t)weight->shape[0], (size_t)weight->shape[1],
                         (size_t)adapter->config.rank, adapter->scaling);
        }
    memcpy(dense + score->offset, values + adapter_score(adapter), score->count * sizeof *dense);
}

static Status read_values(Merge *m, Error *error) {
    const ParameterLayout *layout = &m->layout;
    if (memory_check(layout->dense * sizeof(float), "the model's parameters", error)) return error->status;
    m->parameters.dense = memory_allocate(layout->dense, sizeof(float), error);
    m->parameters.adapter_values = memory_allocate(m->adapter->layout.dense, sizeof(float), error);
    if (error->status || model_folder_embeddings(m->folder, &m->parameters, error) ||
        model_folder_read(m->folder, layout, 0, parameters_score(layout), m->parameters.dense, error))
        return error->status;
    return adapter_folder_read(m->adapter_folder, m->adapter, m->parameters.adapter_values, error);
}

static Status write_files(const char *path, const void *context, Error *error) {
    const Merge *m = context;
    return model_folder_save(path, &m->config, &m->layout, &m->parameters, &m->tokenizer, NULL, error);
}

static Status open_folders(Merge *m, Error *error) {
    const ModelPaths *paths = m->paths;
    if (model_folder_open(&m->folder, paths->base, HEAD_ANY, error) ||
        model_folder_load_config(&m->config, paths->base, error) ||
        adapter_folder_open(&m->adapter_folder, &m->adapter, paths->adapter, &m->config, error) ||
        parameters_layout(&m->layout, &m->config, error))
        return error->status;
    if (!tokenizer_folder_has_one(paths->tokenizer)) {
        log_warning("%s: has no tokenizer, and so the merged model has none", paths->tokenizer);
        return STATUS_OK;
    }
    return tokenizer_files_read(&m->tokenizer, paths->tokenizer, m->config.pad_token, m->config.positions, error);
}

static void close_folders(Merge *m) {
    tokenizer_files_free(&m->tokenizer);
    memory_free(m->parameters.dense);
    memory_free(m->parameters.adapter_values);
    parameters_layout_free(&m->layout);
    model_config_free(&m->config);
    adapter_folder_close(m->adapter_folder);
    adapter_destroy(m->adapter);
    model_folder_close(m->folder);
}

Status model_merge(const ModelPaths *paths, const char *output, Error *error) {
    Merge m = {.paths = paths};
    if (!paths->adapter)
        return error_set(error, STATUS_INPUT,
                         "%s: is no adapter: give the folder of one, or the model and its adapter besides",
                         paths->base);
    if (new_folder_check(output, error)) return error->status;
    if (!open_folders(&m, error)) {
        progress_begin("merge", "bytes", (int64_t)(2 * parameters_count(&m.layout) * sizeof(float)));
        if (!read_values(&m, error)) {
            merge_values(&m);
            if (!parameters_check_finite(paths->adapter, &m.layout, &m.parameters, error))
                new_folder_write(output, write_files, &m, error);
        }
        progress_end();
    }
    close_folders(&m);
    return error->status;
}
