#ifndef LINNET_MODEL_SHARDS_H
#define LINNET_MODEL_SHARDS_H
/** The safetensors files of a model folder as one set of tensors: model.safetensors, or the shards that
 *  model.safetensors.index.json names. */
#include "linnet/model/safetensors.h"

/** A tensor by its name in GPT2Model: without `transformer.`, and without the names of modules that wrap a model or its
 *  layers, wherever they stand (`_orig_mod.` of torch.compile, `module.` of DistributedDataParallel, …). */
typedef struct {
    const char *name;     /**< in the Shards' text */
    const Tensor *tensor; /**< borrowed from its file */
} NamedTensor;

typedef struct {
    SafetensorsFile **files; /**< [count] */
    char **names;            /**< [count] without folder */
    size_t count;
    NamedTensor *tensors; /**< [total] of all files, sorted by name; of copies with the same bytes only one */
    size_t total;
    char *text;          /**< the names */
    const char *wrapper; /**< a module whose name was left out, such as "_orig_mod"; NULL if there is none */
} Shards;

/** Open all files of a folder. STATUS_INPUT: there are none, an index that names a file outside the folder or one that
 *  is not there, a tensor that is not in the file that the index says, two tensors of one name whose bytes differ.
 *  Nothing to close on failure. */
Status shards_open(Shards *shards, const char *folder, Error *error);
const Tensor *shards_find(const Shards *shards, const char *name); /**< by its name in GPT2Model; NULL: none */
void shards_close(Shards *shards);
#endif
