#ifndef LINNET_HEARTBEAT_JOB_H
#define LINNET_HEARTBEAT_JOB_H
/** The start and the end of a job: MPI, and the heartbeats between its ranks (heartbeat.h). */
#include "linnet/comm/world.h"

/** Start MPI (world_start()), then the heartbeats. Until they have started, a rank that is stopped, or a host that is
 *  cut off, would make the others wait for ever: LINNET_START_TIMEOUT seconds (60; 0: no limit) after it was called,
 *  job_start() ends the process, with one line. Errors are printed here. *world is set once MPI has started, also when
 *  the status is an error. Collective over all ranks; called once. */
Status job_start(World **world, Error *error);

/** End MPI and then the heartbeats, and free the world; NULL is fine. MPI that has not ended LINNET_END_TIMEOUT seconds
 *  (20; 0: no limit) after all ranks have called this is left as it is: the process ends with `status` and a warning.
 *  Collective. */
void job_finish(World *world, Status status);

#endif
