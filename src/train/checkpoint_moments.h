#ifndef LINNET_CHECKPOINT_MOMENTS_H
#define LINNET_CHECKPOINT_MOMENTS_H
/* optimizer.h5: AdamW's moments, and the digests that prove a checkpoint whole. */
#include "linnet/checkpoint.h"

#define MOMENTS_VERSION 1
#define MOMENTS_CHUNK 262144     /* floats (1 MiB) */
#define MOMENTS_DIGEST "sha256:" /* attribute sha256:NAME is the digest of file NAME */

/* Gather all ranks' moments on rank 0 and write folder/optimizer.h5 there, with the digests of the files that are
 * in the folder. Goes on receiving after an error. Does not agree: the caller does. Collective. */
void moments_write(const World *world, const char *folder, Optimizer *optimizer, Error *error);

/* Check the digests and fill in info's counts. Not collective. */
Status moments_verify(const char *folder, CheckpointInfo *info, Error *error);

#endif
