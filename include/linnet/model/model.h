#ifndef LINNET_MODEL_MODEL_H
#define LINNET_MODEL_MODEL_H
/** The loaded model, as the ranks of a job hold it. The dense parameters exist once on each node, in memory that its
 *  ranks share. Each rank has the two embeddings in its own copy-on-write mapping of the model file, where only the
 *  rows that change take memory. The file that is mapped is the host's copy where model_broadcast() made one. Without
 *  one, each rank of a job of several nodes copies them to memory instead: if another host removed the mapped file from
 *  a shared disk, reading the mapping would fail. */
#include "linnet/comm/shared.h"
#include "linnet/comm/world.h"
#include "linnet/data/dataset.h"
#include "linnet/model/model_folder.h"

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
    Shared *dense;
    ModelFolder *folder; /**< owns the mapping of the embeddings */
    float *embeddings;   /**< owns both embeddings, where they are copied to memory; else NULL */
} Model;

/** Read what linnet reads of a model folder once for all ranks, until broadcast_files_end(): broadcast_files() with the
 *  choice of its files. The moments of a checkpoint are not among them. Collective. */
Status model_broadcast(const World *world, const char *path, Error *error);

/** The layout of the parameters of a model folder, from its config.json alone. Not collective. */
Status model_layout(const char *path, ParameterLayout *layout, Error *error);

/** The first part of model_open(): read the configuration, the layout and the names, and check everything, without
 *  loading the values. *model must be zero; it ends with model_close(), also on failure. Not collective. */
Status model_describe(Model *model, const char *path, const DatasetInfo *data, bool replace, Error *error);

/** Load a model folder. With `data`, the model must fit it: the same tokenizer (by digest, where the folder has one), a
 *  vocabulary that contains its token ids, and the same labels in the same order. A folder without a head gets the
 *  data's labels and a new head from `seed`; one whose labels are only LABEL_0 … gets the data's names. With
 *  `replace`, so does a folder whose labels are others than the data's, in names, number or order. Without `data` a
 *  folder without a head is refused. So is one with values that are not finite numbers. Collective. */
Status model_open(Model *model, const World *world, const char *path, const DatasetInfo *data, bool replace,
                  uint64_t seed, Error *error);

/** Read and complete the tokenizer's files of the folder that the model was opened from, for saving them with the model
 *  (nothing where it has no tokenizer). Not collective. */
Status model_keep_tokenizer(Model *model, const char *path, Error *error);

/** Load the values of another folder of the same model, such as one of its checkpoints. Collective. */
Status model_reload(Model *model, const char *path, Error *error);

/** Free everything and clear *model. Collective. */
void model_close(Model *model);

/** Check that a data set fits a model, as model_open() does. `tokenizer` is the identity of the model's tokenizer, empty
 *  where it has none; `path` names the model in messages. Not collective. */
Status model_check_data(const ModelConfig *config, const char *tokenizer, const DatasetInfo *data, const char *path,
                        Error *error);
#endif
