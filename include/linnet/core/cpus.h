#ifndef LINNET_CORE_CPUS_H
#define LINNET_CORE_CPUS_H
/** What this process may compute on. Not collective. */
#include <sched.h>
#include <stddef.h>
#include <stdint.h>

/** The time on processors that the process's control groups give it: containers and batch systems set it. */
typedef struct {
    double cpus;    /**< seconds of all processors in a second; INFINITY where there is no quota */
    uint64_t group; /**< which group sets it: processes of one group share its quota. 0 where there is none */
} CpuQuota;

/** The smallest quota of the process's groups and their parents. */
CpuQuota cpus_quota(void);

/** The quota of the group with this folder: INFINITY where it sets none. */
double cpus_group_quota(const char *folder);

/** The cores that the processors of `set` belong to: processors of one core (hyperthreads) share its arithmetic units, so
 *  that a second thread there gains nothing. */
int cpus_cores(const cpu_set_t *set);

/** The threads that OMP_NUM_THREADS asks for: its number, or the first of a list; 0 where it is not set or not a number
 *  above 0, which OpenMP's library reports and then takes for not set. */
int cpus_threads_asked(void);

/** For the start of the program: OpenMP runs as many threads as the process has cores to run on, or as many as its
 *  quota is worth, rounded up, if these are fewer. Does nothing where cpus_threads_asked(). */
void cpus_start(void);

/** The processor's name as Linux tells it in `file`, /proc/cpuinfo, or its family where it tells numbers, as on Arm;
 *  "unknown" where there is none. */
void cpus_name(const char *file, char *name, size_t size);

#endif
