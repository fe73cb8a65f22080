/* How the heartbeats end a run, and a launcher that does not end by itself. See heartbeat_private.h. */
#include "heartbeat/heartbeat_private.h"
#include "linnet/core/log.h"
#include "linnet/core/temporary.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Seconds that a launcher has to end by itself: mpirun takes 1 to 4 after MPI_Abort. */
enum { LAUNCHER_SECONDS = 5 };

/* A process's name and parent, and the time it was started, as /proc/PID/stat has them. */
typedef struct {
    char name[32];
    long parent;
    unsigned long long started;
} Process;

/* False where there is no such process. */
static bool process_read(long pid, Process *process) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    char *name = strchr(text, '('), *rest = strrchr(text, ')');
    if (!name || !rest) return false;
    *rest = '\0';
    snprintf(process->name, sizeof process->name, "%s", name + 1);
    /* Behind the name: the state, the parent, and as the twentieth field the start. */
    return sscanf(rest + 1, " %*c %ld %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
                  &process->parent, &process->started) == 2;
}

/* Open MPI's launcher above this process, or 0. Slurm's own is left alone: it handles lost nodes by itself. */
static long find_launcher(Process *process) {
    static const char *const names[] = {"mpirun", "mpiexec", "orterun", "orted", "prterun", "prte", "prted"};
    long pid = getppid();
    for (int level = 0; level < 8 && pid > 1 && process_read(pid, process); level++, pid = process->parent)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (strcmp(process->name, names[i]) == 0) return pid;
    return 0;
}

/* Run a script of the shell in a session and a process of its own. Nothing of this process stays open in it: others
 * wait for the end of these files. */
static void start_script(char *script) {
    char *const arguments[] = {(char[]){"sh"}, (char[]){"-c"}, script, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t child;
    if (posix_spawn_file_actions_init(&files) != 0) return;
    if (posix_spawnattr_init(&attributes) == 0) {
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addclosefrom_np(&files, 3);
        sigemptyset(&none);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
        posix_spawn(&child, "/bin/sh", &files, &attributes, arguments, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
}

void heartbeat_end_launcher(bool announce) {
    Process process;
    char script[512];
    long pid = find_launcher(&process);
    if (pid == 0) return;
    if (announce)
        log_warning("the launcher on each host (here %s, process %ld) will be killed unless it ends the job within "
                    "%d s",
                    process.name, pid, LAUNCHER_SECONDS);
    /* In a process of its own, since the launcher ends this one. It signals only while the process of that number is
     * the same one. SIGTERM would make Open MPI 4.1 crash. */
    snprintf(script, sizeof script,
             "same() { s=$(cat /proc/%ld/stat 2>/dev/null) && set -- ${s##*)} && [ \"${20}\" = %llu ]; }\n"
             "sleep %d; same && kill -KILL %ld\n",
             pid, process.started, LAUNCHER_SECONDS, pid);
    start_script(script);
}

/* MPI_Abort asks the launcher, which may be out of reach: then the alarm ends this process, whatever the computing
 * thread waits for. */
static _Noreturn void end_by_abort(void) {
    int finalized = 0;
    signal(SIGALRM, SIG_DFL);
    alarm(3);
    temporary_clean();
    MPI_Finalized(&finalized);
    if (!finalized) MPI_Abort(MPI_COMM_WORLD, STATUS_FAILURE);
    _Exit(STATUS_FAILURE);
}

_Noreturn void heartbeat_end_reporting(const Heartbeat *h, const Peer *peer, const char *cause) {
    char where[RUN_PLACE_TEXT];
    run_place_text(h->world->hosts[peer->rank], peer->phase, peer->step, where);
    log_error_at(peer->rank, where, "%s", cause);
    heartbeat_end_launcher(true);
    end_by_abort();
}

_Noreturn void heartbeat_end_silently(void) {
    heartbeat_end_launcher(false);
    temporary_clean();
    sleep(2); /* the rank that reported the failure has asked the launcher to end all */
    _Exit(STATUS_FAILURE);
}
