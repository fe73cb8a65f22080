#ifndef LINNET_CHECKPOINT_CHECKPOINT_FOLDER_H
#define LINNET_CHECKPOINT_CHECKPOINT_FOLDER_H
/* A checkpoint's folder while rank 0 writes it: first the model and the state, then the moments, then the rename. Calls
 * no MPI, so that any one thread may do it. */
#include "checkpoint/checkpoint_moments.h"
#include "linnet/checkpoint/checkpoint.h"

typedef struct {
    char *path, *beside; /* OUTPUT/checkpoint-STEP, and the folder beside it that becomes it */
    MomentsFile moments;
    bool moments_open;
} Writing;

/* Write all but the moments. `state` is trainer_state.json; parameters [model's layout] need not be the model's own.
 * After a failure too the writing is ended by writing_end(). Not collective. */
Status writing_begin(Writing *writing, const char *output_dir, int64_t step, const Model *model,
                     const Parameters *parameters, const cJSON *state, const MomentsShape *shape, Error *error);
/* Put the folder in its place, or remove it when *error is set. Not collective. */
Status writing_end(Writing *writing, Error *error);

#endif
