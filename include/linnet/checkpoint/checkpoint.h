#ifndef LINNET_CHECKPOINT_CHECKPOINT_H
#define LINNET_CHECKPOINT_CHECKPOINT_H
/** Checkpoints: OUTPUT/checkpoint-STEP/ is a complete Hugging Face model folder with two files more
 *  (docs/reference/formats.md):
 *
 *     trainer_state.json   Trainer's: step, epoch, best metric, log history; and a member "linnet" of linnet's own
 *     optimizer.h5         the moments: dense ones whole, tables' only of rows ever touched; every file's SHA-256
 *
 *  All is written to checkpoint-STEP.tmp, flushed to disk, then renamed: a checkpoint exists whole or not at all. */
#include "linnet/checkpoint/build_fingerprint.h"
#include "linnet/comm/world.h"
#include "linnet/core/error.h"
#include "linnet/data/order.h"
#include "linnet/model/model.h"
#include "linnet/optim/optimizer.h"
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
    double loss_total;   /**< of all updates */
    bool evaluation_due; /**< this update's evaluation was given up for a stop signal: a resumed run begins with it */
    /* what a resumed run is compared by: all but units and fingerprint must be the same; these only warn */
    int64_t global_batch, units, samples, tokens;
    int64_t seed;
    DataOrder data_order;
    char data_digest[DIGEST_TEXT]; /**< of the table that the training data was prepared from */
    BuildFingerprint fingerprint;  /**< of the process that wrote it, rank 0's; a difference only warns */
} RunState;

/** What a checkpoint is made from; all borrowed. */
typedef struct {
    const World *world;
    const char *output_dir;
    const RunState *state;
    const cJSON *history; /**< the log's, on rank 0 */
    const Model *model;
    Optimizer *optimizer;
} CheckpointParts;

/** Write a checkpoint: rank 0 writes, the others send it their moments. After an error, which all ranks get and none
 *  prints, nothing of it is left and what was there before is untouched. Collective. */
Status checkpoint_save(const CheckpointParts *parts, Error *error);

/** A copy in memory of all that a checkpoint holds, so that it can be written while training goes on. */
typedef struct Snapshot Snapshot;

/** Bytes of a snapshot's values, on rank 0: all weights, and both moments of the dense ones and of `rows` rows of the
 *  tables, those in use. */
size_t checkpoint_snapshot_bytes(const ParameterLayout *layout, size_t rows);

/** Make a copy: *snapshot is rank 0's, NULL elsewhere and when this fails for lack of memory, which all ranks get and
 *  none prints. Collective. */
Status checkpoint_snapshot(Snapshot **snapshot, const CheckpointParts *parts, Error *error);

/** Write a checkpoint from a copy, as checkpoint_save() does. The model and the folder it was opened with must still be
 *  there, whatever their values. Calls no MPI, and HDF5 in turns with other threads. Not collective. */
Status snapshot_write(const Snapshot *snapshot, Error *error);
void snapshot_destroy(Snapshot *snapshot);

/** OUTPUT/checkpoint-STEP, to be freed with memory_free(). Not collective. */
char *checkpoint_path(const char *output_dir, int64_t step, Error *error);

/** The highest step of the checkpoints in a folder; −1 when there is none. Not collective. */
int64_t checkpoint_newest(const char *output_dir);

/** The highest step of those that are whole; −1 when there is no checkpoint. Each one passed over is warned of, with
 *  what is wrong with it. STATUS_INPUT when there are some but none is whole. Not collective. */
int64_t checkpoint_newest_intact(const char *output_dir, Error *error);

/** Remove what a run that was killed left unfinished in its folder, or put it back where it is whole. Not while a run
 *  writes there. Not collective. */
Status checkpoint_tidy(const char *output_dir, Error *error);

/** Remove checkpoints until `limit` are left: first those of steps above `current`, which an earlier run in this folder
 *  has left, then the lowest steps; never those of steps `current` and `best` (0: none), so that more may be left. Not
 *  collective. */
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
