#ifndef LINNET_MODEL_MODEL_H
#define LINNET_MODEL_MODEL_H
/** The model as the ranks of a job hold it: the dense parameters once a node, in memory its ranks share; the two
 *  tables in each rank's own copy-on-write mapping of the model file, where only rows that change take memory (in
 *  a job of several nodes in memory: a mapped file that another host removes would be lost under it). */
#include "linnet/comm/shared.h"
#include "linnet/comm/world.h"
#include "linnet/data/dataset.h"
#include "linnet/model/model_folder.h"

typedef struct {
    const World *world; /**< borrowed */
    ModelConfig config;
    ParameterLayout layout;
    Parameters parameters;
    bool new_head;                  /**< the folder had no head: a new one was drawn */
    char *tokenizer;                /**< folder with vocab.json and merges.txt, or NULL when the model has none */
    TokenizerFiles tokenizer_files; /**< its files, on rank 0, which saves them */
    Shared *dense;
    ModelFolder *folder; /**< behind the tables, where they are mapped */
    float *tables;       /**< behind them, where they are not */
} Model;

/** The parameters' layout of a model folder, without loading it. Not collective. */
Status model_layout(const char *path, ParameterLayout *layout, Error *error);

/** What model_open() does before it loads anything: configuration, layout and all checks, into an empty *model, to
 *  be closed with model_close(). Not collective. */
Status model_describe(Model *model, const char *path, const DatasetInfo *data, Error *error);

/** Load a model folder. With `data` the model must fit it: the same tokenizer (by digest, where the folder has
 *  one), a vocabulary that holds its ids, the same classes in the same order; a folder without a head gets the
 *  data's classes and a new head from `seed`, one whose classes are only LABEL_0 … the data's names. Collective. */
Status model_open(Model *model, const World *world, const char *path, const DatasetInfo *data, uint64_t seed,
                  Error *error);

/** Take the values of another folder of the same model (a checkpoint of it). Collective. */
Status model_reload(Model *model, const char *path, Error *error);

/** Collective. */
void model_close(Model *model);

/** Check that a data set fits a model, as model_open() does: `path` is the model's folder, for messages. Not
 *  collective. */
Status model_check_data(const ModelConfig *config, const char *tokenizer, const DatasetInfo *data, const char *path,
                        Error *error);

#endif
