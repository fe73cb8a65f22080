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

/* One number goes by any name. */
static bool is_one_number(const ModelConfig *config, const DatasetInfo *data) {
    return config->problem == PROBLEM_REGRESSION && data->problem == PROBLEM_REGRESSION && config->labels == 1 &&
           data->labels == 1;
}

static bool has_labels(const ModelConfig *config, const DatasetInfo *data) {
    bool same = config->labels == data->labels;
    if (!model_config_fits(config, data->problem)) return false;
    if (is_one_number(config, data)) return true;
    for (int32_t i = 0; i < data->labels && same; i++) same = strcmp(config->label_names[i], data->label_names[i]) == 0;
    return same;
}

/* `advice` ends the message. */
static Status check_labels(const ModelConfig *config, const DatasetInfo *data, const char *path, const char *advice,
                           Error *error) {
    if (!model_config_fits(config, data->problem))
        return error_set(error, STATUS_INPUT, "%s is for %s, %s for %s: %s", data->path, problem_name(data->problem),
                         path, problem_name(config->problem), advice);
    if (is_one_number(config, data)) return STATUS_OK;
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
    if (check_tokens(config, tokenizer, data, path, error) || data->labels == 0 || config->language)
        return error->status;
    return check_labels(config, data, path, PREPARE_AGAIN, error);
}

/* The folders of a source. An adapter is a classifier's: it has a head. */
static Status find_paths(ModelPaths *paths, const ModelSource *source, Error *error) {
    if (model_paths_find(paths, source->path, source->adapter, error)) return error->status;
    if (!paths->adapter || source->head != HEAD_LANGUAGE) return STATUS_OK;
    return error_set(error, STATUS_INPUT,
                     "%s is an adapter of a classifier, and a language model learns as a whole: name a model instead, "
                     "such as its own, %s",
                     paths->adapter, paths->base);
}

static Status lay_out(const ModelPaths *paths, const ModelSource *source, ParameterLayout *layout, Adapter **adapter,
                      Error *error) {
    ModelConfig config = {0};
    AdapterFolder *folder = NULL;
    if (model_folder_load_config(&config, paths->base, error)) return error->status;
    config.language = source->head == HEAD_LANGUAGE;
    if (paths->adapter)
        adapter_folder_open(&folder, adapter, paths->adapter, &config, error);
    else if (source->lora)
        adapter_create(adapter, source->lora, &config, error);
    if (!error->status && parameters_layout(layout, &config, error)) {
        adapter_destroy(*adapter);
        *adapter = NULL;
    }
    adapter_folder_close(folder);
    model_config_free(&config);
    return error->status;
}

Status model_layout(const ModelSource *source, ParameterLayout *layout, Adapter **adapter, Error *error) {
    ModelPaths paths;
    *adapter = NULL;
    if (!find_paths(&paths, source, error)) lay_out(&paths, source, layout, adapter, error);
    model_paths_free(&paths);
    return error->status;
}

/* Whether the embeddings may not stay in the mapping of the file: another host could remove it. */
static bool must_copy_embeddings(const Model *model) {
    return model->world->nodes > 1 && !model_folder_is_copied(model->folder);
}

/* Copy the embeddings from the mapping to memory. */
static Status copy_embeddings(Model *model, Error *error) {
    const ParameterLayout *layout = &model->layout;
    const size_t token_count = layout->sparse - layout->position.count;
    float *copy = memory_allocate(layout->sparse, sizeof *copy, error);
    if (!copy) return error->status;
    float *position = copy + token_count;
    if (token_count > 0) memcpy(copy, model->parameters.token, token_count * sizeof *copy);
    memcpy(position, model->parameters.position, layout->position.count * sizeof *position);
    if (token_count > 0) model->parameters.token = copy;
    model->parameters.position = position;
    memory_free(model->embeddings);
    model->embeddings = copy;
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
    const bool plain =
        config->labels == data->labels && has_plain_names(config) && model_config_fits(config, data->problem);
    model->replaced_head = replace && !model->new_head && !plain && !has_labels(config, data);
    model->new_head = model->new_head || model->replaced_head;
    if (model->new_head || model_config_fits(config, data->problem)) config->problem = data->problem;
    if ((model->new_head || plain) &&
        model_config_set_labels(config, (const char *const *)data->label_names, data->labels, error))
        return error->status;
    return check_labels(config, data, path, model->paths.adapter ? PREPARE_AGAIN : OR_NEW_HEAD, error);
}

/* The folders, and the configuration of what they hold. The head of an adapter's base model is not used. */
static Status open_folders(Model *model, const ModelSource *source, Error *error) {
    ModelPaths *paths = &model->paths;
    const bool language = source->head == HEAD_LANGUAGE;
    if (find_paths(paths, source, error)) return error->status;
    if (model_folder_open(&model->folder, paths->base, paths->adapter ? HEAD_ANY : source->head, error) ||
        model_folder_load_config(&model->config, paths->base, error) || read_tokenizer(model, paths->tokenizer, error))
        return error->status;
    if (paths->adapter)
        return adapter_folder_open(&model->adapter_folder, &model->adapter, paths->adapter, &model->config, error);
    model->config.language = language;
    if (language) model->config.problem = PROBLEM_SINGLE_LABEL; /* a head that it does not have is of any kind */
    model->new_head = !language && !model_folder_has_head(model->folder);
    return STATUS_OK;
}

