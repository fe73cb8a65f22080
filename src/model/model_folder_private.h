#ifndef LINNET_MODEL_FOLDER_PRIVATE_H
#define LINNET_MODEL_FOLDER_PRIVATE_H
/** An open model folder, which opening (model_folder.c) and reading its values (model_folder_values.c) share. */
#include "linnet/model/model_folder.h"
#include "model/shards.h"
#include <string.h>

struct ModelFolder {
    char *path;
    ModelConfig config;
    ParameterLayout layout; /* by the folder's own configuration */
    Shards shards;
    const Tensor **found; /* [layout.tensors] the file's tensors, in the order of the layout; NULL for an absent head */
    const Tensor *token, *position;
    float *copies[2]; /* converted embeddings, where the bytes of the file cannot be used directly; else NULL */
};

/** STATUS_INPUT unless a tensor that was found in the folder or file `path` has the wanted shape, which follows from the
 *  file `by`, and a dtype that linnet reads. */
Status model_folder_check_tensor(const char *path, const Tensor *tensor, const ParameterTensor *wanted, const char *by,
                                 Error *error);

/** A tensor to be written, with its values [tensor->count], which are borrowed. */
TensorSource model_folder_source(const ParameterTensor *tensor, const float *values);

/** Whether a tensor that was found has the wanted shape: the layout of a caller may have other labels. */
static inline bool model_folder_has_shape(const Tensor *tensor, const ParameterTensor *wanted) {
    return tensor->dimensions == wanted->dimensions &&
           memcmp(tensor->shape, wanted->shape, (size_t)wanted->dimensions * sizeof *wanted->shape) == 0;
}
#endif
