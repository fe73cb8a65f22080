#ifndef LINNET_SWEEP_SWEEP_H
#define LINNET_SWEEP_SWEEP_H
/** Running the trials of a sweep (sweep_file.h) and comparing them. OUTPUT is the sweep's output_dir. Trial 7 is
 *
 *      OUTPUT/trial-007.json   its configuration, complete
 *      OUTPUT/trial-007/       its run
 *      OUTPUT/trial-007.log    what it printed, where sweep_run() started it
 *
 *  What has become of a trial is read from its run, so a sweep that was stopped or killed goes on where it was when it is
 *  started again. Not collective; one process on one host. */
#include "linnet/sweep/sweep_file.h"

/** Check the settings of all trials (of trial `only` where that is not negative) as `linnet train` will, write their
 *  configurations and then OUTPUT/trials.json, the list of all trials. STATUS_INPUT for wrong settings, with the trial's
 *  number; for a metric that the trials' evaluations do not report, so that they could not be compared; where OUTPUT holds
 *  other trials than these: a list that begins with those of the folder may follow it; and for a trial that has trained
 *  with other settings, but for those that its figures do not depend on. */
Status sweep_prepare(const SweepFile *sweep, int64_t only, Error *error);

/** Train: start trials, `jobs` at a time, each as a process `launcher` linnet train OUTPUT/trial-NNN.json on its share of
 *  the cores, until all have ended. With successive halving (arXiv:1502.07943) the trials are stopped after min_iter,
 *  min_iter · eta, min_iter · eta², … evaluations; of the n configurations that are left, the ceil(n / eta) whose mean
 *  over the seeds is best then go on.
 *
 *  A stop signal is passed on: the trials save and stop, then STATUS_STOPPED. STATUS_FAILURE after the end where a trial
 *  failed: the others have run. */
Status sweep_run(const SweepFile *sweep, Error *error);

/** Print a table of the configurations, the best first: mean and standard deviation (n − 1) of the metric's last value over
 *  the seeds; with successive halving those that have run to their end come first. Write OUTPUT/sweep.tsv, a row for each
 *  trial, and OUTPUT/best.json, the configuration of the best: train with it to have its model at OUTPUT/best. Trials that
 *  have not evaluated yet are left out of means. STATUS_INPUT where OUTPUT holds other trials than these. */
Status sweep_summarize(const SweepFile *sweep, Error *error);

#endif
