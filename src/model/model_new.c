#include "linnet/core/random.h"
#include "linnet/model/model_folder.h"
#include <math.h>

/* A stream of random numbers a tensor: the tables' and then the layout's, so that none depends on another. */
enum { STREAM_TOKEN, STREAM_POSITION, STREAM_DENSE };

static void fill_normal(float *values, const ParameterTensor *tensor, double deviation, uint64_t seed,
                        uint32_t stream) {
    random_normal(values, (int64_t)tensor->count, (float)deviation, seed, stream);
}

static void fill_constant(float *values, size_t count, float value) {
    for (size_t i = 0; i < count; i++) values[i] = value;
}

static void fill_dense(const ParameterLayout *layout, size_t index, double deviation, uint64_t seed, float *dense) {
    const ParameterTensor *tensor = &layout->tensor[index];
    fill_normal(dense + tensor->offset, tensor, deviation, seed, STREAM_DENSE + (uint32_t)index);
}

void model_folder_new_head(const ParameterLayout *layout, const ModelConfig *config, uint64_t seed, float *dense) {
    fill_dense(layout, parameters_score(layout), config->initializer_range, seed, dense);
}

/** One layer's tensors. The two that end in a residual sum are smaller, since 2 · layers of them add up. */
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

void model_folder_new_model(const ParameterLayout *layout, const ModelConfig *config, uint64_t seed,
                            Parameters *parameters) {
    const ParameterTensor *weight = &layout->tensor[parameters_final_weight(layout)];
    const ParameterTensor *bias = &layout->tensor[parameters_final_bias(layout)];
    fill_normal(parameters->token, &layout->token, config->initializer_range, seed, STREAM_TOKEN);
    fill_normal(parameters->position, &layout->position, config->initializer_range, seed, STREAM_POSITION);
    for (int layer = 0; layer < layout->layers; layer++) new_layer(layout, config, layer, seed, parameters->dense);
    fill_constant(parameters->dense + weight->offset, weight->count, 1);
    fill_constant(parameters->dense + bias->offset, bias->count, 0);
    model_folder_new_head(layout, config, seed, parameters->dense);
}
