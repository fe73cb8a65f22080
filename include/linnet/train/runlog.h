#ifndef LINNET_TRAIN_RUNLOG_H
#define LINNET_TRAIN_RUNLOG_H
/** What a run says as it goes: lines for people, metrics.jsonl for programs, and the log history that a checkpoint
 *  keeps. Lives on rank 0 alone; not collective. Field names are Trainer's. */
#include "linnet/core/error.h"
#include "linnet/evaluate/metrics.h"
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct RunLog RunLog;

/** Open OUTPUT/metrics.jsonl. `history` (an array of events, copied; or NULL for a new run) is what a resumed
 *  checkpoint holds: the file is made to hold its events up to step `resumed_step` and nothing else, so that it is
 *  what a run never stopped would have written. Lines past the checkpoint, and a last line that a crash cut in
 *  half, are gone; so are the lines of an earlier run in the same folder. STATUS_FAILURE names the file. */
Status runlog_open(RunLog **log, const char *folder, const cJSON *history, int64_t resumed_step, Error *error);

/** Append one event (owned by the log from now on, also when this fails; NULL is an event there was no memory
 *  for): a line in metrics.jsonl, written at once, a line for people, and an entry of the history. When the file cannot
 *  be written (a full disk) the history has the event all the same, and each later call tries again to write what the
 *  file lacks; a file that is no longer in its place is started anew, whole. */
Status runlog_add(RunLog *log, cJSON *event, Error *error);

/** Whether the file lacks events of the history. */
bool runlog_is_behind(const RunLog *log);

/** Write what the file lacks. */
Status runlog_catch_up(RunLog *log, Error *error);

/** Whether the history has an evaluation of this step. */
bool runlog_has_evaluation(const RunLog *log, int64_t step);

/** All events so far as Trainer's log_history; borrowed. */
const cJSON *runlog_history(const RunLog *log);

void runlog_close(RunLog *log);

/** An event of training: step, epoch, loss, grad_norm, learning_rate, tokens_per_second, samples_per_second. */
cJSON *runlog_train_event(int64_t step, double epoch, double loss, double grad_norm, double rate,
                          double tokens_per_second, double samples_per_second);
/** An event of evaluation: step, epoch, eval_loss, eval_accuracy, eval_f1, eval_runtime (seconds),
 *  eval_samples_per_second. */
cJSON *runlog_eval_event(int64_t step, double epoch, const Scores *scores, double seconds, int64_t samples);
/** The last event of a run: step, epoch, train_loss (mean over all updates), train_runtime (seconds),
 *  train_samples_per_second, train_steps_per_second. */
cJSON *runlog_summary_event(int64_t step, double epoch, double loss, double seconds, double samples_per_second,
                            double steps_per_second);

#endif
