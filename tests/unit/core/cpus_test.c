/* Processors and quotas. The groups of a process: tests/e2e/threads_test.py, as root. */
#include "linnet/core/cpus.h"
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void write_file(const char *folder, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *folder, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static void test_group_quota(void **state) {
    (void)state;
    char folder[] = "/tmp/linnet-cpus-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_true(isinf(cpus_group_quota(folder)));
    write_file(folder, "cpu.cfs_quota_us", "-1\n");
    write_file(folder, "cpu.cfs_period_us", "100000\n");
    assert_true(isinf(cpus_group_quota(folder)));
    write_file(folder, "cpu.cfs_quota_us", "250000\n");
    assert_true(fabs(cpus_group_quota(folder) - 2.5) < 1e-12);
    remove_file(folder, "cpu.cfs_quota_us");
    remove_file(folder, "cpu.cfs_period_us");
    write_file(folder, "cpu.max", "max 100000\n");
    assert_true(isinf(cpus_group_quota(folder)));
    write_file(folder, "cpu.max", "50000 100000\n");
    assert_true(fabs(cpus_group_quota(folder) - 0.5) < 1e-12);
    write_file(folder, "cpu.max", "");
    assert_true(isinf(cpus_group_quota(folder)));
    remove_file(folder, "cpu.max");
    assert_int_equal(rmdir(folder), 0);
}

/* Each core counts once, whichever of its hyperthreads the process may use. */
static void test_cores(void **state) {
    (void)state;
    cpu_set_t mine, one;
    assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
    const int cores = cpus_cores(&mine);
    assert_in_range(cores, 1, CPU_COUNT(&mine));
    CPU_ZERO(&one);
    assert_int_equal(cpus_cores(&one), 0);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &mine)) continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        assert_int_equal(cpus_cores(&one), 1);
    }
}

static void test_name(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) CPU @ 2.60GHz\nflags\t\t: fpu: 1\n",
         "Intel(R) Xeon(R) CPU @ 2.60GHz"},
        {"processor\t: 0\ncpu\t\t: POWER9, altivec supported\nclock\t\t: 2.2GHz\n", "POWER9, altivec supported"},
        {"processor\t: 0\nBogoMIPS\t: 2100.00\nFeatures\t: fp asimd sve\nCPU implementer\t: 0x41\n"
         "CPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: 0xd40\nCPU revision\t: 1\n",
         "Arm Neoverse-V1"},
        {"CPU implementer\t: 0x61\nCPU part\t: 0x022\n", "Arm, implementer 0x61, part 0x022"},
        {"", "unknown"},
    };
    char folder[] = "/tmp/linnet-cpus-XXXXXX", name[128], path[256];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/cpuinfo", folder);
    cpus_name(path, name, sizeof name);
    assert_string_equal(name, "unknown");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file(folder, "cpuinfo", cases[i][0]);
        cpus_name(path, name, sizeof name);
        assert_string_equal(name, cases[i][1]);
    }
    remove_file(folder, "cpuinfo");
    assert_int_equal(rmdir(folder), 0);
}

static void test_threads_asked(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int threads;
    } cases[] = {{"4", 4},  {" 4 ", 4},  {"4,2", 4}, {"", 0},           {"0", 0},
                 {"-1", 0}, {"four", 0}, {"4x", 0},  {"99999999999", 0}};
    unsetenv("OMP_NUM_THREADS");
    assert_int_equal(cpus_threads_asked(), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setenv("OMP_NUM_THREADS", cases[i].text, 1);
        assert_int_equal(cpus_threads_asked(), cases[i].threads);
    }
    unsetenv("OMP_NUM_THREADS");
}

static void test_start(void **state) {
    (void)state;
    cpu_set_t mine, one;
    const int before = omp_get_max_threads();
    assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
    unsetenv("OMP_NUM_THREADS");
    cpus_start();
    const double quota = ceil(cpus_quota().cpus);
    const int cores = cpus_cores(&mine);
    assert_int_equal(omp_get_max_threads(), quota < cores ? (int)quota : cores);
    CPU_ZERO(&one);
    for (size_t cpu = 0; CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &mine)) CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    cpus_start();
    assert_int_equal(omp_get_max_threads(), 1);
    setenv("OMP_NUM_THREADS", "many", 1);
    omp_set_num_threads(2);
    cpus_start();
    assert_int_equal(omp_get_max_threads(), 1);
    setenv("OMP_NUM_THREADS", "3", 1);
    omp_set_num_threads(3);
    cpus_start();
    assert_int_equal(omp_get_max_threads(), 3);
    assert_int_equal(sched_setaffinity(0, sizeof mine, &mine), 0);
    omp_set_num_threads(before);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_group_quota), cmocka_unit_test(test_cores),
                                       cmocka_unit_test(test_name), cmocka_unit_test(test_threads_asked),
                                       cmocka_unit_test(test_start)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
