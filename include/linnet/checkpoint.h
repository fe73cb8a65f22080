#ifndef LINNET_CHECKPOINT_H
#define LINNET_CHECKPOINT_H
/** Checkpoints: OUTPUT/checkpoint-STEP/ is a complete Hugging Face model folder with two files more
 *  (docs/formats.md):
 *
 *     trainer_state.json   Trainer's: step, epoch, best metric, log history; and a member "linnet" of linnet's own
 *     optimizer.h5         the moments: dense ones whole, tables' only of rows ever touched; every file's SHA-256
 *
 *  All is written to checkpoint-STEP.tmp, flushed to disk, then renamed: a checkpoint exists whole or not at all. */
#include "linnet/error.h"
#include "linnet/optimizer.h"
#include "linnet/origin.h"
#include "linnet/replica.h"
#include "linnet/world.h"
#include <cjson/cJSON.h>

/** Where a run stands. */
typedef struct {
    int64_t step;  /**< updates done */
    double epoch;  /**< passes over the data done */
    int64_t total; /**< updates of the whole run */
    bool has_best;
    double best_metric;
    int64_t best_step;
    int64_t best_saved; /**< step of the best model that has a checkpoint; 0 = none */
    int64_t stale;      /**< evaluations since the best one, for early stopping */
    double loss_sum;    /**< of the updates since the last log line, whose number is loss_steps */
    int64_t loss_steps;
    double loss_total; /**< of all updates */
    /* what a resumed run is compared by: all but units and origin must be the same; these only warn */
    int64_t window, units, samples, tokens;
    int64_t seed;
    char data_digest[DIGEST_TEXT]; /**< of the table that the training data was prepared from */
    Origin origin;                 /**< of the process that wrote it, rank 0's; a difference only warns */
} RunState;

/** Write a checkpoint; history is rank 0's log. Rank 0 writes, the others send it their moments. Collective. */
Status checkpoint_save(const World *world, const char *output_dir, const RunState *state, const cJSON *history,
                       const Replica *replica, Optimizer *optimizer, Error *error);

/** OUTPUT/checkpoint-STEP, to be freed with memory_free(). Not collective. */
char *checkpoint_path(const char *output_dir, int64_t step, Error *error);

/** The highest step of the checkpoints in a folder; −1 when there is none. Not collective. */
int64_t checkpoint_newest(const char *output_dir);

/** Remove checkpoints, the one written longest ago first, until `limit` are left; never those of steps `current`
 *  and `best` (0: none), so that more may be left. Not collective. */
Status checkpoint_rotate(const char *output_dir, int64_t limit, int64_t current, int64_t best, Error *error);

/** Read trainer_state.json: *history (may be NULL) is the log history, freed with cJSON_Delete(). Not collective. */
Status checkpoint_read_state(const char *folder, RunState *state, cJSON **history, Error *error);

/** Read the moments; each rank its part, whatever the number of ranks that wrote them. Collective. */
Status checkpoint_read_optimizer(const World *world, const char *folder, Optimizer *optimizer, Error *error);

/** What a checkpoint holds, for `inspect`. */
typedef struct {
    RunState state;
    int64_t dense, token_rows, position_rows; /**< floats; rows with moments */
    int files;                                /**< with a digest that is right */
} CheckpointInfo;

/** Whether a folder has an optimizer.h5. */
bool checkpoint_is(const char *folder);

/** Prove a checkpoint whole: every file's digest, the moments' sizes. STATUS_INPUT names the file that is not
 *  right. Not collective. */
Status checkpoint_verify(const char *folder, CheckpointInfo *info, Error *error);

#endif
