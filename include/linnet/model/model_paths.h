#ifndef LINNET_MODEL_MODEL_PATHS_H
#define LINNET_MODEL_MODEL_PATHS_H
/** The folders that a model is read from: a model folder, or that of a base model and that of an adapter (adapter.h). Not
 *  collective. */
#include "linnet/model/model_config.h"

typedef struct {
    char *base;            /**< the model folder; owned */
    char *adapter;         /**< the adapter's folder; NULL: none. Owned */
    const char *tokenizer; /**< the one of them whose tokenizer counts: the adapter's where it has one */
} ModelPaths;

/** Find them where a user names the folder `path` of a model, checkpoint or adapter and, besides, the folder `adapter` of
 *  an adapter of it (NULL: none). An adapter alone brings its base model, adapter_base(). STATUS_INPUT: `adapter` is no
 *  adapter, or both are, or there is no base model. To be freed with model_paths_free(); nothing to free on failure. */
Status model_paths_find(ModelPaths *paths, const char *path, const char *adapter, Error *error);
void model_paths_free(ModelPaths *paths);

/** Read the configuration of a model with its adapter: labels and pooling are those of the adapter. To be freed with
 *  model_config_free(); nothing to free on failure. */
Status model_paths_config(const ModelPaths *paths, ModelConfig *config, Error *error);

#endif
