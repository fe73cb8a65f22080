#ifndef LINNET_TRAIN_RUNLOG_H
#define LINNET_TRAIN_RUNLOG_H
/** The log of a run: the history that a checkpoint keeps, the files that follow it (metrics.jsonl and what report_to
 *  names), and lines for people. Exists only on rank 0; not collective. Field names are Trainer's. */
#include "linnet/core/error.h"
#include "linnet/evaluate/score_list.h"
#include "linnet/report/event_file.h"
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct RunLog RunLog;

/** Open FOLDER/metrics.jsonl and replace its lines by the events of `history` (an array from a checkpoint, copied; NULL
 *  for a new run) up to step `resumed_step`: the file is then the same as without the interruption, and has no lines of
 *  an earlier run in the same folder. STATUS_FAILURE names the file. */
Status runlog_open(RunLog **log, const char *folder, const cJSON *history, int64_t resumed_step, Error *error);

/** Let one more file follow runlog_history(), up to three in all; the log owns it from now on. */
void runlog_add_file(RunLog *log, EventFile *file);

/** Append one event, which the log owns from now on, even on failure (NULL: there was no memory for the event): a piece
 *  of each file, written at once, a line for people, and an entry of the history. If a file cannot be written (a full
 *  disk), each later call tries again to write what is missing. If a file was removed, a new one is written with all
 *  events. */
Status runlog_add(RunLog *log, cJSON *event, Error *error);

/** Whether events of the history are missing in a file. */
bool runlog_is_behind(const RunLog *log);

/** Write the missing events. */
Status runlog_catch_up(RunLog *log, Error *error);

/** Whether the history has an evaluation of this step, with the field of this name. */
bool runlog_has_evaluation(const RunLog *log, const char *field, int64_t step);

/** All events so far as Trainer's log_history; borrowed. */
const cJSON *runlog_history(const RunLog *log);

void runlog_close(RunLog *log);

/** An event of training: step, epoch, loss, grad_norm, learning_rate, tokens_per_second, samples_per_second. */
cJSON *runlog_train_event(int64_t step, double epoch, double loss, double grad_norm, double rate,
                          double tokens_per_second, double samples_per_second);
/** An event of evaluation: step, epoch, then with `prefix` ("eval_", or "eval_NAME_" of a file that has a name) the scores
 *  of the list that are for people (of a language model all), runtime (seconds), samples_per_second, and the other
 *  scores, which are for files alone. */
cJSON *runlog_eval_event(int64_t step, double epoch, const char *prefix, const ScoreList *scores, double seconds,
                         int64_t samples);
/** The last event of a run: step, epoch, train_loss (mean over all updates), train_runtime (seconds),
 *  train_samples_per_second, train_steps_per_second. */
cJSON *runlog_summary_event(int64_t step, double epoch, double loss, double seconds, double samples_per_second,
                            double steps_per_second);

#endif
