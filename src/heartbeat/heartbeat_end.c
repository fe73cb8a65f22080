/* How the heartbeats end a run, and a launcher that does not end by itself. See heartbeat_private.h. */
#include "heartbeat/heartbeat_private.h"
#include "linnet/core/launcher.h"
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
    LauncherProcess processes[LAUNCHER_PROCESSES];
    char script[1024];
    const size_t count = launcher_processes(processes);
    if (count == 0) return;
    if (announce)
        log_warning("the launcher on each host (here %s, process %ld) will be killed unless it ends the job within "
                    "%d s",
                    processes[count - 1].name, processes[count - 1].pid, LAUNCHER_SECONDS);
    /* In a process of its own, since the launcher ends this one. It signals only while the process of that number is
     * the same one. SIGTERM would make Open MPI 4.1 crash. */
    int length =
        snprintf(script, sizeof script,
                 "same() { s=$(cat /proc/$1/stat 2>/dev/null) && at=$2 && set -- ${s##*)} && [ ${20} = $at ]; }\n"
                 "sleep %d\n",
                 LAUNCHER_SECONDS);
    for (size_t i = 0; i < count; i++)
        length += snprintf(script + length, sizeof script - (size_t)length, "same %ld %llu && kill -KILL %ld\n",
                           processes[i].pid, processes[i].started, processes[i].pid);
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
