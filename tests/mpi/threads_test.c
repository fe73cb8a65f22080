/* The number of threads of a rank. */
#include "linnet/comm/threads.h"
#include "linnet/core/cpus.h"
#include "mpi/check.h"
#include <math.h>
#include <omp.h>
#include <sched.h>

static int chosen(const World *world, int64_t wanted) {
    Error error = {0};
    int threads = 0;
    CHECK(threads_choose(world, wanted, &threads, &error) == STATUS_OK);
    return threads;
}

static void test_wanted(const World *world) {
    setenv("OMP_NUM_THREADS", "2", 1);
    CHECK(chosen(world, 3) == 3);
    CHECK(omp_get_max_threads() == 3);
    CHECK(chosen(world, 0) == 2);
    CHECK(omp_get_max_threads() == 2);
    unsetenv("OMP_NUM_THREADS");
}

/** Ranks that are bound to the same cores and have the same quota get even parts of them, and at least one each. */
static void test_share(const World *world) {
    cpu_set_t all;
    CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
    cpu_set_t theirs = all;
    world_broadcast(world, &theirs, sizeof theirs);
    int64_t alike = CPU_EQUAL(&all, &theirs) != 0;
    world_sum_integers(world, &alike, 1);
    if (alike == world->size) {
        double quota = ceil(cpus_quota().cpus);
        int cores = cpus_cores(&all), even = (quota < cores ? (int)quota : cores) / world->size;
        CHECK(chosen(world, 0) == (even > 0 ? even : 1));
    } else {
        CHECK(chosen(world, 0) >= 1);
    }
    CHECK(omp_get_max_threads() >= 1);
}

/** A rank bound to one processor runs one thread, whatever other ranks are bound to it. */
static void test_bound(const World *world) {
    cpu_set_t all, one;
    sched_getaffinity(0, sizeof all, &all);
    CPU_ZERO(&one);
    int wanted = world->rank % CPU_COUNT(&all);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &all) && wanted-- == 0) CPU_SET(cpu, &one);
    CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(chosen(world, 0) == 1);
    sched_setaffinity(0, sizeof all, &all);
}

int main(void) {
    World *world = check_start();
    test_wanted(world);
    test_share(world);
    test_bound(world);
    return check_finish(world);
}
