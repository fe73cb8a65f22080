#ifndef LINNET_CORE_LAUNCHER_H
#define LINNET_CORE_LAUNCHER_H
#include <stdbool.h>

/** What started this process: mpirun, srun or nothing of the kind. Known from environment variables, without MPI. */

typedef struct {
    const char *variable; /**< that says how many processes were started, static text; NULL: no launcher is known */
    int size, rank;       /**< the number of processes and this one's; 0 and -1 without a launcher */
} Launcher;

/** The innermost launcher: mpirun of Open MPI (OMPI_COMM_WORLD_*), of MPICH and its relatives (PMI_*, MPI_LOCAL*), srun
 *  (SLURM_STEP_NUM_TASKS, SLURM_PROCID). The variables of a Slurm job outside its steps (SLURM_NTASKS) say nothing
 *  about this process. Not collective. Cannot fail. */
Launcher launcher_find(void);

/** Whether this process should print an error that it meets before the processes know each other. The first one does at
 *  once, which suffices where all meet it: the launcher then ends the others with a signal. They wait three seconds for
 *  it. */
bool launcher_speaks(void);

#endif
