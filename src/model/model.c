/* The model as a job holds it. See model.h. */
#include "linnet/model/model.h"

#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/text/tokenizer.h"
#include <stdlib.h>
#include <string.h>

/* The folder itself when it holds a tokenizer. */
static Status find_tokenizer(Replica *replica, const char *path, Error *error) {
    char *vocabulary = file_join(path, "vocab.json", error), *merges = file_join(path, "merges.txt", error);
    if (error->status == STATUS_OK && file_exists(vocabulary) && file_exists(merges))
        replica->tokenizer = memory_text(path, error);
    memory_free(vocabulary);
    memory_free(merges);
    return error->status;
}

/* Names like LABEL_0 say nothing: the data's take their place. */
static bool has_plain_names(const ModelConfig *config) {
    for (int32_t i = 0; i < config->labels; i++)
        if (strncmp(config->label_names[i], "LABEL_", 6) != 0) return false;
    return true;
}

static Status check_labels(const ModelConfig *config, const DatasetInfo *data, const char *path, Error *error) {
    if (config->labels != data->labels)
        return error_set(error, STATUS_INPUT, "%s has %d labels, %s has %d: prepare the data with the model's labels",
                         data->path, data->labels, path, config->labels);
    for (int32_t i = 0; i < data->labels && !has_plain_names(config); i++)
        if (strcmp(config->label_names[i], data->label_names[i]) != 0)
            return error_set(error, STATUS_INPUT,
                             "label %d is '%s' in %s and '%s' in %s: prepare the data with the model's labels", i,
                             data->label_names[i], data->path, config->label_names[i], path);
    return STATUS_OK;
}

Status replica_check_data(const ModelConfig *config, const char *tokenizer, const DatasetInfo *data, const char *path,
                          Error *error) {
    if (data->vocabulary > config->vocabulary)
        return error_set(error, STATUS_INPUT,
                         "%s has a vocabulary of %d tokens, %s only %d: another tokenizer made the data", data->path,
                         data->vocabulary, path, config->vocabulary);
    if (tokenizer != NULL) {
        char digest[DIGEST_TEXT];
        if (tokenizer_folder_digest(tokenizer, digest, error)) return error->status;
        if (strcmp(digest, data->tokenizer_digest) != 0)
            return error_set(
                error, STATUS_INPUT,
                "%s was prepared with another tokenizer (%.12s…) than the one in %s (%.12s…): prepare it again with "
                "--tokenizer %s",
                data->path, data->tokenizer_digest, path, digest, path);
    }
    return check_labels(config, data, path, error);
}

Status replica_layout(const char *path, ParameterLayout *layout, Error *error) {
    ModelConfig config = {0};
    if (model_folder_check(path, error)) return error->status;
    char *file = file_join(path, "config.json", error);
    if (file != NULL && model_config_load(&config, file, error) == STATUS_OK) parameters_layout(layout, &config, error);
    memory_free(file);
    model_config_free(&config);
    return error->status;
}

/* Copy the tables out of the mapping. */
static Status own_tables(Replica *replica, Error *error) {
    const ParameterLayout *layout = &replica->layout;
    float *tables = memory_allocate(layout->token.count + layout->position.count, sizeof *tables, error);
    if (tables == NULL) return error->status;
    memcpy(tables, replica->parameters.token, layout->token.count * sizeof *tables);
    memcpy(tables + layout->token.count, replica->parameters.position, layout->position.count * sizeof *tables);
    replica->parameters.token = tables;
    replica->parameters.position = tables + layout->token.count;
    memory_free(replica->tables);
    replica->tables = tables;
    return STATUS_OK;
}

