/* The loaded model: checking, loading and reloading it. model.h has the contract. */
#include "linnet/model/model.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/model/model_new.h"
#include "linnet/tokenizer/tokenizer.h"
#include <string.h>

/* Whether all names are like LABEL_0: these say nothing, and the data's names replace them. */
static bool has_plain_names(const ModelConfig *config) {
    for (int32_t i = 0; i < config->labels; i++)
        if (strncmp(config->label_names[i], "LABEL_", 6) != 0) return false;
    return true;
}

static bool has_labels(const ModelConfig *config, const DatasetInfo *data) {
    bool same = config->labels == data->labels;
    for (int32_t i = 0; i < data->labels && same; i++) same = strcmp(config->label_names[i], data->label_names[i]) == 0;
    return same;
}

/* `advice` ends the message. */
static Status check_labels(const ModelConfig *config, const DatasetInfo *data, const char *path, const char *advice,
                           Error *error) {
    if (config->labels != data->labels)
        return error_set(error, STATUS_INPUT, "%s has %d labels, %s has %d: %s", data->path, data->labels, path,
                         config->labels, advice);
    for (int32_t i = 0; i < data->labels && !has_plain_names(config); i++)
        if (strcmp(config->label_names[i], data->label_names[i]) != 0)
            return error_set(error, STATUS_INPUT, "label %d is '%s' in %s and '%s' in %s: %s", i, data->label_names[i],
                             data->path, config->label_names[i], path, advice);
    return STATUS_OK;
}

/* Vocabulary and tokenizer. */
static Status check_tokens(const ModelConfig *config, const char *tokenizer, const DatasetInfo *data, const char *path,
                           Error *error) {
    const bool known = *tokenizer, same = strcmp(tokenizer, data->tokenizer_digest) == 0;
    if (known && !same)
        return error_set(
            error, STATUS_INPUT,
            "%s was prepared with another tokenizer (%.12s…) than the one in %s (%.12s…): prepare it again with "
            "--tokenizer %s",
            data->path, data->tokenizer_digest, path, tokenizer, path);
    if (data->vocabulary <= config->vocabulary) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s has a vocabulary of %d tokens, %s only %d: %s", data->path,
                     data->vocabulary, path, config->vocabulary,
                     known ? "enlarge the model for its tokenizer with resize_token_embeddings()"
                           : "the data was made with another tokenizer");
}

static const char PREPARE_AGAIN[] = "prepare the data with the model's labels";
static const char OR_NEW_HEAD[] =
    "prepare the data with the model's labels, or start with a new head: ignore_mismatched_sizes true";

Status model_check_data(const ModelConfig *config, const char *tokenizer, const DatasetInfo *data, const char *path,
                        Error *error) {
    if (check_tokens(config, tokenizer, data, path, error) || data->labels == 0) return error->status;
    return check_labels(config, data, path, PREPARE_AGAIN, error);
}

Status model_layout(const char *path, ParameterLayout *layout, Error *error) {
    ModelConfig config = {0};
    if (!model_folder_load_config(&config, path, error)) parameters_layout(layout, &config, error);
    model_config_free(&config);
    return error->status;
}

/* Whether the embeddings may not stay in the mapping of the file: another host could remove it. */
static bool must_copy_embeddings(const Model *model) {
    return model->world->nodes > 1 && !model_folder_is_copied(model->folder);
}

/* Copy the embeddings from the mapping to memory. */
static Status copy_embeddings(Model *model, Error *error) {
    const ParameterLayout *layout = &model->layout;
    float *token = memory_allocate(layout->token.count + layout->position.count, sizeof *token, error);
    if (!token) return error->status;
    float *position = token + layout->token.count;
    memcpy(token, model->parameters.token, layout->token.count * sizeof *token);
    memcpy(position, model->parameters.position, layout->position.count * sizeof *position);
    model->parameters.token = token;
    model->parameters.position = position;
    memory_free(model->embeddings);
    model->embeddings = token;
    return STATUS_OK;
}

/* The identity and the pad token of the folder's tokenizer, if it has one. */
static Status read_tokenizer(Model *model, const char *path, Error *error) {
    TokenizerSpec spec = {0};
    model->pad = -1;
    if (tokenizer_folder_has_one(path) && !tokenizer_spec_read(&spec, path, error)) {
        memcpy(model->tokenizer, spec.digest, sizeof model->tokenizer);
        model->pad = tokenizer_pad(&spec, model->config.pad_token);
    }
    tokenizer_spec_free(&spec);
    return error->status;
}

/* Make the model's labels those of the data, and find out whether its head is new. */
static Status fit_labels(Model *model, const char *path, const DatasetInfo *data, bool replace, Error *error) {
    ModelConfig *config = &model->config;
    const bool plain = config->labels == data->labels && has_plain_names(config);
    model->replaced_head = replace && !model->new_head && !plain && !has_labels(config, data);
    model->new_head = model->new_head || model->replaced_head;
    if ((model->new_head || plain) &&
        model_config_set_labels(config, (const char *const *)data->label_names, data->labels, error))
        return error->status;
    return check_labels(config, data, path, OR_NEW_HEAD, error);
}

