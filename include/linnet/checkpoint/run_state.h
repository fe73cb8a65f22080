#ifndef LINNET_CHECKPOINT_RUN_STATE_H
#define LINNET_CHECKPOINT_RUN_STATE_H
/** Where a run stands, and the two files that keep it in a checkpoint. Not collective.
 *
 *     trainer_state.json    Trainer's file, with Trainer's members and no others: TrainerState.load_from_json() reads it
 *     linnet_state.json     what Trainer has no names for: the run and its settings, the data, sums for the log, the
 *                           build, and the SHA-256 of every file of the checkpoint
 *
 *  The folder of a final model has the second one only. */
#include "linnet/checkpoint/build_fingerprint.h"
#include "linnet/checkpoint/run_record.h"
#include "linnet/core/digest.h"
#include "linnet/core/error.h"
#include "linnet/data/order.h"
#include "linnet/optim/plateau.h"
#include <stdbool.h>
#include <stdint.h>

#define TRAINER_STATE_FILE "trainer_state.json"
#define RUN_STATE_FILE "linnet_state.json"

/** What Trainer's file repeats from the settings. A resumed run writes its own. */
typedef struct {
    int64_t epochs; /**< of the complete run, rounded up */
    int64_t batch;  /**< per_device_train_batch_size */
    /* updates; 0: the setting says nothing, and the file has Trainer's default */
    int64_t logging_steps, eval_steps, save_steps;
    int64_t patience; /**< of early stopping; 0: none */
    double threshold; /**< of early stopping */
} TrainerFigures;

/** The best model that has a checkpoint. */
typedef struct {
    int64_t step;                 /**< 0: there is none */
    char run[RUN_ID_TEXT];        /**< the run that wrote it: this one or one that it continues; empty: not recorded */
    char folder[RUN_FOLDER_TEXT]; /**< the checkpoint, absolute, where it is not in the run's folder; else empty */
} BestCheckpoint;

typedef struct {
    int64_t step;  /**< updates done */
    double epoch;  /**< passes over the data done */
    int64_t total; /**< updates of the complete run */
    bool has_best;
    double best_metric;
    int64_t best_step;
    BestCheckpoint best_saved;
    int64_t stale;   /**< evaluations since the best one, for early stopping */
    double loss_sum; /**< of the loss_steps updates since the last log line */
    int64_t loss_steps;
    double loss_total; /**< of all updates that were not skipped */
    int64_t skipped;   /**< updates that changed nothing, since their loss or gradient was not finite (on_nan) */
    bool has_plateau;  /**< of reduce_lr_on_plateau; else `plateau` is empty */
    PlateauState plateau;
    bool model_only;     /**< save_only_model: the checkpoint has no moments and cannot be resumed */
    bool evaluation_due; /**< a stop signal ended this update's evaluation: a resumed run starts with it */
    int64_t parameters;  /**< of the model; 0: not known, as in files of earlier versions */
    int64_t trainable;   /**< those of them that learn */
    TrainerFigures figures;
    RunRecord run;
    /* A resumed run must have the same; a difference in units or fingerprint is only a warning. */
    int64_t global_batch, units, samples, tokens;
    int64_t seed;
    DataOrder data_order;
    char data_digest[DIGEST_TEXT];  /**< of the source file that the training data was prepared from */
    char data_part[256];            /**< which part of that file, as DatasetInfo says; "": all */
    char model_digest[DIGEST_TEXT]; /**< model_fingerprint() of model_name_or_path; empty: not known */
    /* The best metric counts only for the same evaluation data. */
    char eval_digest[DIGEST_TEXT]; /**< of its source file; empty: none */
    int64_t eval_tokens;
    BuildFingerprint fingerprint; /**< of rank 0's process that wrote it */
} RunState;

/** The two files as trees. */
typedef struct {
    cJSON *trainer; /**< NULL: only the other one is written */
    cJSON *own;
} RunStateFiles;

/** Both trees, without digests. `best` is the folder of the best model's checkpoint, NULL: none; `history` the log's
 *  events, NULL: no tree for Trainer; `settings` the text of settings_text(). To be freed with run_state_free(), also
 *  after an error. */
Status run_state_make(RunStateFiles *files, const RunState *state, const char *best, const cJSON *history,
                      const char *settings, Error *error);
void run_state_free(RunStateFiles *files);

/** Add the digest of another file of the folder. */
void run_state_add_digest(const RunStateFiles *files, const char *name, const char *digest, Error *error);

/** Write the files into a folder: linnet_state.json last, with the digests that were added, that of trainer_state.json
 *  and one of itself. */
Status run_state_save(const RunStateFiles *files, const char *folder, Error *error);

/** What run_state_read() gives besides the state, each to be freed with cJSON_Delete(). */
typedef struct {
    cJSON *history;  /**< log_history */
    cJSON *settings; /**< of the run that wrote it */
    cJSON *digests;  /**< {file: digest}, that of linnet_state.json among them */
} RunStateParts;

/** Read both files of a checkpoint. linnet_state.json must have the digest that it records of itself. *parts are empty
 *  after an error; run_state_parts_free() frees them. */
Status run_state_read(const char *folder, RunState *state, RunStateParts *parts, Error *error);
void run_state_parts_free(RunStateParts *parts);

/** Read only linnet_state.json, of a checkpoint or of a final model: what Trainer's file has stays 0, but for the
 *  step. */
Status run_state_read_own(const char *folder, RunState *state, RunStateParts *parts, Error *error);

#endif
