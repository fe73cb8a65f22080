#ifndef LINNET_CHECKPOINT_CHECKPOINT_FOLDER_H
#define LINNET_CHECKPOINT_CHECKPOINT_FOLDER_H
/** A checkpoint's folder while rank 0 writes it: the model, the moments, the state, then the rename. Calls no MPI, so
 *  that any one thread may do it. Not collective. */
#include "checkpoint/moments_file.h"
#include "linnet/model/model.h"
#include <cjson/cJSON.h>

typedef struct {
    char *path, *temporary; /**< OUTPUT/checkpoint-STEP, and the folder that is renamed to it */
    char weights[DIGEST_TEXT];
    SafetensorsWriter *moments; /**< takes the moments between the two calls */
} CheckpointFolder;

/** Write the model, with parameters [model's layout] that need not be the model's own, and start on the moments.
 *  After a failure too checkpoint_folder_end() must be called. */
Status checkpoint_folder_begin(CheckpointFolder *folder, const char *output_dir, int64_t step, const Model *model,
                               const Parameters *parameters, const MomentsShape *shape, Error *error);
/** Write `state`, the tree of trainer_state.json, to which the digests are added, and put the folder in its place; or
 *  remove it when *error is set. */
Status checkpoint_folder_end(CheckpointFolder *folder, cJSON *state, Error *error);

#endif
