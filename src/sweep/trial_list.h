#ifndef LINNET_SWEEP_TRIAL_LIST_H
#define LINNET_SWEEP_TRIAL_LIST_H
/* OUTPUT/trials.json: the values of all trials of a sweep, by which its folder is told from that of another one. */
#include "linnet/sweep/sweep_file.h"

/* STATUS_INPUT where the folder has a list whose trials are not the first ones of the sweep. */
Status trial_list_check(const SweepFile *sweep, Error *error);

/* Write the list; the folder exists. */
Status trial_list_save(const SweepFile *sweep, Error *error);

#endif
