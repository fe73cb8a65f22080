/* Starting and ending MPI and the heartbeats together, with a limit on the start, while ranks have no connections
 * yet. */
#include "linnet/heartbeat/job.h"
#include "heartbeat/heartbeat_private.h"
#include "linnet/core/environment.h"
#include "linnet/core/launcher.h"
#include "linnet/core/log.h"
#include "linnet/core/signals.h"
#include "linnet/core/thread.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Seconds that the start may take. Hosts of a large job load the program one after the other. */
#define START_TIMEOUT_DEFAULT 60.0

/* One a process, since there is no World yet. */
static struct {
    pthread_t thread;
    bool running;
    double seconds;
    sem_t started;
    int rank;       /* as the launcher says; -1 where there is none */
    char host[256]; /* and where the rank stands, for the line */
} guard;

/* Wait for the end of the start, at most so many seconds; whether it came. While the process is suspended its time does
 * not run. */
static bool started_within(double seconds) {
    for (; seconds > 0.0; seconds -= 0.25)
        if (thread_wait(&guard.started, seconds < 0.25 ? seconds : 0.25)) return true;
    return false;
}

static void *guard_loop(void *unused) {
    (void)unused;
    const int rank = guard.rank < 0 ? 0 : guard.rank;
    /* Ranks get to their limit one after the other, so that the first one's line is the only one. A launcher that then
     * ends the job asks the others to end before it kills them. */
    bool started = started_within(guard.seconds + 2.0 * (rank < 10 ? rank : 10));
    if (!started && rank > 0) started = started_within(0.5) || (signals_pending() != 0 && started_within(10.0));
    if (started) return NULL;
    log_error_at(rank, guard.host,
                 "not all ranks have started within %g s (LINNET_START_TIMEOUT): a rank is stopped or has ended, or a "
                 "host cannot be reached",
                 guard.seconds);
    heartbeat_end_launcher(true);
    _Exit(STATUS_FAILURE);
}

/* End this process unless guard_end() is called within LINNET_START_TIMEOUT seconds. */
static void guard_begin(void) {
    guard.rank = launcher_find().rank;
    guard.seconds = environment_seconds("LINNET_START_TIMEOUT", START_TIMEOUT_DEFAULT, guard.rank <= 0);
    if (guard.seconds <= 0.0 || sem_init(&guard.started, 0, 0) != 0) return;
    gethostname(guard.host, sizeof guard.host - sizeof ", at the start");
    strcat(guard.host, ", at the start");
    guard.running = thread_start(&guard.thread, guard_loop, NULL);
}

static void guard_end(void) {
    if (!guard.running) return;
    sem_post(&guard.started);
    pthread_join(guard.thread, NULL);
    sem_destroy(&guard.started);
}

Status job_start(World **world, Error *error) {
    guard_begin();
    if (world_start(world, error) == STATUS_OK) heartbeat_start(*world, error);
    guard_end();
    return error->status;
}

void job_finish(World *world) {
    if (!world) return;
    world_phase(world, RUN_END, 0);
    world_finalize(world);
    heartbeat_finish(world);
    world_free(world);
}
