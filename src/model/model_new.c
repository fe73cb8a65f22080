/* New model folders with random weights. model_new.h has the contract. */
#include "linnet/model/model_new.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/core/random.h"
#include "linnet/core/temporary.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

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

void model_new_head(const ParameterLayout *layout, const ModelConfig *config, uint64_t seed, float *dense) {
    fill_dense(layout, parameters_score(layout), config->initializer_range, seed, dense);
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
    model_new_head(layout, config, seed, parameters->dense);
}

/* Refuse a folder that holds anything: it may be somebody's model. */
static Status check_empty(const char *path, Error *error) {
    if (!file_exists(path)) return STATUS_OK;
    DIR *folder = opendir(path);
    if (!folder) return error_set(error, STATUS_INPUT, "%s: exists and is not a readable folder", path);
    const struct dirent *entry;
    while ((entry = readdir(folder)) && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)) continue;
    if (entry) error_set(error, STATUS_INPUT, "%s: exists and is not empty: linnet does not overwrite a folder", path);
    closedir(folder);
    return error->status;
}

static Status make_config(const NewModel *model, ModelConfig *config, Error *error) {
    TokenizerSpec spec = {0};
    if (!tokenizer_spec_read(&spec, model->tokenizer, error) &&
        !model_config_create(config, spec.size, model->positions, model->width, model->layers, model->heads,
                             model->label_names, model->labels, spec.end_of_text, error))
        config->pad_token = tokenizer_pad(&spec, -1);
    tokenizer_spec_free(&spec);
    return error->status;
}

/* Draw the weights and write all files into the existing folder `path`. */
static Status write_files(const char *path, const NewModel *model, const ModelConfig *config, Error *error) {
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

/* Put the written folder in its place. The rename replaces only an empty folder: of several processes that make the
 * same one, the first wins. */
static Status put_in_place(const char *temporary, const char *path, Error *error) {
    Error filled = {0};
    if (file_take_place(temporary, path, error) && check_empty(path, &filled)) *error = filled;
    return error->status;
}

/* An error names the place that is wanted and not the temporary one. */
static void name_place(Error *error, const char *temporary, const char *path) {
    char rest[sizeof error->message];
    const size_t length = strlen(temporary);
    if (strncmp(error->message, temporary, length) != 0) return;
    snprintf(rest, sizeof rest, "%s", error->message + length);
    snprintf(error->message, sizeof error->message, "%.400s%.600s", path, rest);
}

/* Write a folder under a temporary name and rename it. */
static Status write_folder(const char *path, const NewModel *model, const ModelConfig *config, Error *error) {
    char *output = memory_text(path, error), *temporary = NULL;
    if (!output) return error->status;
    for (size_t length = strlen(output); length > 1 && output[length - 1] == '/';) output[--length] = '\0';
    temporary = temporary_begin(output, error);
    if (!temporary || file_remove(temporary, error) || file_make_folder(temporary, error)) goto cleanup;
    if (write_files(temporary, model, config, error) || put_in_place(temporary, output, error)) {
        Error ignored = {0}; /* the first error is the one to report */
        file_remove(temporary, &ignored);
    }
cleanup:
    if (temporary) name_place(error, temporary, output);
    temporary_end(temporary);
    memory_free(output);
    return error->status;
}

Status model_new_folder(const char *path, const NewModel *model, Error *error) {
    ModelConfig config = {0};
    if (!check_empty(path, error) && !make_config(model, &config, error)) write_folder(path, model, &config, error);
    model_config_free(&config);
    return error->status;
}
