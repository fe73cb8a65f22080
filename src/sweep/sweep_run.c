/* Running the trials of a sweep as processes. sweep.h has the contract. */
#include "linnet/core/file.h"
#include "linnet/core/lock.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/signals.h"
#include "linnet/sweep/sweep.h"
#include "sweep/halving.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <omp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NANOSECONDS 200000000L /* between two looks at the trials */

typedef struct {
    const SweepFile *sweep;
    Trial *trials; /* [sweep->trials] */
    Halving halving;
    int64_t running, failed;
    bool stopping; /* a stop signal came */
    bool stopped;  /* a trial was stopped by somebody else */
} Sweep;

/* The process of a trial: its output goes to its log, and it is told to stop when the sweep dies. Does not return. */
static void become_trial(const SweepFile *sweep, const char *config, int log) {
    char threads[32], program[4096], command[8192];
    const ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    const int share = omp_get_max_threads() / (int)sweep->jobs;
    program[size > 0 ? size : 0] = '\0';
    snprintf(threads, sizeof threads, "%d", share > 1 ? share : 1);
    if (!*sweep->launcher) setenv("OMP_NUM_THREADS", threads, 1);
    snprintf(command, sizeof command, "exec %s \"$0\" train \"$1\"", sweep->launcher);
    setpgid(0, 0); /* a terminal's Ctrl-C reaches the sweep alone, which passes it on */
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", command, program, config, (char *)NULL);
    dprintf(STDERR_FILENO, "linnet: error: cannot start /bin/sh: %s\n", strerror(errno));
    _exit(STATUS_FAILURE);
}

/* Standard input is /dev/null: a launcher would read the sweep's. */
static pid_t start_process(const SweepFile *sweep, const char *config, const char *log_path, Error *error) {
    const int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    const int nothing = log < 0 ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log < 0) {
        file_fail(error, log_path, "write it");
        return -1;
    }
    const pid_t process = nothing < 0 ? -1 : fork();
    if (process == 0) {
        dup2(nothing, STDIN_FILENO);
        become_trial(sweep, config, log);
    }
    if (process < 0) error_set(error, STATUS_FAILURE, "cannot start a process: %s", strerror(errno));
    if (nothing >= 0) close(nothing);
    close(log);
    return process;
}

/* "learning_rate 1e-05, seed 42" into text [size]; shortened where there is no room. */
static const char *describe(const SweepFile *sweep, int64_t number, char *text, size_t size) {
    cJSON *values = trial_values(sweep, number);
    const cJSON *item;
    size_t used = 0;
    *text = '\0';
    cJSON_ArrayForEach(item, values) {
        char *json = cJSON_PrintUnformatted(item);
        if (used < size)
            used +=
                (size_t)snprintf(text + used, size - used, "%s%s %s", used ? ", " : "", item->string, json ? json : "");
        cJSON_free(json);
    }
    cJSON_Delete(values);
    return text;
}

static void start_trial(Sweep *s, int64_t number, Error *error) {
    char *config = trial_path(s->sweep, number, ".json", error), *log = trial_path(s->sweep, number, ".log", error);
    Trial *trial = &s->trials[number];
    pid_t process = error->status ? -1 : start_process(s->sweep, config, log, error);
    if (process > 0) {
        char values[400];
        log_info("trial %-5lld %s: %s", (long long)number, trial->count > 0 ? "goes on" : "starts",
                 describe(s->sweep, number, values, sizeof values));
        trial->process = process;
        trial->state = TRIAL_RUNNING;
        trial->pausing = false;
        s->running++;
    }
    memory_free(config);
    memory_free(log);
}

/* What a trial's process left when it ended with this status of waitpid(). */
static void end_trial(Sweep *s, int64_t number, int status, Error *error) {
    Trial *trial = &s->trials[number];
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    const bool pausing = trial->pausing;
    char *log = trial_path(s->sweep, number, ".log", error);
    trial->process = 0;
    s->running--;
    if (trial_look(s->sweep, number, trial, error)) goto cleanup;
    if (trial->state == TRIAL_FINISHED) {
        log_info("trial %-5lld finished after %lld updates: %s %.6g", (long long)number, (long long)trial->step,
                 s->sweep->metric, trial->last);
    } else if (pausing || s->stopping) {
        trial->state = TRIAL_STOPPED;
    } else if (code == STATUS_STOPPED) {
        log_warning("trial %lld was stopped by a signal: the same command continues it", (long long)number);
        trial->state = TRIAL_FAILED; /* for this time */
        s->stopped = true;
    } else {
        log_warning("trial %lld failed with exit code %d: see %s", (long long)number, code, log);
        trial->state = TRIAL_FAILED;
        s->failed++;
    }
cleanup:
    memory_free(log);
}

