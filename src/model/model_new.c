/* New model folders with random weights. model_new.h has the contract. */
#include "linnet/model/model_new.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/core/random.h"
#include "model/new_folder.h"
#include <math.h>

/* Each tensor has a stream of random numbers of its own: the embeddings, then the tensors of the layout. */
enum { STREAM_TOKEN, STREAM_POSITION, STREAM_DENSE };

static void fill_constant(float *values, size_t count, float value) {
    for (size_t i = 0; i < count; i++) values[i] = value;
}

static void fill_dense(const ParameterLayout *layout, size_t index, double deviation, uint64_t seed, float *dense) {
    const ParameterTensor *tensor = &layout->tensor[index];
    random_normal(dense + tensor->offset, (int64_t)tensor->count, (float)deviation, seed,
                  STREAM_DENSE + (uint32_t)index);
}

void model_new_head(const ParameterLayout *layout, const ModelConfig *config, uint64_t seed, float *score) {
    const size_t index = parameters_score(layout);
    random_normal(score, (int64_t)layout->tensor[index].count, (float)config->initializer_range, seed,
                  STREAM_DENSE + (uint32_t)index);
}

/* One layer's tensors. The two projections that end in the residual stream are smaller: 2 · layers of them add up. */
static void new_layer(const ParameterLayout *layout, const ModelConfig *config, int layer, uint64_t seed,
                      float *dense) {
    const double range = config->initializer_range, residual = range / sqrt(2.0 * config->layers);
    for (LayerTensor which = LN1_WEIGHT; which <= OUT_BIAS; which++) {
        const size_t index = parameters_layer(layout, layer, which);
        const ParameterTensor *tensor = &layout->tensor[index];
        if (which == LN1_WEIGHT || which == LN2_WEIGHT)
            fill_constant(dense + tensor->offset, tensor->count, 1);
        else if (!tensor->decay)
            fill_constant(dense + tensor->offset, tensor->count, 0);
        else
            fill_dense(layout, index, which == PROJ_WEIGHT || which == OUT_WEIGHT ? residual : range, seed, dense);
    }
}

void model_new_parameters(const ParameterLayout *layout, const ModelConfig *config, uint64_t seed,
                          Parameters *parameters) {
    const ParameterTensor *weight = &layout->tensor[parameters_final_weight(layout)];
    const ParameterTensor *bias = &layout->tensor[parameters_final_bias(layout)];
    const float range = (float)config->initializer_range;
    random_normal(parameters->token, (int64_t)layout->token.count, range, seed, STREAM_TOKEN);
    progress_add_bytes((int64_t)(layout->token.count * sizeof(float)));
    random_normal(parameters->position, (int64_t)layout->position.count, range, seed, STREAM_POSITION);
    for (int layer = 0; layer < layout->layers; layer++) {
        new_layer(layout, config, layer, seed, parameters->dense);
        progress_add_bytes((int64_t)(layout->dense / (size_t)layout->layers * sizeof(float)));
    }
    fill_constant(parameters->dense + weight->offset, weight->count, 1);
    fill_constant(parameters->dense + bias->offset, bias->count, 0);
    model_new_head(layout, config, seed, parameters->dense + layout->tensor[parameters_score(layout)].offset);
}

static Status make_config(const NewModel *model, ModelConfig *config, Error *error) {
    TokenizerSpec spec = {0};
    if (!tokenizer_spec_read(&spec, model->tokenizer, error) &&
        !model_config_create(config, spec.size, model->positions, model->width, model->layers, model->heads,
                             model->problem, model->label_names, model->labels, spec.end_of_text, error))
        config->pad_token = tokenizer_pad(&spec, -1);
    tokenizer_spec_free(&spec);
    return error->status;
}

/* What write_files() needs. */
typedef struct {
    const NewModel *model;
    const ModelConfig *config;
} NewFiles;

/* Draw the weights and write all files into the existing folder `path`. */
static Status write_files(const char *path, const void *context, Error *error) {
    const NewModel *model = ((const NewFiles *)context)->model;
    const ModelConfig *config = ((const NewFiles *)context)->config;
    ParameterLayout layout = {0};
    Parameters parameters = {0};
    TokenizerFiles tokenizer = {0};
    if (parameters_layout(&layout, config, error) ||
        tokenizer_files_read(&tokenizer, model->tokenizer, config->pad_token, config->positions, error))
        goto cleanup;
    const size_t floats = layout.dense + layout.token.count + layout.position.count;
    if (memory_check(floats * sizeof(float), "the model's parameters", error)) goto cleanup;
    parameters.dense = memory_allocate(layout.dense, sizeof *parameters.dense, error);
    parameters.token = memory_allocate(layout.token.count, sizeof *parameters.token, error);
    parameters.position = memory_allocate(layout.position.count, sizeof *parameters.position, error);
    if (error->status) goto cleanup;
    progress_begin("init", "bytes", (int64_t)(2 * floats * sizeof(float))); /* made, then written */
    model_new_parameters(&layout, config, model->seed, &parameters);
    model_folder_save(path, config, &layout, &parameters, &tokenizer, NULL, error);
    progress_end();
cleanup:
    tokenizer_files_free(&tokenizer);
    memory_free(parameters.dense);
    memory_free(parameters.token);
    memory_free(parameters.position);
    parameters_layout_free(&layout);
    return error->status;
}

Status model_new_folder(const char *path, const NewModel *model, Error *error) {
    ModelConfig config = {0};
    const NewFiles files = {model, &config};
    if (!new_folder_check(path, error) && !make_config(model, &config, error))
        new_folder_write(path, write_files, &files, error);
    model_config_free(&config);
    return error->status;
}
