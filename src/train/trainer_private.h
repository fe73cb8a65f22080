#ifndef LINNET_TRAIN_TRAINER_PRIVATE_H
#define LINNET_TRAIN_TRAINER_PRIVATE_H
/* A run's parts, shared by the trainer's files:
 *
 *    trainer.c         the loop over updates
 *    trainer_setup.c   opening, planning, resuming
 *    trainer_update.c  one update: units, reduction, clipping, step
 *    trainer_events.c  what happens between updates: log, evaluate, save, stop early
 *    trainer_save.c    saving, and what follows when it fails
 *    trainer_finish.c  the end: best model, final model, last evaluation
 *    trainer_report.c  the banner and the final table */
#include "linnet/checkpoint/checkpoint.h"
#include "linnet/checkpoint/checkpoint_writer.h"
#include "linnet/core/lock.h"
#include "linnet/data/loader.h"
#include "linnet/evaluate/evaluation.h"
#include "linnet/model/model.h"
#include "linnet/optim/optimizer.h"
#include "linnet/optim/schedule.h"
#include "linnet/train/runlog.h"
#include "linnet/train/trainer.h"

/* What Trainer.totals holds before the losses: three flags, then each rank's seconds of waiting. */
enum { TOTALS_STOP, TOTALS_FAILED, TOTALS_SAVED, TOTALS_WAITED };

typedef struct {
    World *world;             /* borrowed */
    const Settings *settings; /* borrowed */
    Lock lock;                /* of the output folder; rank 0 */
    int threads;
    bool bf16;        /* products in bf16; all ranks alike */
    Profile *profile; /* NULL unless asked for */

    Dataset *train_data, *eval_data; /* eval_data may be NULL */
    Loader *loader;
    Model model;
    Optimizer optimizer;
    Gpt2 *gpt2;
    Batch batch;
    BatchRule rule;
    Schedule schedule;
    RunLog *log; /* rank 0 */
    RunState state;
    Metrics *metrics;

    int64_t steps_per_epoch;                   /* updates an epoch */
    int64_t log_every, eval_every, save_every; /* updates; 0 = never */
    bool stop_early;
    bool best_loaded;                   /* the weights are the best checkpoint's, no longer the last update's */
    int64_t saved_step, evaluated_step; /* of the last checkpoint, and of what metrics holds; 0 = none */
    bool stop_signal;                   /* seen by any rank; agreed on by all */
    bool failed;                        /* some rank has a pending error; agreed on by all */
    Error pending;                      /* this rank's, to be told with the next update's sums */

    CheckpointWriter writer;        /* rank 0 */
    bool saving;                    /* a checkpoint is being written in the background */
    bool save_ended;                /* and has come to its end; agreed on by all */
    int64_t kept_step, kept_best;   /* saved_step and state.best_saved of before, which count again if saving fails */
    bool told_shortage, log_behind; /* said already */

    /* one update */
    float *dlogits; /* [samples of a micro-batch, labels] */
    double
        *totals; /* [losses_at + global batch + blocks]: flags, each rank's seconds of waiting for others since the last
                       log line, each sample's loss, squares; summed over ranks */
    size_t losses_at;
    int32_t *ids, *positions; /* rows that this rank's units touch */
    bool rows_named;          /* of the next update */
    double norm, rate;        /* of the last update */
    double waited; /* seconds that this rank waited for others since the last log line, but for the reduction's waits
                      since the start: add optimizer_waited() to have all */

    /* since the last log line */
    int64_t tokens, samples;
    double logged_at; /* seconds */
    double started_at;
    double evaluation_seconds;      /* of the last evaluation */
    int64_t run_samples, run_steps; /* since this process started */
} Trainer;

/* Open everything, resume where asked to. Collective. */
Status trainer_setup(Trainer *trainer, World *world, const Settings *settings, bool profile, Error *error);
/* How the run's samples are fed. */
LoaderPlan trainer_loader_plan(const Trainer *trainer);
/* How its gradients are summed. */
ReductionRule trainer_rule(const Trainer *trainer, const ParameterLayout *layout);
/* STATUS_INPUT when the disk that output_dir (which exists) lies on has no room for what the plan will write at least.
 * Rank 0. */
Status trainer_check_room(const Trainer *trainer, Error *error);
/* Collective. */
void trainer_close(Trainer *trainer);

/* One update, number state.step. Collective. */
void trainer_update(Trainer *trainer);

/* What a forward pass awaits, and what passes call to let messages move; `context` is the Trainer. See
 * parameters_await() and gpt2_set_poll(). */
void trainer_parameters_ready(void *context, size_t bucket);
void trainer_poll(void *context);

/* What is due after an update. Collective. */
Status trainer_events(Trainer *trainer, Error *error);
/* The end of a run: best model, final model, evaluation, table. Collective. */
Status trainer_finish(Trainer *trainer, Error *error);

/* What is due apart from the training line: also what a stop signal kept the run before from. Collective. */
Status trainer_due(Trainer *trainer, Error *error);

typedef enum {
    SAVE_BETWEEN, /* training goes on behind it */
    SAVE_LAST,    /* there is nothing left to do meanwhile */
    SAVE_STOPPING /* and the run ends: a failure is the run's, whatever on_save_failure says */
} SaveKind;

/* Save a checkpoint of now and remove old ones; one that is under way is waited for. A failure is an error or a
 * warning, as on_save_failure says; saved_step tells. Collective. */
Status trainer_save(Trainer *trainer, SaveKind kind, Error *error);

/* Wait for the checkpoint that is written in the background, if any, and tell what came of it. Collective. */
Status trainer_join_writer(Trainer *trainer, Error *error);

/* Save and say that the run can go on; always fills *error, with STATUS_STOPPED when all went well. Collective. */
Status trainer_stop(Trainer *trainer, Error *error);

/* Count the evaluation data into trainer->metrics and log it; given up for a stop signal on any rank, which sets
 * state.evaluation_due and stop_signal and is no error. Collective. */
Status trainer_evaluate(Trainer *trainer, Scores *scores, Error *error);

/* Append an event to the log. Rank 0. */
void trainer_add_event(Trainer *trainer, cJSON *event, Error *error);

/* Rank 0 names a rank that the others waited for, of `seconds` since the last log line. Not collective. */
void trainer_tell_slow(const Trainer *trainer, double seconds);
/* Rank 0 prints. Not collective. */
void trainer_banner(const Trainer *trainer);
/* The profile of all ranks: a table from rank 0, a trace from each. Collective. */
Status trainer_profile(const Trainer *trainer, Error *error);
void trainer_table(const Trainer *trainer, const Scores *scores, double seconds);

#endif
