/* The number of threads of a rank. See threads.h. */
#include "linnet/comm/threads.h"
#include "linnet/core/limits.h"
#include <omp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* This rank's processors, divided by the number of ranks of the node that are bound to the same ones. */
static int share(const World *world) {
    cpu_set_t mine;
    CPU_ZERO(&mine); /* none when the system cannot tell */
    sched_getaffinity(0, sizeof mine, &mine);
    int count = CPU_COUNT(&mine), sharing = 0;
    for (int r = 0; r < world->node_size; r++) {
        cpu_set_t theirs = mine;
        world_check(world, MPI_Bcast(&theirs, (int)sizeof theirs, MPI_BYTE, r, world->node), "MPI_Bcast");
        sharing += CPU_EQUAL(&mine, &theirs) != 0;
    }
    return count / sharing > 0 ? count / sharing : 1;
}

Status threads_choose(const World *world, int64_t wanted, int *threads, Error *error) {
    int even = share(world); /* on all ranks: it is collective */
    const char *environment = getenv("OMP_NUM_THREADS");
    *threads = wanted > 0 ? (int)wanted : environment && atoi(environment) > 0 ? atoi(environment) : even;
    omp_set_num_threads(*threads);
    limits_threads(*threads, error);
    return world_agree(world, error, true);
}

void threads_spare(int threads, bool busy) {
    omp_set_num_threads(busy && threads > 1 ? threads - 1 : threads);
}