Status model_describe(Model *model, const char *path, const DatasetInfo *data, bool replace, Error *error) {
    if (model_folder_open(&model->folder, path, replace, error) ||
        model_folder_load_config(&model->config, path, error) || read_tokenizer(model, path, error))
        return error->status;
    model->new_head = !model_folder_has_head(model->folder);
    if (data) {
        if (check_tokens(&model->config, model->tokenizer, data, path, error) ||
            fit_labels(model, path, data, replace, error))
            return error->status;
    } else if (model->new_head) {
        return error_set(error, STATUS_INPUT, "%s has no classification head (score.weight): train it first", path);
    }
    return parameters_layout(&model->layout, &model->config, error);
}

/* The part of a node's dense tensors that this rank reads. */
static void part_of_dense(const Model *model, int64_t *first, int64_t *count) {
    const size_t tensors = model->layout.tensors - model->new_head; /* the head, which is new, comes last */
    even_part((int64_t)tensors, model->world->node_size, model->world->node_rank, first, count);
}

/* The bytes of the model that this rank reads and checks. */
static int64_t bytes_to_read(const Model *model) {
    const ParameterLayout *layout = &model->layout;
    int64_t first, count;
    part_of_dense(model, &first, &count);
    size_t floats = (layout->token.count + layout->position.count) / (size_t)model->world->size;
    for (int64_t i = first; i < first + count; i++) floats += layout->tensor[i].count;
    return (int64_t)(floats * sizeof(float));
}

/* What each rank does by itself: configuration, layout and mapped embeddings. */
static Status open_alone(Model *model, const char *path, const DatasetInfo *data, bool replace, Error *error) {
    if (model_describe(model, path, data, replace, error)) return error->status;
    const World *world = model->world;
    progress_total(bytes_to_read(model));
    if (model_folder_embeddings(model->folder, &model->parameters, error) ||
        model_folder_check_embeddings(model->folder, &model->parameters, world->rank, world->size, error))
        return error->status;
    return must_copy_embeddings(model) ? copy_embeddings(model, error) : STATUS_OK;
}

/* Each rank of a node reads a share of the dense tensors. Collective, but does not agree. */
static Status read_dense(Model *model, uint64_t seed, Error *error) {
    const World *world = model->world;
    int64_t first, count;
    part_of_dense(model, &first, &count);
    model_folder_read(model->folder, &model->layout, (size_t)first, (size_t)count, model->parameters.dense, error);
    if (world->node_rank == 0 && model->new_head)
        model_new_head(&model->layout, &model->config, seed, model->parameters.dense);
    shared_fence(model->dense);
    world_check(world, MPI_Barrier(world->node), "MPI_Barrier");
    shared_fence(model->dense);
    return error->status;
}

/* Collective. */
static Status open_parts(Model *model, const char *path, const DatasetInfo *data, bool replace, uint64_t seed,
                         Error *error) {
    const World *world = model->world;
    open_alone(model, path, data, replace, error);
    if (world_agree(world, error, true)) return error->status;
    size_t bytes = world->node_rank == 0 ? model->layout.dense * sizeof(float) : 0;
    if (shared_create(&model->dense, world, bytes, error)) return error->status;
    model->parameters.dense = shared_block(model->dense, 0);
    memory_prefault(model->parameters.dense, model->layout.dense * sizeof(float));
    read_dense(model, seed, error);
    if (world_agree(world, error, true) == STATUS_OK) model_folder_discard_copies(model->folder);
    return error->status;
}

Status model_open(Model *model, const World *world, const char *path, const DatasetInfo *data, bool replace,
                  uint64_t seed, Error *error) {
    *model = (Model){.world = world};
    progress_begin("load", "bytes", 0);
    open_parts(model, path, data, replace, seed, error);
    progress_end();
    return error->status;
}

Status model_keep_tokenizer(Model *model, const char *path, Error *error) {
    if (!*model->tokenizer) return STATUS_OK;
    return tokenizer_files_read(&model->tokenizer_files, path, model->config.pad_token, model->config.positions, error);
}

/* Collective. */
static Status reload_parts(Model *model, const char *path, Error *error) {
    ModelFolder *folder = NULL;
    Parameters parameters = model->parameters;
    if (model_folder_open(&folder, path, false, error) == STATUS_OK) {
        const int32_t labels = model_folder_has_head(folder) ? model_folder_config(folder)->labels : 0;
        if (labels != model->config.labels)
            error_set(error, STATUS_INPUT, "%s is not a checkpoint of this model: it has %d labels, the model has %d",
                      path, labels, model->config.labels);
        else if (!model_folder_embeddings(folder, &parameters, error))
            model_folder_check_embeddings(folder, &parameters, model->world->rank, model->world->size, error);
    }
    if (world_agree(model->world, error, true)) {
        model_folder_close(folder);
        return error->status;
    }
    model_folder_close(model->folder);
    model->folder = folder;
    model->parameters = parameters;
    model->new_head = false;
    read_dense(model, 0, error);
    if (must_copy_embeddings(model)) {
        copy_embeddings(model, error);
    } else {
        memory_free(model->embeddings);
        model->embeddings = NULL;
    }
    if (world_agree(model->world, error, true) == STATUS_OK) model_folder_discard_copies(model->folder);
    return error->status;
}

Status model_reload(Model *model, const char *path, Error *error) {
    progress_begin("load", "bytes", bytes_to_read(model));
    reload_parts(model, path, error);
    progress_end();
    return error->status;
}

void model_close(Model *model) {
    shared_destroy(model->dense);
    model_folder_close(model->folder);
    parameters_layout_free(&model->layout);
    model_config_free(&model->config);
    tokenizer_files_free(&model->tokenizer_files);
    memory_free(model->embeddings);
    *model = (Model){0};
}
