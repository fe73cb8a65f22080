#ifndef LINNET_TRAIN_TRAINER_STATE_H
#define LINNET_TRAIN_TRAINER_STATE_H
/* The state of a run, which the files of the trainer share:
 *
 *    trainer.c             the loop over updates
 *    trainer_setup.c       open data, model, optimizer and output; close them
 *    trainer_plan.c        what follows from settings, data and ranks: length, loader, reduction, precision
 *    trainer_resume.c      find the checkpoint to resume from and check that the run continues it
 *    trainer_disk.c        whether the disk has space for what the run will write
 *    trainer_update.c      one update: forward, backward, reduction, clipping, optimizer step
 *    trainer_events.c      what is due between updates: log, evaluate, save, stop early
 *    trainer_log.c         lines of the log, and the warning about a slow rank
 *    trainer_evaluation.c  evaluate, and note the best model
 *    trainer_save.c        save checkpoints, handle failures, stop after a signal
 *    trainer_finish.c      the end: best model, final model, last evaluation
 *    trainer_report.c      the banner, the final table, the profile */
#include "linnet/checkpoint/checkpoint.h"
#include "linnet/checkpoint/checkpoint_writer.h"
#include "linnet/core/lock.h"
#include "linnet/data/loader.h"
#include "linnet/evaluate/evaluation.h"
#include "linnet/model/model.h"
#include "linnet/optim/optimizer.h"
#include "linnet/optim/schedule.h"
#include "linnet/settings/run_length.h"
#include "linnet/train/runlog.h"

typedef struct {
    Dataset *train, *eval; /* eval may be NULL */
    Loader *loader;        /* of train */
} TrainerData;

/* What UpdateWork.totals holds before the losses: three flags, then the seconds that each rank waited. */
enum { TOTALS_STOP, TOTALS_FAILED, TOTALS_SAVED, TOTALS_WAITED };

/* Working memory and results of an update. */
typedef struct {
    float *dlogits;   /* [samples of a micro-batch, labels] */
    double *totals;   /* [losses_at + global batch + blocks] summed over the ranks: flags, seconds that each rank
                                 waited since the last log line, loss of each sample, squares of each gradient block */
    size_t losses_at; /* where the losses start in totals */
    int32_t *ids, *positions; /* embedding rows that this rank's units touch */
    bool rows_named;          /* the optimizer knows the rows of the next update */
    double norm, rate;        /* gradient norm and learning rate of the last update */
} UpdateWork;

/* Checkpoints. A step of 0: none. */
typedef struct {
    CheckpointWriter writer;      /* rank 0 */
    bool running;                 /* a checkpoint is being written in the background */
    bool ended;                   /* it has been written, or failed; all ranks know it */
    int64_t step;                 /* of the last checkpoint */
    int64_t kept_step, kept_best; /* step and state.best_saved before it, which count again if it fails */
    bool reported_shortage;       /* the user knows that memory is too short for saving in the background */
} TrainerSave;

typedef struct {
    RunLog *file;            /* rank 0 */
    bool behind;             /* the user knows that the file lacks lines */
    double since;            /* seconds on the clock: the last line, not counting evaluations and saving */
    int64_t tokens, samples; /* trained on since then */
    double waited;           /* seconds that this rank waited for others since then. The waits of the reduction are not
                                in it: they count from the start, see trainer_update.c */
} TrainerLog;

typedef struct {
    Metrics *metrics;
    int64_t step;   /* of the model that metrics are about; 0: none */
    double seconds; /* that it took */
} TrainerEvaluation;

typedef struct {
    World *world;             /* borrowed */
    const Settings *settings; /* borrowed */
    Lock lock;                /* of output_dir; rank 0 */
    int threads;
    bool bf16;        /* multiply in bfloat16; the same on all ranks */
    Profile *profile; /* NULL unless the user asked for it */
    RunLength length;
    Schedule schedule;

    TrainerData data;
    Model model;
    Optimizer optimizer;
    Gpt2 *gpt2;
    Batch batch;
    BatchRule batch_rule;
    UpdateWork update;

    RunState state; /* how far the run is: what a checkpoint keeps */
    TrainerSave save;
    TrainerLog log;
    TrainerEvaluation evaluation;

    bool stop_early;   /* early_stopping_patience is used up */
    bool best_loaded;  /* the weights are those of the best checkpoint, not of the last update */
    bool stop_signal;  /* some rank got a stop signal; all ranks know it */
    bool failed;       /* some rank has a pending error; all ranks know it */
    Error pending;     /* this rank's error, which the other ranks learn with the sums of the next update */
    double started_at; /* seconds on the clock */
    int64_t run_samples, run_steps; /* since this process started */
} Trainer;

#endif
