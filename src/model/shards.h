#ifndef LINNET_MODEL_SHARDS_H
#define LINNET_MODEL_SHARDS_H
/** The safetensors files of a model folder as one set of tensors: model.safetensors, or the shards that
 *  model.safetensors.index.json names. */
#include "linnet/model/safetensors.h"

typedef struct {
    SafetensorsFile **files; /**< [count] */
    char **names;            /**< [count] without folder */
    size_t count;
    const Tensor **tensors; /**< [total] of all files, sorted by name; borrowed from them */
    size_t total;
} Shards;

/** Open all files of a folder. STATUS_INPUT: there are none, an index that names a file outside the folder, a tensor
 *  that is not in the file that the index says, a tensor in two files. Nothing to close on failure. */
Status shards_open(Shards *shards, const char *folder, Error *error);
const Tensor *shards_find(const Shards *shards, const char *name); /**< NULL: no such tensor */
void shards_close(Shards *shards);
#endif
