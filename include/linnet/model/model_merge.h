#ifndef LINNET_MODEL_MODEL_MERGE_H
#define LINNET_MODEL_MODEL_MERGE_H
/** Making one complete model of a base model and its adapter (adapter.h): W + scaling · Aᵀ · Bᵀ in the place of each adapted
 *  weight W, and the adapter's head. It computes what PEFT's merge_and_unload() does. Not collective. */
#include "linnet/model/model_paths.h"

/** Write the merged model to the folder `output`, which must not exist, or be empty; it then exists completely or not at
 *  all. It has the tokenizer that paths->tokenizer names. STATUS_INPUT: no adapter, or a folder that holds something. */
Status model_merge(const ModelPaths *paths, const char *output, Error *error);

#endif
