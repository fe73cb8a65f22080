#ifndef LINNET_CHECKPOINT_CHECKPOINT_VERIFY_H
#define LINNET_CHECKPOINT_CHECKPOINT_VERIFY_H
/** Proving that a checkpoint is complete and unchanged, by the digests in its trainer_state.json. Not collective. */
#include "linnet/checkpoint/run_state.h"

/** What a checkpoint holds. */
typedef struct {
    RunState state;
    int64_t dense, token_rows, position_rows; /**< floats; rows with moments */
    int files;                                /**< with the digest that is recorded, trainer_state.json among them */
} CheckpointInfo;

/** Whether a folder is meant to be a checkpoint of linnet: it holds moments, of this version or of linnet 0.1, or a
 *  trainer_state.json of linnet. */
bool checkpoint_is(const char *folder);

/** Check every file's digest and the moments' shapes. STATUS_INPUT names the file that is missing or wrong; also for a
 *  checkpoint of linnet 0.1, which had another format. */
Status checkpoint_verify(const char *folder, CheckpointInfo *info, Error *error);

/** What `linnet inspect` does with a checkpoint: verify it, then print what it holds to standard output. */
Status checkpoint_describe(const char *folder, Error *error);

#endif
