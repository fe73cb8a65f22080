#ifndef LINNET_SWEEP_TRIAL_H
#define LINNET_SWEEP_TRIAL_H
/* One trial of a sweep, as its files tell of it. */
#include "linnet/settings/settings.h"
#include "linnet/sweep/sweep_file.h"
#include <sys/types.h>

typedef enum { TRIAL_NEW, TRIAL_STOPPED, TRIAL_RUNNING, TRIAL_FINISHED, TRIAL_FAILED } TrialState;

typedef struct {
    TrialState state;
    pid_t process;  /* of one that this process started and that has not ended; else 0 */
    bool pausing;   /* was told to stop */
    int64_t bytes;  /* of the log when it was read */
    int64_t step;   /* of the last event of the log */
    size_t count;   /* evaluations up to the end of training */
    double *values; /* [count] the metric there; owned */
    double last;    /* its last value, that of the model that was saved; NaN: none */
    cJSON *figures; /* the scores of the last evaluation, of all its files, an object; NULL: none; owned */
} Trial;

/* OUTPUT/trial-007 and `end`; a new text, freed with memory_free(). */
char *trial_path(const SweepFile *sweep, int64_t number, const char *end, Error *error);

/* Load the settings of a trial: those of the sweep's configuration, with the trial's values, output_dir and
 * resume_from_checkpoint. settings_free() also after an error, which names the trial. */
Status trial_settings(const SweepFile *sweep, int64_t number, Settings *settings, Error *error);

/* The values of a trial as an object: one for each parameter, and the seed where there are several. NULL: out of
 * memory. */
cJSON *trial_values(const SweepFile *sweep, int64_t number);

/* Read what the trial's run says: log and status. Does nothing for a log that has not grown. A process that this one
 * started keeps its state TRIAL_RUNNING, which also is that of a run whose folder another process has locked. */
Status trial_look(const SweepFile *sweep, int64_t number, Trial *trial, Error *error);
void trial_free(Trial *trial);

/* Trials of one configuration: the mean of `value` over those that have one, and their number. */
typedef struct {
    double mean, deviation; /* NaN for none; the deviation also for one */
    int64_t count;
} Spread;
Spread trial_spread(const double *values, size_t count);

#endif
