#ifndef LINNET_CHECKPOINT_CHECKPOINT_VERIFY_H
#define LINNET_CHECKPOINT_CHECKPOINT_VERIFY_H
/** Telling whose checkpoint a folder is, and proving that one of linnet is complete and unchanged, by the digests in its
 *  linnet_state.json. Not collective. */
#include "linnet/checkpoint/run_state.h"

/** What a checkpoint holds. */
typedef struct {
    RunState state;
    int64_t dense, token_rows, position_rows; /**< floats; rows with moments; 0 in a checkpoint without them */
    int files;                                /**< with the digest that is recorded, linnet_state.json among them */
} CheckpointInfo;

/** Whose checkpoint a folder is, by the files that it holds. */
typedef enum {
    CHECKPOINT_NONE,    /**< no checkpoint; it may be a model folder */
    CHECKPOINT_LINNET,  /**< of this version, intact or damaged */
    CHECKPOINT_OLDER,   /**< of linnet 0.1, or of a development version of 0.2 */
    CHECKPOINT_TRAINER, /**< of Hugging Face Trainer */
} CheckpointKind;

CheckpointKind checkpoint_kind(const char *folder);

/** Check every file's digest and the moments' shapes. STATUS_INPUT names the file that is missing or wrong, or says whose
 *  checkpoint it is if it is not one of this version of linnet. */
Status checkpoint_verify(const char *folder, CheckpointInfo *info, Error *error);

/** STATUS_INPUT, saying why, for a checkpoint that holds the model alone. */
Status checkpoint_check_resumable(const char *folder, const CheckpointInfo *info, Error *error);

/** What `linnet inspect` does with a checkpoint: verify it, then print what it holds to standard output. One of Hugging
 *  Face Trainer is described as a model folder, with a line that says what linnet can do with it. */
Status checkpoint_describe(const char *folder, Error *error);

/** What `linnet inspect` does with a model folder: describe and check it; where a run of linnet has written it, print
 *  which run, and whether the weights are still those that it wrote. */
Status final_model_describe(const char *folder, Error *error);

#endif
