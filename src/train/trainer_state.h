#ifndef LINNET_TRAIN_TRAINER_STATE_H
#define LINNET_TRAIN_TRAINER_STATE_H
/* The state of a run, and the functions that the files of the trainer (trainer*.c) call in each other. */
#include "linnet/checkpoint/checkpoint.h"
#include "linnet/checkpoint/checkpoint_writer.h"
#include "linnet/checkpoint/run_status.h"
#include "linnet/core/lock.h"
#include "linnet/data/loader.h"
#include "linnet/evaluate/evaluation.h"
#include "linnet/evaluate/score_list.h"
#include "linnet/kernels/loss.h"
#include "linnet/model/model.h"
#include "linnet/optim/learned.h"
#include "linnet/optim/optimizer.h"
#include "linnet/optim/schedule.h"
#include "linnet/settings/run_length.h"
#include "linnet/train/runlog.h"

typedef struct {
    Dataset *train;
    Loader *loader; /* of train */
} TrainerData;

/* What UpdateWork.totals holds before the losses: three flags, then the seconds that each rank waited. */
enum { TOTALS_STOP, TOTALS_FAILED, TOTALS_SAVED, TOTALS_WAITED };

/* Working memory and results of an update. */
typedef struct {
    float *dlogits;   /* [samples of a micro-batch, labels] */
    double *losses;   /* [samples of a micro-batch] */
    double *totals;   /* [losses_at + global batch + blocks] summed over the ranks: flags, seconds that each rank
                                 waited since the last log line, loss of each sample, squares of each gradient block */
    size_t losses_at; /* where the losses start in totals */
    int32_t *ids, *positions; /* embedding rows that this rank's units touch */
    bool rows_named;          /* the optimizer knows the rows of the next update */
    double norm, rate;        /* gradient norm and learning rate of the last update */
    double factor;            /* the rate as a factor of the peak */
} UpdateWork;

/* Checkpoints. A step of 0: none. */
typedef struct {
    CheckpointWriter writer; /* rank 0 */
    bool running;            /* a checkpoint is being written in the background */
    bool ended;              /* it has been written, or failed; all ranks know it */
    char *settings;          /* rank 0: their text, which every checkpoint keeps */
    int64_t step;            /* of the last checkpoint */
    int64_t kept_step;       /* step, state.best_saved and state.model_only before it, which count again if it fails */
    BestCheckpoint kept_best;
    bool kept_model_only;
    double seconds;         /* that training waited for the last checkpoint; 0: not known */
    bool reported_shortage; /* the user knows that memory is too short for saving in the background */
} TrainerSave;

typedef struct {
    RunLog *file;            /* rank 0 */
    EventFile *tensorboard;  /* of `file`, which owns it; NULL: none */
    bool behind;             /* the user knows that the file lacks lines */
    double since;            /* seconds on the clock: the last line, not counting evaluations and saving */
    int64_t tokens, samples; /* trained on since then */
    double waited;           /* seconds that this rank waited for others since then. The waits of the reduction are not
                                in it: they count from the start, see trainer_update.c */
} TrainerLog;

/* An evaluation file, and the last evaluation on it. */
typedef struct {
    const NamedFile *file;         /* borrowed */
    char prefix[EVAL_PREFIX_TEXT]; /* of its scores' names */
    Dataset *data;
    Metrics *metrics;
    Scores scores;
    double seconds; /* that it took */
} TrainerEvalFile;

typedef struct {
    TrainerEvalFile *files; /* [count] in the order of eval_file */
    size_t count;
    ProbabilityTable probabilities; /* rank 0: with room for the largest file */
    int64_t step;                   /* of the model that the scores are about; 0: none */
    double seconds;                 /* that it took, on all files */
    bool told;                      /* the user knows which scores are not defined */
} TrainerEvaluation;

typedef struct {
    double since; /* seconds on the clock: the end of the first update */
    bool told;    /* the user knows when the run will end */
} TrainerProgress;

/* Of rank 0. */
typedef struct {
    char started[RUN_TIME_TEXT]; /* when the folder became this run's; empty: it has not yet */
    bool warned;                 /* the user knows that the file lags behind */
} TrainerStatus;

