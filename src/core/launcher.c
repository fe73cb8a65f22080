/* Launchers, and all that is special about one of them. See launcher.h. */
#include "linnet/core/launcher.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES_MAX = 12 };

/* Lists end with NULL. */
typedef struct {
    const char *size, *rank;          /* variables: the number of processes (NULL: it does not say), this one's */
    const char *processes[NAMES_MAX]; /* names of the launcher and its daemons, at most 15 characters as in /proc */
    const char *marks[NAMES_MAX];     /* with which it marks lines or writes them to files: parts of arguments, or
                                         complete ones that begin with '-' */
    const char *marking[NAMES_MAX];   /* variables with the same effect */
    bool hydra;                       /* it is asked to end by launcher_end(), and needs launcher_leave() */
} LauncherRow;

#define PRTE "prterun", "prte", "prted"

/* From the inside out: mpirun may run in a step of srun, which starts one daemon a host for it. Rows without a size are
 * last, since other launchers set PMIX_RANK as well. */
static const LauncherRow ROWS[] = {
    /* Open MPI, whose mpirun is prterun from version 5. It marks lines for --tag-output, --timestamp-output, --xml,
     * --output-filename and --output. */
    {.size = "OMPI_COMM_WORLD_SIZE",
     .rank = "OMPI_COMM_WORLD_RANK",
     .processes = {"mpirun", "mpiexec", "mpirun.openmpi", "mpiexec.openmpi", "orterun", "orted", PRTE},
     .marks = {"output", "xml"},
     .marking = {"OMPI_MCA_orte_tag_output", "OMPI_MCA_orte_timestamp_output"}},
    /* Hydra: MPICH, Intel MPI, MVAPICH; also srun --mpi=pmi2, above which none of these processes is found. */
    {.size = "PMI_SIZE",
     .rank = "PMI_RANK",
     .processes = {"hydra_pmi_proxy", "hydra_bstrap_pr", "mpiexec.hydra", "mpiexec", "mpirun", "mpiexec.mpich",
                   "mpirun.mpich"},
     .marks = {"prepend", "file-pattern", "-l"},
     .hydra = true},
    {.size = "SLURM_STEP_NUM_TASKS", .rank = "SLURM_PROCID"},
    {.rank = "PALS_RANKID"}, /* Cray: mpiexec and aprun of PALS */
    {.rank = "ALPS_APP_PE"}, /* Cray: aprun of ALPS */
    {.rank = "PMI_ID", .processes = {"hydra_pmi_proxy", "mpiexec.hydra", "mpiexec"}}, /* Hydra with -pmi-port */
    {.rank = "PMIX_RANK", .processes = {PRTE}, .marks = {"output", "xml"}},           /* prterun of itself */
};
enum { ROWS_COUNT = sizeof ROWS / sizeof *ROWS };

/* The row whose variables this process has, and what they say; NULL: none. */
static const LauncherRow *find_row(Launcher *launcher) {
    *launcher = (Launcher){NULL, 0, -1};
    for (const LauncherRow *row = ROWS; row < ROWS + ROWS_COUNT; row++) {
        const char *size = row->size ? getenv(row->size) : NULL, *rank = getenv(row->rank);
        if (row->size ? !size || atoi(size) < 1 : !rank || *rank == '\0') continue;
        *launcher = (Launcher){row->size ? row->size : row->rank, size ? atoi(size) : 0, rank ? atoi(rank) : 0};
        return row;
    }
    return NULL;
}

Launcher launcher_find(void) {
    Launcher launcher;
    find_row(&launcher);
    return launcher;
}

bool launcher_is_alone(const Launcher *launcher) {
    return !launcher->variable || launcher->size == 1;
}

bool launcher_is_several(const Launcher *launcher) {
    return launcher->size > 1 || (launcher->size == 0 && launcher->rank > 0);
}

void launcher_count_text(const Launcher *launcher, char text[LAUNCHER_TEXT]) {
    if (launcher->size > 0)
        snprintf(text, LAUNCHER_TEXT, "%d processes (%s)", launcher->size, launcher->variable);
    else
        snprintf(text, LAUNCHER_TEXT, "several processes (%s)", launcher->variable);
}

bool launcher_speaks(void) {
    return launcher_find().rank <= 0 || sleep(3) == 0;
}

const char *launcher_advice(const char *library) {
    /* By the first words of MPI_Get_library_version(). */
    static const struct {
        const char *library, *advice;
    } FAMILIES[] = {
        {"Open MPI", "mpirun of Open MPI, or srun --mpi=pmix"},
        {"MPICH", "mpiexec of MPICH (Debian: mpiexec.mpich), or srun --mpi=pmi2"},
        {"Intel", "mpirun of Intel MPI, or srun --mpi=pmi2"},
        {"MVAPICH", "mpiexec of MVAPICH, or srun --mpi=pmi2"},
        {"MPI VERSION    : CRAY", "srun, or mpiexec of Cray's PALS"},
    };
    for (size_t i = 0; i < sizeof FAMILIES / sizeof *FAMILIES; i++)
        if (strncmp(library, FAMILIES[i].library, strlen(FAMILIES[i].library)) == 0) return FAMILIES[i].advice;
    return "the launcher of the MPI that linnet was built with";
}