Status replica_describe(Replica *replica, const char *path, const DatasetInfo *data, Error *error) {
    if (model_folder_open(&replica->folder, path, error)) return error->status;
    char *config = file_join(path, "config.json", error);
    if (config != NULL) model_config_load(&replica->config, config, error);
    memory_free(config);
    if (error->status != STATUS_OK || find_tokenizer(replica, path, error)) return error->status;
    replica->new_head = !model_folder_has_head(replica->folder);
    if (data != NULL) {
        bool takes_names =
            replica->new_head || (replica->config.labels == data->labels && has_plain_names(&replica->config));
        if (takes_names &&
            model_config_set_labels(&replica->config, (const char *const *)data->label_names, data->labels, error))
            return error->status;
        if (replica_check_data(&replica->config, replica->tokenizer, data, path, error)) return error->status;
    } else if (replica->new_head) {
        return error_set(error, STATUS_INPUT, "%s has no classification head (score.weight): train it first", path);
    }
    return parameters_layout(&replica->layout, &replica->config, error);
}

/* Configuration, layout and mapped tables: what each rank does alone. */
static Status open_alone(Replica *replica, const char *path, const DatasetInfo *data, Error *error) {
    if (replica_describe(replica, path, data, error)) return error->status;
    /* Rank 0 keeps them for saving. */
    if (replica->tokenizer != NULL && replica->world->rank == 0 &&
        tokenizer_files_read(&replica->tokenizer_files, path, error))
        return error->status;
    if (model_folder_tables(replica->folder, &replica->parameters, error)) return error->status;
    return replica->world->nodes > 1 ? own_tables(replica, error) : STATUS_OK;
}

/* The dense part: a share of its tensors by each rank of the node. */
static void read_dense(Replica *replica, uint64_t seed) {
    const World *world = replica->world;
    int64_t first, count;
    world_deal((int64_t)replica->layout.tensors, world->node_size, world->node_rank, &first, &count);
    model_folder_read(replica->folder, &replica->layout, (size_t)first, (size_t)count, replica->parameters.dense);
    if (world->node_rank == 0 && replica->new_head)
        model_folder_new_head(&replica->layout, &replica->config, seed, replica->parameters.dense);
    shared_fence(replica->dense);
    world_check(world, MPI_Barrier(world->node), "MPI_Barrier");
    shared_fence(replica->dense);
}

Status replica_open(Replica *replica, const World *world, const char *path, const DatasetInfo *data, uint64_t seed,
                    Error *error) {
    *replica = (Replica){.world = world};
    open_alone(replica, path, data, error);
    if (world_agree(world, error, true)) return error->status;
    size_t bytes = world->node_rank == 0 ? replica->layout.dense * sizeof(float) : 0;
    if (shared_create(&replica->dense, world, bytes, error)) return error->status;
    replica->parameters.dense = shared_block(replica->dense, 0);
    memory_will_fill(replica->parameters.dense, replica->layout.dense * sizeof(float));
    read_dense(replica, seed);
    return STATUS_OK;
}

Status replica_reload(Replica *replica, const char *path, Error *error) {
    ModelFolder *folder = NULL;
    Parameters tables = replica->parameters;
    if (model_folder_open(&folder, path, error) == STATUS_OK) {
        if (model_folder_head_labels(folder) != replica->config.labels)
            error_set(error, STATUS_INPUT, "%s is not a checkpoint of this model: it has %d labels in place of %d",
                      path, model_folder_head_labels(folder), replica->config.labels);
        else
            model_folder_tables(folder, &tables, error);
    }
    if (world_agree(replica->world, error, true)) {
        model_folder_close(folder);
        return error->status;
    }
    model_folder_close(replica->folder);
    replica->folder = folder;
    replica->parameters = tables;
    replica->new_head = false;
    read_dense(replica, 0);
    if (replica->world->nodes > 1) own_tables(replica, error);
    return world_agree(replica->world, error, true);
}

void replica_close(Replica *replica) {
    shared_destroy(replica->dense);
    model_folder_close(replica->folder);
    parameters_layout_free(&replica->layout);
    model_config_free(&replica->config);
    memory_free(replica->tokenizer);
    tokenizer_files_free(&replica->tokenizer_files);
    memory_free(replica->tables);
    *replica = (Replica){0};
}
