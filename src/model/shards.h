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

/** Open all of a folder's files. STATUS_INPUT: none there, an index that leads out of the folder, a tensor that
 *  the index places in a file which does not have it, a tensor in two files. On failure nothing is left to close. */
Status shards_open(Shards *shards, const char *folder, Error *error);
const Tensor *shards_find(const Shards *shards, const char *name); /**< NULL if not there */
void shards_close(Shards *shards);

#endif