typedef struct {
    World *world;             /* borrowed */
    const Settings *settings; /* borrowed */
    Lock lock;                /* of output_dir; rank 0 */
    int threads;
    bool language;    /* the model is a language model */
    bool bf16;        /* multiply in bfloat16; the same on all ranks */
    Profile *profile; /* NULL unless the user asked for it */
    RunLength length;
    Schedule schedule;

    LossRule loss;          /* of a sample */
    double *class_weights;  /* [labels] as the user or the data gave them; NULL: none */
    double *scaled_weights; /* [labels] those of `loss`: the same times a power of two */

    TrainerData data;
    Model model;
    Learned learned; /* what learns of it */
    Optimizer optimizer;
    Gpt2 *gpt2;
    Batch batch;
    BatchRule batch_rule;
    UpdateWork update;

    RunState state; /* how far the run is: what a checkpoint keeps */
    TrainerSave save;
    TrainerLog log;
    TrainerEvaluation evaluation;
    TrainerProgress progress; /* rank 0 */
    TrainerStatus status;

    int skips_in_a_row; /* updates without effect just before this one, see trainer_not_finite() */
    bool stop_early;    /* early_stopping_patience is used up */
    bool best_loaded;   /* the weights are those of the best checkpoint, not of the last update */
    bool stop_signal;   /* some rank got a stop signal; all ranks know it */
    bool failed;        /* some rank has a pending error; all ranks know it */
    Error pending;      /* this rank's error, which the other ranks learn with the sums of the next update */
    double started_at;  /* seconds on the clock */
    int64_t run_samples, run_steps; /* since this process started */
} Trainer;

/* trainer_setup.c: from settings to a run that is ready for its next update */

/* Open everything, and resume if the settings ask for it; print the banner. trainer_close() also after an error.
 * Collective. */
Status trainer_setup(Trainer *trainer, World *world, const Settings *settings, bool profile, Error *error);
/* Open a token file, which is read once for all ranks where that spares a file server. Collective. */
Status trainer_open_token_file(const Trainer *trainer, Dataset **dataset, const char *path, Error *error);
/* Collective. */
void trainer_close(Trainer *trainer);

/* trainer_problem.c: STATUS_INPUT where samples have no labels, or of a language model where none has a next token. Not
 * collective. */
Status trainer_require_samples(const Trainer *trainer, Dataset *dataset, Error *error);
/* STATUS_INPUT where a setting is not for the training data's kind of labels. Not collective. */
Status trainer_check_problem(const Trainer *trainer, Error *error);
/* STATUS_INPUT where a data set for evaluation, of the file `path`, is for another kind of labels. Not collective. */
Status trainer_check_same_problem(const Trainer *trainer, const Dataset *eval, const char *path, Error *error);

/* trainer_loss.c: the loss by the settings, with class weights for the labels of the training data. STATUS_INPUT if they
 * do not fit these. Collective. */
Status trainer_choose_loss(Trainer *trainer, Error *error);
/* What the mean loss of a global batch is over: the weight of its samples, or the predictions of a language model. 0 if
 * no sample has a weight, or no text predicts anything: then there is no loss and no gradient. */
double trainer_loss_weight(const Trainer *trainer, const GlobalBatch *global_batch);
/* What the gradient of a sample's loss is multiplied by: 1 / that weight; 0 where that is 0. */
double trainer_loss_scale(const Trainer *trainer, const GlobalBatch *global_batch);
/* Log focal loss and class weights, if there are any. Rank 0. */
void trainer_tell_loss(const Trainer *trainer);

/* trainer_plan.c: what follows from settings, data and ranks before the model is loaded */

/* Length of the run, precision and build fingerprint. STATUS_INPUT if there are fewer samples than ranks.
 * Collective. */
Status trainer_plan(Trainer *trainer, Error *error);
/* What the loader loads, for a model of this layout. */
LoaderPlan trainer_loader_plan(const Trainer *trainer, const ParameterLayout *layout);
/* How gradients are summed. */
ReductionRule trainer_reduction_rule(const Trainer *trainer, const ParameterLayout *layout);
/* The values of the model that learn. */
Parameters trainer_parameters(const Trainer *trainer);
/* The dropout of the next update. */
DropoutRule trainer_dropout(const Trainer *trainer);
/* The most rows (tokens) that an update can have over all ranks. */
size_t trainer_global_batch_rows(const Trainer *trainer);
/* Decide whether the ranks of a node share memory, before anything is shared. Collective. */
Status trainer_choose_sharing(Trainer *trainer, const char *model, Error *error);

/* trainer_adapter.c: give the model's adapter, if it has one, the dropout of the settings, and the absolute path of its
 * base model, for readers in other folders. STATUS_INPUT if output_dir is that model's folder. Not collective. */
Status trainer_complete_adapter(Trainer *trainer, Error *error);

/* trainer_resume.c: remove or complete what a crash left unfinished in output_dir, and decide which run this is: a new
 * one, or the one that the folder belongs to. Where it has a checkpoint to resume from, take its state: *folder is its
 * folder (NULL: start from the beginning; free with memory_free()) and *history, on rank 0, its log (free with
 * cJSON_Delete()). STATUS_INPUT if the run would not continue that checkpoint's run, or is a new one where another run's
 * checkpoints are. Collective. */
Status trainer_resume(Trainer *trainer, char **folder, cJSON **history, Error *error);