Status model_describe(Model *model, const ModelSource *source, const DatasetInfo *data, Error *error) {
    if (open_folders(model, source, error)) return error->status;
    const char *path = model->paths.adapter ? model->paths.adapter : model->paths.base;
    const bool replace = source->head == HEAD_ANY && !model->adapter;
    if (data) {
        if (check_tokens(&model->config, model->tokenizer, data, path, error) ||
            (source->head != HEAD_LANGUAGE && fit_labels(model, path, data, replace, error)))
            return error->status;
    } else if (model->new_head) {
        return error_set(error, STATUS_INPUT, "%s has no classification head (score.weight): train it first", path);
    }
    if (source->lora && !model->adapter && adapter_create(&model->adapter, source->lora, &model->config, error))
        return error->status;
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
    size_t floats = layout->sparse / (size_t)model->world->size;
    for (int64_t i = first; i < first + count; i++) floats += layout->tensor[i].count;
    return (int64_t)(floats * sizeof(float));
}

/* What each rank does by itself: configuration, layout and mapped embeddings. */
static Status open_alone(Model *model, const ModelSource *source, const DatasetInfo *data, Error *error) {
    if (model_describe(model, source, data, error)) return error->status;
    const World *world = model->world;
    progress_total(bytes_to_read(model));
    if (model_folder_embeddings(model->folder, &model->parameters, error) ||
        model_folder_check_embeddings(model->folder, &model->parameters, world->rank, world->size, error))
        return error->status;
    return must_copy_embeddings(model) ? copy_embeddings(model, error) : STATUS_OK;
}

/* Let the other ranks of the node see what this one wrote to a block that they share, and the other way round. */
static void meet(const Model *model, const Shared *shared) {
    shared_fence(shared);
    world_check(model->world, MPI_Barrier(model->world->node), "MPI_Barrier");
    shared_fence(shared);
}

/* Each rank of a node reads a share of the dense tensors. Collective, but does not agree. */
static Status read_dense(Model *model, uint64_t seed, Error *error) {
    const World *world = model->world;
    const ParameterLayout *layout = &model->layout;
    float *dense = model->parameters.dense;
    int64_t first, count;
    part_of_dense(model, &first, &count);
    model_folder_read(model->folder, layout, (size_t)first, (size_t)count, dense, error);
    if (world->node_rank == 0 && model->new_head && !model->adapter)
        model_new_head(layout, &model->config, seed, dense + layout->tensor[parameters_score(layout)].offset);
    meet(model, model->dense);
    return error->status;
}

/* The dense tensors of an adapter's base model stay where they are in the file, on all ranks or on none: *done. Another
 * host could remove the file. Collective. */
static Status use_in_place(Model *model, bool *done, Error *error) {
    int64_t lacking = 0;
    bool in_place = false;
    *done = false;
    if (!model->adapter) return STATUS_OK;
    if (!must_copy_embeddings(model))
        model_folder_use_in_place(model->folder, &model->layout, false, &model->parameters, &in_place, error);
    if (world_agree(model->world, error, true)) return error->status;
    lacking = !in_place;
    world_max_integers(model->world, &lacking, 1);
    *done = lacking == 0;
    if (*done) return STATUS_OK;
    if (in_place) { /* the layout has the offsets of the file */
        parameters_layout_free(&model->layout);
        parameters_layout(&model->layout, &model->config, error);
    }
    return world_agree(model->world, error, true);
}

/* A copy of the dense tensors that the ranks of a node share. Collective. */
static Status copy_dense(Model *model, uint64_t seed, Error *error) {
    const World *world = model->world;
    size_t bytes = world->node_rank == 0 ? model->layout.dense * sizeof(float) : 0;
    if (shared_create(&model->dense, world, bytes, error)) return error->status;
    model->parameters.dense = shared_block(model->dense, 0);
    if (model->config.language) model->parameters.token = model->parameters.dense + model->layout.token.offset;
    memory_prefault(model->parameters.dense, model->layout.dense * sizeof(float));
    read_dense(model, seed, error);
    if (world_agree(world, error, true) == STATUS_OK) model_folder_discard_copies(model->folder);
    return error->status;
}

/* The values of a new adapter. The head is the model's, as PEFT copies it, or a new one. */
static void new_adapter(const Model *model, uint64_t seed, float *values) {
    float *score = values + adapter_score(model->adapter);
    adapter_new_values(model->adapter, seed, values);
    if (model->new_head || !model_folder_read_head(model->folder, &model->layout, score))
        model_new_head(&model->layout, &model->config, seed, score);
}

