/* Processors, cores and quotas. See cpus.h. */
#include "linnet/core/cpus.h"
#include "core/cgroup.h"
#include "linnet/core/hash.h"
#include <ctype.h>
#include <limits.h>
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

int cpus_threads_asked(void) {
    const char *environment = getenv("OMP_NUM_THREADS");
    char *end;
    if (!environment) return 0;
    const long threads = strtol(environment, &end, 10);
    while (isspace((unsigned char)*end)) end++;
    return threads > 0 && threads <= INT_MAX && (*end == '\0' || *end == ',') ? (int)threads : 0;
}

void cpus_start(void) {
    cpu_set_t mine;
    if (cpus_threads_asked() || sched_getaffinity(0, sizeof mine, &mine)) return;
    const double quota = ceil(cpus_quota().cpus);
    const int cores = cpus_cores(&mine);
    if (cores > 0) omp_set_num_threads(quota < cores ? (int)quota : cores);
}

/* --- Names --- */

/* Arm's processors tell numbers: of the company that made the design, and of the design. Those of servers and of boards
 * that run clusters; util-linux (lscpu-arm.c) has more. */
static const struct {
    unsigned implementer, part;
    const char *name;
} ARM_PARTS[] = {
    {0x41, 0xd07, "Arm Cortex-A57"},   {0x41, 0xd08, "Arm Cortex-A72"},   {0x41, 0xd0b, "Arm Cortex-A76"},
    {0x41, 0xd0c, "Arm Neoverse-N1"},  {0x41, 0xd40, "Arm Neoverse-V1"},  {0x41, 0xd49, "Arm Neoverse-N2"},
    {0x41, 0xd4f, "Arm Neoverse-V2"},  {0x41, 0xd84, "Arm Neoverse-V3"},  {0x41, 0xd8e, "Arm Neoverse-N3"},
    {0x43, 0x0af, "Cavium ThunderX2"}, {0x46, 0x001, "Fujitsu A64FX"},    {0x48, 0xd01, "HiSilicon Kunpeng-920"},
    {0xc0, 0xac3, "Ampere Ampere-1"},  {0xc0, 0xac4, "Ampere Ampere-1a"},
};

static void name_arm(char *name, size_t size, unsigned implementer, unsigned part) {
    snprintf(name, size, "Arm, implementer 0x%02x, part 0x%03x", implementer, part);
    for (size_t i = 0; i < sizeof ARM_PARTS / sizeof *ARM_PARTS; i++)
        if (ARM_PARTS[i].implementer == implementer && ARM_PARTS[i].part == part)
            snprintf(name, size, "%s", ARM_PARTS[i].name);
}

void cpus_name(const char *file, char *name, size_t size) {
    char line[256], key[64], value[192];
    unsigned implementer = 0;
    FILE *stream = fopen(file, "re");
    snprintf(name, size, "unknown");
    while (stream && fgets(line, sizeof line, stream)) {
        if (sscanf(line, "%63[^:\t] : %191[^\n]", key, value) != 2) continue;
        if (strcmp(key, "CPU implementer") == 0) implementer = (unsigned)strtoul(value, NULL, 0);
        const bool is_arm = strcmp(key, "CPU part") == 0;
        if (is_arm) name_arm(name, size, implementer, (unsigned)strtoul(value, NULL, 0));
        if (strcmp(key, "model name") == 0 || strcmp(key, "cpu") == 0) snprintf(name, size, "%s", value);
        if (is_arm || strcmp(name, "unknown") != 0) break;
    }
    if (stream) fclose(stream);
}