/* trainer_best.c: find the checkpoint of the best model so far, which `state` (resumed from `checkpoint`) names: in
 * output_dir, beside `checkpoint`, or where that one says. state->best_saved has its place then; where it is gone a
 * warning says what follows. Rank 0. */
void trainer_find_best(const Trainer *trainer, const char *checkpoint, RunState *state);

/* What differs between this run and the one that wrote a checkpoint. */
enum { RUN_DIFFERENCES_TEXT = 600 };
typedef struct {
    char fixed[RUN_DIFFERENCES_TEXT];   /* what a run cannot change, as "seed 42 -> 7, samples per update 20 -> 10" */
    char updates[RUN_DIFFERENCES_TEXT]; /* what acts on updates alone, likewise */
    bool metric;                        /* another metric decides which model is best, or other evaluation data */
} RunDifferences;

/* trainer_compare.c: compare with the state and the settings (NULL: not known) of a checkpoint. Rank 0. */
Status trainer_compare(const Trainer *trainer, const RunState *was, const cJSON *settings, RunDifferences *differences,
                       Error *error);
/* Log a line for each setting that has changed since a checkpoint, and warn of what changes the last bits. Rank 0. */
Status trainer_tell_changes(const Trainer *trainer, const RunState *was, const cJSON *settings, const char *folder,
                            Error *error);

/* trainer_disk.c: STATUS_INPUT if the disk of output_dir (which exists) has less free space than the run will need at
 * least. Rank 0. */
Status trainer_check_disk(const Trainer *trainer, Error *error);

/* trainer_update.c: update number state.step + 1. Sets failed, stop_signal and save.ended, which all ranks agree on.
 * Collective. */
void trainer_update(Trainer *trainer);
/* Callbacks of a forward or backward pass, with the Trainer as `context`: wait for a bucket of parameters, see
 * parameters_await(); let messages progress, see gpt2_set_poll(). */
void trainer_parameters_ready(void *context, size_t bucket);
void trainer_poll(void *context);

/* trainer_pass.c: the passes over the batch, of a classifier or of a language model. update.losses gets the loss of each
 * sample (of a language model the sum of its predictions'). Without `gradients` only the forward pass, and of a
 * classifier the cross-entropy alone; else the gradients of weight · the sum of the losses, as gpt2_backward() gives
 * them. */
void trainer_pass(Trainer *trainer, const DropoutRule *dropout, double weight, Gradients *gradients, bool accumulate,
                  BucketDone done, void *context);

/* trainer_nan.c: the update under way has a `loss` or gradient norm that is not finite, and has not been applied: report
 * the cause. True if on_nan says to skip it and the weights are finite, which state.skipped then counts; false if the
 * run ends: then `failed` is set, and the rank that found the cause has it as its pending error. Collective. */
bool trainer_not_finite(Trainer *trainer, const GlobalBatch *global_batch, double loss);
/* STATUS_FAILURE if a weight or moment that this rank owns is not finite, and so must not be saved. Not collective. */
Status trainer_check_finite(const Trainer *trainer, Error *error);
/* STATUS_FAILURE if the weights, all of which must have arrived, give no sample of the training data a finite loss. Rank
 * 0 runs one sample, or up to 16 if that has none; not if the model has just been evaluated. Not collective. */
Status trainer_check_usable(Trainer *trainer, Error *error);
/* Whether the loss of no sample of the last evaluation is a finite number: no later update can mend such weights. Not
 * collective. */
bool trainer_has_diverged(const Trainer *trainer);
/* The STATUS_FAILURE of that, the same on all ranks. Collective. */
void trainer_stop_diverged(Trainer *trainer, Error *error);

/* trainer_log.c: whether the folder for TensorBoard, if report_to names it, can be written. Rank 0. */
Status trainer_check_log(const Trainer *trainer, Error *error);
/* Open the log of the run, with the events of `history` (NULL: none) up to state.step, and what
 * report_to names. Rank 0. */
Status trainer_open_log(Trainer *trainer, const cJSON *history, Error *error);
/* Note in what was reported that the run has ended with `status`. Rank 0. */
void trainer_end_log(Trainer *trainer, Status status);
/* Append an event (NULL: there was no memory for it), which the log owns from now on. Rank 0. */
void trainer_add_event(Trainer *trainer, cJSON *event, Error *error);
/* The training line: means since the line before. An error on rank 0 becomes its pending error. Not collective, called
 * by all ranks. */
void trainer_log_training(Trainer *trainer);

/* trainer_status.c: RUN_STATUS_FILE says "running" from now on. Rank 0. */
Status trainer_begin_status(Trainer *trainer, Error *error);
/* It says how far the run is: a failure is a warning, once. Called by all ranks. Not collective. */
void trainer_note_status(Trainer *trainer);
/* It says how the run has ended, of which *error is the outcome. That it cannot say "finished" is an error, as is a
 * model that cannot be written; after another error, or a stop, it is a warning. Collective. */