/* The first of some variables that is set to a text; NULL: none. */
static const char *first_set(const char *const names[], size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *text = getenv(names[i]);
        if (text && *text) return text;
    }
    return NULL;
}

const char *launcher_job(void) {
    static const char *const names[] = {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"};
    return first_set(names, sizeof names / sizeof *names);
}

const char *launcher_networks(void) {
    /* Of Open MPI, and of the libraries that MPICH and Intel MPI communicate by. */
    static const char *const names[] = {"OMPI_MCA_btl_tcp_if_include", "UCX_NET_DEVICES", "FI_TCP_IFACE"};
    return first_set(names, sizeof names / sizeof *names);
}

/* --- Its processes --- */

/* Fill what /proc/PID/stat says of a process, and its parent. False where there is no such process. */
static bool process_read(long pid, LauncherProcess *process, long *parent) {
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
    process->pid = pid;
    /* Behind the name: the state, the parent, and as the twentieth field the start. */
    return sscanf(rest + 1, " %*c %ld %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", parent,
                  &process->started) == 2;
}

static bool is_among(const char *name, const char *const names[NAMES_MAX]) {
    for (size_t i = 0; i < NAMES_MAX && names[i]; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

size_t launcher_processes(LauncherProcess processes[LAUNCHER_PROCESSES]) {
    Launcher launcher;
    const LauncherRow *row = find_row(&launcher);
    size_t count = 0;
    long pid = getppid(), parent = 0;
    if (!row || !row->processes[0]) return 0;
    /* A shell or a tool such as env may stand between the launcher and a rank, but not among its own processes. */
    for (int level = 0; level < 8 && count < LAUNCHER_PROCESSES && pid > 1; level++, pid = parent) {
        if (!process_read(pid, &processes[count], &parent)) break;
        if (is_among(processes[count].name, row->processes))
            count++;
        else if (count > 0)
            break;
    }
    return count;
}

/* Whether a process was given an argument with which it marks lines. True also where that is not known. */
static bool marks_lines(long pid, const LauncherRow *row) {
    char path[64], command[4096];
    snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = file < 0 ? -1 : read(file, command, sizeof command);
    if (file >= 0) close(file);
    if (size <= 0 || (size_t)size == sizeof command) return true;
    command[size - 1] = '\0';
    for (const char *argument = command; argument < command + size; argument += strlen(argument) + 1)
        for (size_t i = 0; i < NAMES_MAX && row->marks[i]; i++)
            if (row->marks[i][0] == '-' ? strcmp(argument, row->marks[i]) == 0
                                        : strstr(argument, row->marks[i]) != NULL)
                return true;
    return false;
}

pid_t launcher_relay(void) {
    Launcher launcher;
    LauncherProcess processes[LAUNCHER_PROCESSES];
    const LauncherRow *row = find_row(&launcher);
    const size_t count = launcher_processes(processes);
    if (count == 0 || processes[0].pid != getppid()) return 0; /* what stands between may change the lines */
    for (size_t i = 0; i < NAMES_MAX && row->marking[i]; i++)
        if (getenv(row->marking[i])) return 0;
    for (size_t i = 0; i < count; i++)
        if (marks_lines(processes[i].pid, row)) return 0;
    return (pid_t)processes[count - 1].pid;
}

/* --- The end --- */

/* Whether the process was started by Hydra, and `launcher`, which is set. */
static bool is_hydra(Launcher *launcher) {
    LauncherProcess processes[LAUNCHER_PROCESSES];
    const LauncherRow *row = find_row(launcher);
    return row && row->hydra && launcher_processes(processes) > 0;
}

void launcher_end(int code) {
    Launcher launcher;
    const char *file = getenv("PMI_FD");
    /* The line of PMI-1 that MPI_Abort() sends. */
    if (is_hydra(&launcher) && file && atoi(file) > STDERR_FILENO) dprintf(atoi(file), "cmd=abort exitcode=%d\n", code);
}

/* Hydra up to 4.0 forgets the exit code of a process after it has passed a signal on, unless it meets the process's end
 * while output of one is open. So a process of its own keeps this one's output open for that long. */
static void outlive(void) {
    const pid_t parent = getpid();
    if (fork() != 0) return;
    close(STDIN_FILENO);
    closefrom(STDERR_FILENO + 1);
    for (int tries = 0; tries < 3000 && getppid() == parent; tries++) usleep(10000);
    close(STDOUT_FILENO); /* now Hydra looks which processes have ended */
    usleep(200000);
    _exit(0);
}

void launcher_leave(int code, bool started, bool stopped, const char *library) {
    Launcher launcher;
    int major = 0, minor = 0;
    if (code == 0 || !is_hydra(&launcher)) return;
    if (!started && launcher_is_several(&launcher)) launcher_end(code);
    const bool mpich = sscanf(library, "MPICH Version: %d.%d", &major, &minor) == 2;
    if (stopped && launcher.rank == 0 && mpich && (major < 4 || (major == 4 && minor == 0))) outlive();
}
