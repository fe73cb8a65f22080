/* Processors, cores and quotas. See cpus.h. */
#include "linnet/core/cpus.h"
#include "core/cgroup.h"
#include "linnet/core/hash.h"
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Quotas --- */

/* One or two numbers of a file of a group; how many there are, 0 for a word such as "max". */
static int read_numbers(const char *folder, const char *file, double numbers[2]) {
    char path[CGROUP_PATH + 64];
    int count = 0;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *stream = fopen(path, "re");
    if (!stream) return 0;
    while (count < 2 && fscanf(stream, "%lf", &numbers[count]) == 1) count++;
    fclose(stream);
    return count;
}

double cpus_group_quota(const char *folder) {
    double time[2] = {0}, period[2] = {0};
    if (read_numbers(folder, "cpu.max", time) == 2 && time[0] > 0 && time[1] > 0) return time[0] / time[1];
    if (read_numbers(folder, "cpu.cfs_quota_us", time) == 1 && time[0] > 0 &&
        read_numbers(folder, "cpu.cfs_period_us", period) == 1 && period[0] > 0)
        return time[0] / period[0];
    return INFINITY;
}

static void visit_quota(const char *folder, void *least) {
    CpuQuota *quota = least;
    const double cpus = cpus_group_quota(folder);
    if (cpus < quota->cpus) *quota = (CpuQuota){cpus, hash_add(HASH_START, folder, strlen(folder))};
}

CpuQuota cpus_quota(void) {
    CpuQuota quota = {INFINITY, 0};
    cgroup_visit("cpu", visit_quota, &quota);
    return quota;
}

/* --- Cores --- */

/* The first processor of the core that one belongs to; the processor itself where the system does not say. */
static int first_of_core(int cpu) {
    static const char *const names[] = {"core_cpus_list", "thread_siblings_list"}; /* since Linux 5.3, and before */
    char path[128];
    int first = cpu;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, names[i]);
        FILE *list = fopen(path, "re");
        if (!list) continue;
        const bool read = fscanf(list, "%d", &first) == 1;
        fclose(list);
        if (read) break;
    }
    return first >= 0 && first < CPU_SETSIZE ? first : cpu;
}

int cpus_cores(const cpu_set_t *set) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((size_t)cpu, set)) CPU_SET((size_t)first_of_core(cpu), &cores);
    return CPU_COUNT(&cores);
}

void cpus_start(void) {
    cpu_set_t mine;
    const char *environment = getenv("OMP_NUM_THREADS");
    if ((environment && *environment) || sched_getaffinity(0, sizeof mine, &mine)) return;
    const double quota = ceil(cpus_quota().cpus);
    const int cores = cpus_cores(&mine);
    if (cores > 0) omp_set_num_threads(quota < cores ? (int)quota : cores);
}
