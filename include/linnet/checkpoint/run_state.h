#ifndef LINNET_CHECKPOINT_RUN_STATE_H
#define LINNET_CHECKPOINT_RUN_STATE_H
/** Where a run stands, and trainer_state.json, which keeps that in a checkpoint: Trainer's members (step, epoch, best
 *  metric, log history), and in the member "linnet" what Trainer has no names for, with the SHA-256 of every file of
 *  the checkpoint. Not collective. */
#include "linnet/checkpoint/build_fingerprint.h"
#include "linnet/core/digest.h"
#include "linnet/core/error.h"
#include "linnet/data/order.h"
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#define RUN_STATE_FILE "trainer_state.json"

typedef struct {
    int64_t step;  /**< updates done */
    double epoch;  /**< passes over the data done */
    int64_t total; /**< updates of the complete run */
    bool has_best;
    double best_metric;
    int64_t best_step;
    int64_t best_saved; /**< step of the best model that has a checkpoint; 0 = none */
    int64_t stale;      /**< evaluations since the best one, for early stopping */
    double loss_sum;    /**< of the loss_steps updates since the last log line */
    int64_t loss_steps;
    double loss_total;   /**< of all updates that were not skipped */
    int64_t skipped;     /**< updates that changed nothing, since their loss or gradient was not finite (on_nan) */
    bool evaluation_due; /**< a stop signal ended this update's evaluation: a resumed run starts with it */
    /* A resumed run must have the same; a difference in units or fingerprint is only a warning. */
    int64_t global_batch, units, samples, tokens;
    int64_t seed;
    DataOrder data_order;
    char data_digest[DIGEST_TEXT]; /**< of the source file that the training data was prepared from */
    BuildFingerprint fingerprint;  /**< of rank 0's process that wrote it */
} RunState;

/** trainer_state.json as a tree, without digests; to be freed with cJSON_Delete(). `best` is the folder of the best
 *  model's checkpoint, NULL: none. After an error the tree must not be used. */
cJSON *run_state_tree(const RunState *state, const char *best, const cJSON *history, Error *error);

/** Add the digest of a file of the checkpoint. */
void run_state_add_digest(cJSON *tree, const char *name, const char *digest, Error *error);

/** Write folder/trainer_state.json with the digests that were added and one of itself. */
Status run_state_save(cJSON *tree, const char *folder, Error *error);

/** Read folder/trainer_state.json. *history (may be NULL) becomes the log history. If `digests` is not NULL the file
 *  must have the digest that it records of itself, and *digests becomes the object of all: {file: digest}. Both are
 *  freed with cJSON_Delete(), NULL after an error. */
Status run_state_read(const char *folder, RunState *state, cJSON **history, cJSON **digests, Error *error);

#endif
