/* Starting and ending MPI and the heartbeats together. See job.h. */
#include "linnet/heartbeat/job.h"

#include "heartbeat/heartbeat_private.h"

Status job_start(World **world, Error *error) {
    start_guard_begin();
    if (world_start(world, error) == STATUS_OK) heartbeat_start(*world, error);
    start_guard_end();
    return error->status;
}

void job_finish(World *world) {
    if (!world) return;
    world_phase(world, RUN_END, 0);
    world_finalize(world);
    heartbeat_finish(world);
    world_free(world);
}
