/* The guard of MPI's start, while ranks have no connection yet. See watch.h. */
#include "comm/watch_private.h"

#include "linnet/log.h"
#include "linnet/signals.h"
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Seconds that MPI has to start. Hosts of a large job load the program one after the other. */
#define START_TIMEOUT_DEFAULT 60.0

/* Seconds between two looks at this host's other ranks. */
#define LOOK_SECONDS 1.0

/* One a process, since there is no World yet. */
static struct {
    pthread_t thread;
    bool running;
    double seconds;
    sem_t started;
} guard;

static const char *const RANKS[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID"};
static const char *const LOCAL_RANKS[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID"};

/* A number that the launcher has put under one of some names; 0 where it has not. */
static int launched_as(const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (getenv(names[i]) != NULL) return atoi(getenv(names[i]));
    return 0;
}
#define LAUNCHED_AS(names) launched_as(names, sizeof(names) / sizeof *(names))

/* The rank of another process, from its environment; -1: it is none. */
static int rank_of(long pid) {
    char path[64], *word = NULL;
    size_t room = 0;
    int rank = -1;
    snprintf(path, sizeof path, "/proc/%ld/environ", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) return -1;
    while (rank < 0 && getdelim(&word, &room, '\0', file) > 0)
        for (size_t i = 0; i < sizeof RANKS / sizeof *RANKS; i++) {
            size_t length = strlen(RANKS[i]);
            if (strncmp(word, RANKS[i], length) == 0 && word[length] == '=') rank = atoi(word + length + 1);
        }
    free(word);
    fclose(file);
    return rank;
}

/* A rank that the same launcher has started on this host and that is stopped, the lowest; -1: there is none. */
static int stopped_rank(void) {
    int lowest = -1;
    DIR *all = opendir("/proc");
    if (all == NULL) return -1;
    for (struct dirent *entry; (entry = readdir(all)) != NULL;) {
        Process process;
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || !process_read(pid, &process) || process.parent != getppid()) continue;
        if (process.state != 'T' && process.state != 't') continue;
        int rank = rank_of(pid);
        if (rank >= 0 && (lowest < 0 || rank < lowest)) lowest = rank;
    }
    closedir(all);
    return lowest;
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

/* The same, looking meanwhile after this host's ranks: one that is found stopped at every look for WATCH_LIMIT_DEFAULT
 * seconds and a few more (`patience`) is *stopped, and the waiting over. A job that is suspended as a whole looks at
 * nothing meanwhile. */
static bool started_or_stopped(double seconds, double patience, int *stopped) {
    double looked = 0.0, since = 0.0;
    int rank = -1;
    *stopped = -1;
    for (; looked < seconds; looked += LOOK_SECONDS) {
        if (started_within(fmin(LOOK_SECONDS, seconds - looked))) return true;
        int found = stopped_rank();
        if (found < 0 || found != rank) since = looked;
        rank = found;
        if (rank >= 0 && looked - since >= WATCH_LIMIT_DEFAULT + patience) {
            *stopped = rank;
            return false;
        }
    }
    return false;
}

static void *guard_loop(void *unused) {
    (void)unused;
    char host[256] = "";
    int rank = LAUNCHED_AS(RANKS), local = LAUNCHED_AS(LOCAL_RANKS), stopped;
    /* Ranks that come to their end here do so one after the other: the first one's line is the only one. A launcher
     * that ends the job after it asks the others to end before it kills them. */
    bool started = started_or_stopped(guard.seconds + 2.0 * (rank < 10 ? rank : 10), local < 10 ? local : 10, &stopped);
    if (!started && rank > 0) started = started_within(0.5) || (signals_pending() != 0 && started_within(10.0));
    if (started) return NULL;
    gethostname(host, sizeof host - 1);
    strcat(host, ", at the start");
    if (stopped >= 0)
        log_error_at(stopped, host, "the process is stopped");
    else
        log_error_at(
            rank, host,
            "the ranks have not met within %g s (LINNET_START_TIMEOUT): another rank is stopped or ended, or a host "
            "cannot be reached",
            guard.seconds);
    watch_end_launcher();
    _Exit(STATUS_FAILURE);
}

void watch_guard_start(void) {
    const char *wish = getenv("LINNET_START_TIMEOUT");
    guard.seconds = wish != NULL ? atof(wish) : START_TIMEOUT_DEFAULT;
    if (guard.seconds <= 0.0 || sem_init(&guard.started, 0, 0) != 0) return;
    guard.running = watch_start_thread(&guard.thread, guard_loop, NULL);
}

void watch_guard_end(void) {
    if (!guard.running) return;
    sem_post(&guard.started);
    pthread_join(guard.thread, NULL);
    sem_destroy(&guard.started);
    guard.running = false;
}