/* The adapter's values, which node rank 0 reads or makes. Collective. */
static Status fill_adapter(Model *model, uint64_t seed, Error *error) {
    const World *world = model->world;
    size_t bytes = world->node_rank == 0 ? model->adapter->layout.dense * sizeof(float) : 0;
    if (shared_create(&model->adapter_values, world, bytes, error)) return error->status;
    float *values = model->parameters.adapter_values = shared_block(model->adapter_values, 0);
    model->parameters.adapter = model->adapter;
    if (world->node_rank == 0 && model->adapter_folder)
        adapter_folder_read(model->adapter_folder, model->adapter, values, error);
    else if (world->node_rank == 0)
        new_adapter(model, seed, values);
    meet(model, model->adapter_values);
    adapter_folder_close(model->adapter_folder);
    model->adapter_folder = NULL;
    return world_agree(world, error, true);
}

/* Collective. */
static Status open_parts(Model *model, const ModelSource *source, const DatasetInfo *data, uint64_t seed,
                         Error *error) {
    bool in_place;
    open_alone(model, source, data, error);
    if (world_agree(model->world, error, true) || use_in_place(model, &in_place, error)) return error->status;
    if (!in_place && copy_dense(model, seed, error)) return error->status;
    return model->adapter ? fill_adapter(model, seed, error) : STATUS_OK;
}

Status model_open_source(Model *model, const World *world, const ModelSource *source, const DatasetInfo *data,
                         uint64_t seed, Error *error) {
    *model = (Model){.world = world};
    progress_begin("load", "bytes", 0);
    open_parts(model, source, data, seed, error);
    progress_end();
    return error->status;
}

Status model_open(Model *model, const World *world, const char *path, const DatasetInfo *data, HeadRule head,
                  uint64_t seed, Error *error) {
    return model_open_source(model, world, &(ModelSource){.path = path, .head = head}, data, seed, error);
}

Status model_keep_tokenizer(Model *model, Error *error) {
    if (!*model->tokenizer) return STATUS_OK;
    return tokenizer_files_read(&model->tokenizer_files, model->paths.tokenizer, model->config.pad_token,
                                model->config.positions, error);
}

Status model_save(const Model *model, const Parameters *parameters, const char *path, char digest[DIGEST_TEXT],
                  Error *error) {
    if (model->adapter && !model->dense && model_folder_check_unchanged(model->folder, error)) return error->status;
    if (model->adapter)
        return adapter_folder_save(path, model->adapter, &model->config, parameters->adapter_values,
                                   &model->tokenizer_files, digest, error);
    return model_folder_save(path, &model->config, &model->layout, parameters, &model->tokenizer_files, digest, error);
}

const ParameterLayout *model_saved_layout(const Model *model) {
    return model->adapter ? &model->adapter->layout : &model->layout;
}

const char *model_values_file(const Model *model) {
    return model->adapter ? ADAPTER_VALUES_FILE : "model.safetensors";
}

/* Collective. */
static Status reload_parts(Model *model, const char *path, Error *error) {
    ModelFolder *folder = NULL;
    Parameters parameters = model->parameters;
    const bool language = model->config.language;
    if (model_folder_open(&folder, path, language ? HEAD_LANGUAGE : HEAD_FITTING, error) == STATUS_OK) {
        const int32_t labels = model_folder_has_head(folder) ? model_folder_config(folder)->labels : 0;
        if (!language && labels != model->config.labels)
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

/* Whether two adapters have the same tensors. */
static bool is_same_adapter(const Adapter *a, const Adapter *b) {
    const size_t places = (size_t)a->layout.layers * ADAPTED_LINEARS;
    return a->config.rank == b->config.rank && a->scaling == b->scaling && a->layout.dense == b->layout.dense &&
           memcmp(a->places, b->places, places * sizeof *a->places) == 0;
}

/* Collective. */
static Status reload_adapter(Model *model, const char *path, Error *error) {
    AdapterFolder *folder = NULL;
    Adapter *adapter = NULL;
    ModelConfig config = {0};
    if (!model_folder_load_config(&config, model->paths.base, error) &&
        !adapter_folder_open(&folder, &adapter, path, &config, error)) {
        if (config.labels != model->config.labels || !is_same_adapter(adapter, model->adapter))
            error_set(error, STATUS_INPUT, "%s is not a checkpoint of this model: it has another adapter", path);
        else if (model->world->node_rank == 0)
            adapter_folder_read(folder, adapter, model->parameters.adapter_values, error);
    }
    meet(model, model->adapter_values);
    adapter_folder_close(folder);
    adapter_destroy(adapter);
    model_config_free(&config);
    return world_agree(model->world, error, true);
}

Status model_reload(Model *model, const char *path, Error *error) {
    progress_begin("load", "bytes", model->adapter ? 0 : bytes_to_read(model));
    if (model->adapter)
        reload_adapter(model, path, error);
    else
        reload_parts(model, path, error);
    progress_end();
    return error->status;
}

void model_close(Model *model) {
    shared_destroy(model->dense);
    shared_destroy(model->adapter_values);
    adapter_folder_close(model->adapter_folder);
    adapter_destroy(model->adapter);
    model_paths_free(&model->paths);
    model_folder_close(model->folder);
    parameters_layout_free(&model->layout);
    model_config_free(&model->config);
    tokenizer_files_free(&model->tokenizer_files);
    memory_free(model->embeddings);
    *model = (Model){0};
}
