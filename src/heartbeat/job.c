/* Starting and ending MPI and the heartbeats together, with a limit on the start, while ranks have no connections yet,
 * and one on the end, which the heartbeats do not watch: all ranks live and wait. */
#include "linnet/heartbeat/job.h"
#include "heartbeat/heartbeat_private.h"
#include "linnet/core/environment.h"
#include "linnet/core/launcher.h"
#include "linnet/core/log.h"
#include "linnet/core/signals.h"
#include "linnet/core/thread.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Seconds that the start may take. Hosts of a large job load the program one after the other. */
#define START_TIMEOUT_DEFAULT 60.0
/* Seconds that MPI_Finalize may take. MPICH with UCX before 4.2 sometimes waits there for ever on several hosts: a rank
 * that is done no longer answers those that still disconnect. */
#define END_TIMEOUT_DEFAULT 20.0

/* One a process, since there is no World yet. */
static struct {
    pthread_t thread;
    bool running;
    double seconds;
    sem_t done;
    int rank;       /* as the launcher says; -1 where there is none */
    char host[256]; /* and where the rank stands, for the line */
    World *world;   /* at the end: the ranks, and the exit code */
    int code;
} guard;

/* Wait for what is guarded, at most so many seconds; whether it came to its end. While the process is suspended its time
 * does not run. */
static bool done_within(double seconds) {
    for (; seconds > 0.0; seconds -= 0.25)
        if (thread_wait(&guard.done, seconds < 0.25 ? seconds : 0.25)) return true;
    return false;
}

static void *guard_start(void *unused) {
    (void)unused;
    const int rank = guard.rank < 0 ? 0 : guard.rank;
    /* Ranks get to their limit one after the other, so that the first one's line is the only one. A launcher that then
     * ends the job asks the others to end before it kills them. */
    bool started = done_within(guard.seconds + 2.0 * (rank < 10 ? rank : 10));
    if (!started && rank > 0) started = done_within(0.5) || (signals_pending() != 0 && done_within(10.0));
    if (started) return NULL;
    log_error_at(rank, guard.host,
                 "not all ranks have started within %g s (LINNET_START_TIMEOUT): a rank is stopped or has ended, or a "
                 "host cannot be reached",
                 guard.seconds);
    heartbeat_end_launcher(true);
    _Exit(STATUS_FAILURE);
}

/* All results are complete, so the process ends as it would have. */
static void *guard_finish(void *unused) {
    (void)unused;
    if (done_within(guard.seconds)) return NULL;
    heartbeat_stopping(guard.world); /* the ranks end one after the other */
    if (guard.world->rank == 0)
        log_warning("MPI has not ended within %g s (LINNET_END_TIMEOUT): linnet, which is done, ends without it",
                    guard.seconds);
    fflush(NULL);
    if (guard.world->rank == 0) {
        usleep(500000); /* what was printed gets to the launcher, which drops the rest when it is asked to end */
        launcher_end(guard.code);
    }
    heartbeat_end_launcher(false); /* Open MPI's may crash or wait for ever after such an end */
    sleep(2);                      /* a launcher that was asked ends the others */
    _Exit(guard.code);
}

/* Run `watch`, which ends this process, unless guard_end() is called within guard.seconds; 0: no limit. */
static void guard_begin(void *(*watch)(void *)) {
    if (guard.seconds <= 0.0 || sem_init(&guard.done, 0, 0) != 0) return;
    guard.running = thread_start(&guard.thread, watch, NULL);
}

static void guard_end(void) {
    if (!guard.running) return;
    sem_post(&guard.done);
    pthread_join(guard.thread, NULL);
    sem_destroy(&guard.done);
    guard.running = false;
}

Status job_start(World **world, Error *error) {
    guard.rank = launcher_find().rank;
    guard.seconds = environment_seconds("LINNET_START_TIMEOUT", START_TIMEOUT_DEFAULT, guard.rank <= 0);
    gethostname(guard.host, sizeof guard.host - sizeof ", at the start");
    strcat(guard.host, ", at the start");
    guard_begin(guard_start);
    if (world_start(world, error) == STATUS_OK) heartbeat_start(*world, error);
    guard_end();
    return error->status;
}

void job_finish(World *world, Status status) {
    if (!world) return;
    world_phase(world, RUN_END, 0);
    world_check(world, MPI_Barrier(world->comm), "MPI_Barrier"); /* from now on no rank works any more */
    guard.world = world;
    guard.code = (int)status;
    guard.seconds = environment_seconds("LINNET_END_TIMEOUT", END_TIMEOUT_DEFAULT, world->rank == 0);
    guard_begin(guard_finish);
    world_finalize(world);
    guard_end();
    heartbeat_finish(world);
    world_free(world);
}
