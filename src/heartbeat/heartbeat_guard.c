/* The guard of MPI's start, while ranks have no connection yet. See heartbeat.h. */
#include "heartbeat/heartbeat_private.h"

#include "linnet/core/environment.h"
#include "linnet/core/log.h"
#include "linnet/core/signals.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Seconds that MPI has to start. Hosts of a large job load the program one after the other. */
#define START_TIMEOUT_DEFAULT 60.0

/* Seconds between two looks of a sentinel at its rank, and of its patience: while the ranks meet the watch of another
 * one may see the same. It tells after HEARTBEAT_LIMIT_DEFAULT, and its abort has the launcher continue what is stopped. */
#define LOOK_SECONDS 0.25
#define SENTINEL_SECONDS (HEARTBEAT_LIMIT_DEFAULT + 1.5)

/* One a process, since there is no World yet. */
static struct {
    pthread_t thread;
    bool running;
    double seconds;
    sem_t started;
    pid_t sentinel; /* 0: none */
    int rank;       /* by the launcher's word, -1: it has said none */
    char host[256]; /* and where the rank stands, for lines */
} guard;

static const char *const RANKS[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID"};

/* This process's rank; -1 where no launcher has started it. */
static int launched_rank(void) {
    for (size_t i = 0; i < sizeof RANKS / sizeof *RANKS; i++)
        if (getenv(RANKS[i]) != NULL) return atoi(getenv(RANKS[i]));
    return -1;
}

/* What a rank's sentinel does, a child of it: a process that is stopped can neither tell of it nor end, and may be
 * alone on its host. One that was found stopped at every look for SENTINEL_SECONDS, the last one included, is ended,
 * which its launcher sees. A job that is suspended has its sentinels suspended too; a rank that a debugger holds is in
 * another state. */
static _Noreturn void sentinel_loop(pid_t rank) {
    const struct timespec look = {.tv_nsec = (long)(LOOK_SECONDS * 1e9)};
    prctl(PR_SET_NAME, "linnet-sentinel");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    Process process;
    for (double stopped = 0.0; getppid() == rank && process_read(rank, &process); nanosleep(&look, NULL)) {
        stopped = process.state == 'T' ? stopped + LOOK_SECONDS : 0.0;
        if (stopped <= SENTINEL_SECONDS) continue;
        log_error_at(guard.rank, guard.host, "the process is stopped");
        heartbeat_end_launcher();
        kill(rank, SIGKILL);
        _exit(STATUS_FAILURE);
    }
    _exit(STATUS_OK);
}

/* Before MPI has started, when a process may still become two. Signals are the rank's, but for those that suspend. */
static void start_sentinel(void) {
    const pid_t rank = getpid();
    sigset_t blocked, before;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGTSTP);
    sigprocmask(SIG_SETMASK, &blocked, &before);
    guard.sentinel = fork();
    if (guard.sentinel == 0) sentinel_loop(rank);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (guard.sentinel < 0) guard.sentinel = 0; /* a process too many here: LINNET_START_TIMEOUT is left */
}

static void end_sentinel(void) {
    if (guard.sentinel == 0) return;
    kill(guard.sentinel, SIGKILL);
    while (waitpid(guard.sentinel, NULL, 0) < 0 && errno == EINTR) continue;
    guard.sentinel = 0;
}

/* Wait for the end of MPI's start, for so many seconds; whether it came. */
static bool started_within(double seconds) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)seconds;
    until.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    int code;
    do code = sem_timedwait(&guard.started, &until);
    while (code != 0 && errno == EINTR);
    return code == 0;
}

static void *guard_loop(void *unused) {
    (void)unused;
    const int rank = guard.rank < 0 ? 0 : guard.rank;
    /* Ranks that come to their end here do so one after the other: the first one's line is the only one. A launcher
     * that ends the job after it asks the others to end before it kills them. */
    bool started = started_within(guard.seconds + 2.0 * (rank < 10 ? rank : 10));
    if (!started && rank > 0) started = started_within(0.5) || (signals_pending() != 0 && started_within(10.0));
    if (started) return NULL;
    log_error_at(
        rank, guard.host,
        "the ranks have not met within %g s (LINNET_START_TIMEOUT): another rank is stopped or ended, or a host cannot "
        "be reached",
        guard.seconds);
    heartbeat_end_launcher();
    _Exit(STATUS_FAILURE);
}

void heartbeat_guard_start(void) {
    guard.rank = launched_rank();
    guard.seconds = environment_seconds("LINNET_START_TIMEOUT", START_TIMEOUT_DEFAULT, guard.rank <= 0);
    if (guard.seconds <= 0.0 || sem_init(&guard.started, 0, 0) != 0) return;
    gethostname(guard.host, sizeof guard.host - sizeof ", at the start");
    strcat(guard.host, ", at the start");
    if (guard.rank >= 0) start_sentinel();
    guard.running = heartbeat_start_thread(&guard.thread, guard_loop, NULL);
}

void heartbeat_guard_end(void) {
    end_sentinel();
    if (!guard.running) return;
    sem_post(&guard.started);
    pthread_join(guard.thread, NULL);
    sem_destroy(&guard.started);
    guard.running = false;
}