Status trainer_end_status(Trainer *trainer, Error *error);

/* trainer_progress.c: after an update, say how far the run is and, once, when it will end. Not collective. */
void trainer_progress(Trainer *trainer);

/* trainer_evaluation.c: evaluate the model on the evaluation files, log the scores and write the predictions to
 * output_dir, see trainer_predictions_path(). A stop signal on any rank ends the evaluation without an error:
 * state.evaluation_due is then set. Collective. */
Status trainer_evaluate(Trainer *trainer, Error *error);
/* Whether the scores of the last evaluation are the best so far, which the state records; also decides about early
 * stopping. */
bool trainer_note_best(Trainer *trainer);
/* Lower the learning rate if lr_scheduler_type is reduce_lr_on_plateau and the scores of the last evaluation call for
 * it. */
void trainer_note_plateau(Trainer *trainer);

/* trainer_eval_files.c */

/* Open the evaluation files, each read once for all ranks. STATUS_INPUT if one has no labels (of a language model:
 * predicts nothing), or if metric_for_best_model is none of the scores of their labels. Collective. */
Status trainer_open_eval_files(Trainer *trainer, Error *error);
/* Of the model, as Evaluator counts them: 0 of a language model. */
int32_t trainer_eval_labels(const Trainer *trainer);
/* Once the model is known: its data must fit the files. Not collective. */
Status trainer_check_eval_files(const Trainer *trainer, const char *model, Error *error);
/* Working memory of this rank. */
Status trainer_allocate_evaluation(Trainer *trainer, Error *error);
/* What the state records of the files. */
Status trainer_record_eval_files(Trainer *trainer, Error *error);
/* The file that metric_for_best_model is of; *metric is the name in its ScoreList. NULL if no metric is set. */
const TrainerEvalFile *trainer_chosen_file(const Trainer *trainer, const char **metric);
/* OUTPUT/eval_predictions.tsv, or eval_predictions_NAME.tsv of a file that has a name; free with memory_free(). */
char *trainer_predictions_path(const Trainer *trainer, const TrainerEvalFile *file, Error *error);
/* An event of the log with the last scores of a file; NULL if out of memory. */
cJSON *trainer_eval_event(const Trainer *trainer, const TrainerEvalFile *file);
/* An array with an event of each file, for its fields' names; NULL if out of memory. */
cJSON *trainer_eval_fields(const Trainer *trainer, Error *error);
void trainer_close_eval_files(Trainer *trainer);

/* trainer_save.c: checkpoints, and stopping after a signal */
typedef enum {
    SAVE_BETWEEN, /* training continues meanwhile, if save_in_background */
    SAVE_LAST,    /* nothing is left to do meanwhile */
    SAVE_STOPPING /* the run ends for a signal: a failure is an error, whatever on_save_failure says */
} SaveKind;
/* Save a checkpoint of the current state and remove old ones, after waiting for one that is being written. A failure is
 * an error or a warning, as on_save_failure says, and save.step then keeps its value. Weights of which no forward pass
 * is finite are not saved: between updates with a warning, since the next update tells the cause, else with
 * STATUS_FAILURE. Collective. */
Status trainer_save(Trainer *trainer, SaveKind kind, Error *error);
/* Wait for the checkpoint that is being written in the background, if any, and handle its failure. Collective. */
Status trainer_join_writer(Trainer *trainer, Error *error);
/* Save after a stop signal: always fills *error, with STATUS_STOPPED if the run can be resumed. Collective. */
Status trainer_stop(Trainer *trainer, Error *error);

/* trainer_finish.c: load the best model if the settings say so, save the final model, evaluate it and print its scores.
 * Collective. */
Status trainer_finish(Trainer *trainer, Error *error);

/* trainer_card.c: OUTPUT/README.md. A failure is a warning. Rank 0. */

/* The update whose weights the final model has. */
int64_t trainer_model_step(const Trainer *trainer);
/* Remove the card of the model that is about to be replaced, if linnet wrote it. */
void trainer_remove_card(const Trainer *trainer);
/* Write the card of the final model, after its evaluation. `digest`: SHA-256 of model.safetensors. */
void trainer_save_card(const Trainer *trainer, const char *digest);

/* trainer_report.c: rank 0 logs what it is about to do. Not collective. */
void trainer_banner(const Trainer *trainer);
/* Rank 0 prints the scores of the final model to standard output. Not collective. */
void trainer_table(const Trainer *trainer);
/* Rank 0 prints the profile of all ranks; each rank writes its own to OUTPUT/profile-RANK.json. Collective. */
Status trainer_profile(const Trainer *trainer, Error *error);

#endif
