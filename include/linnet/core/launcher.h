#ifndef LINNET_CORE_LAUNCHER_H
#define LINNET_CORE_LAUNCHER_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** What started this process: mpirun, mpiexec, srun or nothing of the kind, and what is special about each of them
 *  (src/core/launcher.c has the table). Known from environment variables and /proc, without MPI. A launcher that is not
 *  known costs comfort alone: MPI knows its ranks by itself. Nothing here is collective or can fail. */

typedef struct {
    const char *variable; /**< that says how many processes were started, or where `size` is 0 which one this is; static
                               text; NULL: no launcher is known */
    int size;             /**< the number of processes; 0 where the launcher does not say, and without a launcher */
    int rank;             /**< this process's; −1 without a launcher */
} Launcher;

/** The innermost launcher: mpirun of Open MPI, mpiexec of MPICH and its relatives, srun, and those of which only the
 *  process's own number is known (prterun, Cray's PALS and aprun). The variables of a Slurm job outside its steps
 *  (SLURM_NTASKS) say nothing about this process. */
Launcher launcher_find(void);

/** Whether this process was started by itself: by no known launcher, or as the only one. */
bool launcher_is_alone(const Launcher *launcher);

/** Whether there are certainly other processes. Of a launcher that does not say how many it started, all but the first
 *  process know this. */
bool launcher_is_several(const Launcher *launcher);

enum { LAUNCHER_TEXT = 96 };
/** Write how many processes the launcher started, and how that is known: "3 processes (PMI_SIZE)"; "several processes
 *  (PMIX_RANK)" where it does not say. */
void launcher_count_text(const Launcher *launcher, char text[LAUNCHER_TEXT]);

/** Whether this process should print an error that it meets before the processes know each other. The first one does at
 *  once, which suffices where all meet it: the launcher then ends the others with a signal. They wait three seconds for
 *  it. */
bool launcher_speaks(void);

/** How a program with this MPI library is started; `library`: the text of MPI_Get_library_version(). Static text. */
const char *launcher_advice(const char *library);

/** What the batch system calls this job; NULL: there is none. Borrowed from the environment. */
const char *launcher_job(void);

/** The networks that MPI was told to use: names of interfaces and networks such as 10.0.0.0/24, separated by commas;
 *  NULL: it was told of none. Borrowed from the environment. */
const char *launcher_networks(void);

/** A process of the launcher above this one. */
typedef struct {
    char name[32]; /**< as in /proc/PID/stat: at most 15 characters of it */
    long pid;
    unsigned long long started; /**< with `pid` it tells the process from a later one with the same number */
} LauncherProcess;
enum { LAUNCHER_PROCESSES = 4 };

/** Find the launcher's processes above this one that may be killed when they do not end by themselves, from the inside
 *  out: a daemon that started the ranks of this host, and on the first host the launcher itself. Their number; 0 under
 *  launchers that belong to the batch system, which notices lost hosts itself. */
size_t launcher_processes(LauncherProcess processes[LAUNCHER_PROCESSES]);

/** The launcher's process on this host that passes standard error on to its own as the ranks write it; 0 where there is
 *  none, or where it was told to mark lines or write them to files. */
pid_t launcher_relay(void);

/** Ask a launcher that can be asked without MPI (Hydra) to end all processes and itself with this exit code, at once. */
void launcher_end(int code);

/** Before this process ends with an error, in main(): what its launcher needs to end the job with this exit code.
 *  `started`: MPI has been; `stopped`: a signal asked this process to stop; `library`: the text of
 *  MPI_Get_library_version(). Hydra ends other processes for one that ends with an error only after MPI's start; before
 *  it is asked to. */
void launcher_leave(int code, bool started, bool stopped, const char *library);

#endif