static void stop_trial(Trial *trial) {
    if (trial->pausing || !trial->process) return;
    kill(trial->process, SIGUSR1); /* a launcher passes it on to all ranks */
    trial->pausing = true;
}

/* Notice what has happened to the running trials. */
static void look(Sweep *s, Error *error) {
    for (int64_t i = 0; i < s->sweep->trials && !error->status; i++) {
        Trial *trial = &s->trials[i];
        int status;
        if (!trial->process) continue;
        const pid_t ended = waitpid(trial->process, &status, WNOHANG);
        if (ended == trial->process)
            end_trial(s, i, status, error);
        else if (s->stopping)
            stop_trial(trial);
        else if (s->halving.target < INT64_MAX && !trial_look(s->sweep, i, trial, error) &&
                 (int64_t)trial->count >= s->halving.target)
            stop_trial(trial);
    }
}

/* The next trial that should run and does not; -1: none. */
static int64_t next_trial(const Sweep *s) {
    const int64_t seeds = sweep_seeds(s->sweep);
    for (int64_t i = 0; i < s->sweep->trials; i++)
        if (s->halving.alive[i / seeds] && !s->trials[i].process && !halving_reached(&s->halving, &s->trials[i]))
            return i;
    return -1;
}

/* Start what may run; false when nothing runs and nothing is left. */
static bool advance(Sweep *s, Error *error) {
    while (!s->stopping && !error->status && s->running < s->sweep->jobs) {
        if (s->running == 0 && halving_advance(&s->halving, s->sweep, s->trials, error)) break;
        const int64_t next = next_trial(s);
        if (next < 0) break;
        start_trial(s, next, error);
    }
    return s->running > 0;
}

static void run_trials(Sweep *s, Error *error) {
    while (advance(s, error)) {
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NANOSECONDS}, NULL);
        if (!s->stopping && (signals_pending() || error->status)) {
            log_info("stopping  the trials that run save first");
            s->stopping = true;
        }
        Error failure = {0}; /* the trials are waited for after an error, too */
        look(s, &failure);
        if (failure.status) error_set(error, failure.status, "%s", failure.message);
    }
}

/* Look at all trials: a sweep that goes on says so. */
static Status begin(Sweep *s, Error *error) {
    s->trials = memory_allocate((size_t)s->sweep->trials, sizeof *s->trials, error);
    int64_t finished = 0;
    if (!s->trials || halving_begin(&s->halving, s->sweep, error)) return error->status;
    for (int64_t i = 0; i < s->sweep->trials && !error->status; i++) {
        s->trials[i].last = NAN;
        trial_look(s->sweep, i, &s->trials[i], error);
        if (s->trials[i].state == TRIAL_FAILED) s->trials[i].state = TRIAL_STOPPED; /* is tried again */
        finished += s->trials[i].state == TRIAL_FINISHED;
    }
    log_info("sweep     %lld configurations, %lld trials, %lld of them finished, %lld at a time",
             (long long)s->sweep->configurations, (long long)s->sweep->trials, (long long)finished,
             (long long)s->sweep->jobs);
    return error->status;
}

Status sweep_run(const SweepFile *sweep, Error *error) {
    Sweep s = {.sweep = sweep};
    Lock lock = {0};
    signals_install();
    if (!lock_take(&lock, sweep->output_dir, error) && !begin(&s, error)) run_trials(&s, error);
    if (s.stopping || s.stopped)
        error_set(error, STATUS_STOPPED, "stopped; the same command continues the sweep");
    else if (s.failed > 0)
        error_set(error, STATUS_FAILURE, "%lld of %lld trials failed; the same command tries them again",
                  (long long)s.failed, (long long)sweep->trials);
    for (int64_t i = 0; i < sweep->trials && s.trials; i++) trial_free(&s.trials[i]);
    memory_free(s.trials);
    halving_end(&s.halving);
    lock_release(&lock);
    return error->status;
}
