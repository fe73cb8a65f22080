#ifndef LINNET_MODEL_MODEL_H
#define LINNET_MODEL_MODEL_H
/** The loaded model, as the ranks of a job hold it. The dense parameters exist once on each node, in memory that its
 *  ranks share. With an adapter (adapter.h) they are the base model's, which nothing changes: where the file allows it
 *  (model_folder_use_in_place()) they stay in its mapping, which all processes of a host share; the adapter's values
 *  exist once on each node. Each rank has the two embeddings in its own copy-on-write mapping of the model file, where
 *  only the rows that change take memory. The file that is mapped is the host's copy where model_broadcast() made one.
 *  Without one, each rank of a job of several nodes copies them to memory instead: if another host removed the mapped
 *  file from a shared disk, reading the mapping would fail. */
#include "linnet/comm/shared.h"
#include "linnet/comm/world.h"
#include "linnet/data/dataset.h"
#include "linnet/model/adapter.h"
#include "linnet/model/model_folder.h"
#include "linnet/model/model_paths.h"

typedef struct {
    const World *world; /**< borrowed */
    ModelConfig config;
    ParameterLayout layout;
    Parameters parameters;
    bool new_head;               /**< the folder had no head that fits, so a new one was drawn */
    bool replaced_head;          /**< it had one, for other labels than the data's */
    char tokenizer[DIGEST_TEXT]; /**< the tokenizer's identity (tokenizer_digest()); empty when the folder has none */
    int32_t pad;                 /**< tokenizer_pad(); −1 when the folder has no tokenizer */
    TokenizerFiles tokenizer_files; /**< its files, on the rank that has called model_keep_tokenizer() */
    Shared *dense;                  /**< NULL where the dense parameters are in the mapping of the file */
    Adapter *adapter;               /**< NULL: none */
    Shared *adapter_values;
    ModelPaths paths;              /**< where it was opened from */
    AdapterFolder *adapter_folder; /**< while it is opened */
    ModelFolder *folder;           /**< owns the mapping of the embeddings */
    float *embeddings;             /**< owns both embeddings, where they are copied to memory; else NULL */
} Model;

/** Read what linnet reads of a model folder, of an adapter's with its base model's, or of a model folder and the folder
 *  `adapter` (NULL: none) once for all ranks, until broadcast_files_end(): broadcast_files() with the choice of its
 *  files. The moments of a checkpoint are not among them. Collective. */
Status model_broadcast(const World *world, const char *path, const char *adapter, Error *error);

/** Where a model comes from, and as what it is opened; all borrowed. */
typedef struct {
    const char *path;          /**< a model folder, a checkpoint or an adapter's folder */
    const char *adapter;       /**< the folder of an adapter of that model; NULL: none */
    const AdapterConfig *lora; /**< a model without an adapter gets a new one like this; NULL: it does not */
    HeadRule head;             /**< HEAD_LANGUAGE is of a model without an adapter */
} ModelSource;

/** The layout of a model's parameters, and its adapter (NULL: none), from the configurations alone: for reckoning the
 *  memory. To be freed with parameters_layout_free() and adapter_destroy(); nothing to free on failure. Not
 *  collective. */
Status model_layout(const ModelSource *source, ParameterLayout *layout, Adapter **adapter, Error *error);

/** The first part of model_open_source(): read the configuration, the layout and the names, and check everything,
 *  without loading the values. *model must be zero; it ends with model_close(), also on failure. Not collective. */
Status model_describe(Model *model, const ModelSource *source, const DatasetInfo *data, Error *error);

/** Load a model folder. With `data`, the model must fit it: the same tokenizer (by digest, where the folder has one), a
 *  vocabulary that contains its token ids, the same problem and the same labels in the same order. A folder without a head gets the
 *  data's labels and a new head from `seed`; one whose labels are only LABEL_0 … gets the data's names. With
 *  HEAD_ANY, so does a folder whose labels are others than the data's, in names, number or order. Without `data` a
 *  folder without a head is refused. With HEAD_LANGUAGE the model is a language model, and labels do not matter. A folder
 *  with values that are not finite numbers is refused. Collective. */
Status model_open(Model *model, const World *world, const char *path, const DatasetInfo *data, HeadRule head,
                  uint64_t seed, Error *error);

/** The same with an adapter: one that is read, whose labels must be the data's, or a new one, whose head starts as the
 *  model's where that fits. Collective. */
Status model_open_source(Model *model, const World *world, const ModelSource *source, const DatasetInfo *data,
                         uint64_t seed, Error *error);

/** Read and complete the tokenizer's files of the folder that the model was opened from, for saving them with the model
 *  (nothing where it has no tokenizer). Not collective. */
Status model_keep_tokenizer(Model *model, Error *error);

/** Load the values of another folder of the same model, such as one of its checkpoints; of a model with an adapter, those
 *  of another folder of that adapter. Collective. */
Status model_reload(Model *model, const char *path, Error *error);

/** Write the model into the existing folder `path`, model_folder_save(), or its adapter, adapter_folder_save(). The values
 *  are those of `parameters`, which need not be the model's own. STATUS_INPUT also where the mapped file of an adapter's
 *  base model was written to since it was opened: the adapter would belong to neither. `digest` (NULL: not computed)
 *  becomes the SHA-256 of model_values_file(). Not collective. */
Status model_save(const Model *model, const Parameters *parameters, const char *path, char digest[DIGEST_TEXT],
                  Error *error);

/** The layout of the values that model_save() writes: the model's, or its adapter's. Borrowed from the model. */
const ParameterLayout *model_saved_layout(const Model *model);

/** The file that holds what model_save() writes: model.safetensors or adapter_model.safetensors. Static. */
const char *model_values_file(const Model *model);

/** Free everything and clear *model. Collective. */
void model_close(Model *model);

/** Check that a data set fits a model, as model_open() does. `tokenizer` is the identity of the model's tokenizer, empty
 *  where it has none; `path` names the model in messages. Not collective. */
Status model_check_data(const ModelConfig *config, const char *tokenizer, const DatasetInfo *data, const char *path,
                        Error *error);
#endif
