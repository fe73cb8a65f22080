/* The number of threads of a rank. See threads.h. */
#include "linnet/comm/threads.h"
#include "linnet/core/cpus.h"
#include "linnet/core/limits.h"
#include "linnet/core/log.h"
#include <math.h>
#include <omp.h>
#include <sched.h>
#include <string.h>

/* What a rank may compute on. */
typedef struct {
    cpu_set_t set; /* none when the system cannot tell */
    CpuQuota quota;
} Room;

/* What this rank may compute on, and how many ranks of its node share it. */
typedef struct {
    Room mine;
    int on_set, in_group; /* ranks that are bound to the same processors; ranks in the group that sets the quota */
    cpu_set_t node_set;   /* processors of all ranks of the node */
} Share;

static Share find_share(const World *world) {
    Share share = {.mine.quota = cpus_quota()};
    sched_getaffinity(0, sizeof share.mine.set, &share.mine.set);
    for (int r = 0; r < world->node_size; r++) {
        Room theirs = share.mine;
        world_check(world, MPI_Bcast(&theirs, (int)sizeof theirs, MPI_BYTE, r, world->node), "MPI_Bcast");
        share.on_set += CPU_EQUAL(&share.mine.set, &theirs.set) != 0;
        share.in_group += share.mine.quota.group == theirs.quota.group;
        CPU_OR(&share.node_set, &share.node_set, &theirs.set);
    }
    return share;
}

static int smaller(double a, double b) {
    return (int)(a < b ? a : b);
}

/* This rank's part of the cores and of the quota. */
static int even_part(const Share *share) {
    const int part =
        smaller(cpus_cores(&share->mine.set) / share->on_set, floor(ceil(share->mine.quota.cpus) / share->in_group));
    return part > 0 ? part : 1;
}

/* One line for the first node whose ranks run more threads than it has processors for them. */
static void warn_of_excess(const World *world, const Share *share, int threads) {
    int64_t first = -world->size;
    int total = threads, ranks_in_group = share->in_group, cpus = CPU_COUNT(&share->node_set);
    world_check(world, MPI_Allreduce(MPI_IN_PLACE, &total, 1, MPI_INT, MPI_SUM, world->node), "MPI_Allreduce");
    if (ranks_in_group == world->node_size) cpus = smaller(cpus, ceil(share->mine.quota.cpus));
    if (world->node_rank == 0 && cpus > 0 && total > cpus) first = -world->rank;
    world_max_integers(world, &first, 1);
    if (first == -world->rank)
        log_warning("%d threads on %s, which has %d CPU%s for them: fewer are faster (fewer ranks, threads_per_rank, "
                    "--threads or OMP_NUM_THREADS)",
                    total, world->host, cpus, cpus == 1 ? "" : "s");
}

Status threads_choose(const World *world, int64_t wanted, int *threads, Error *error) {
    const Share share = find_share(world); /* on all ranks: it is collective */
    const int asked = cpus_threads_asked();
    *threads = wanted > 0 ? (int)wanted : asked ? asked : even_part(&share);
    warn_of_excess(world, &share, *threads);
    omp_set_num_threads(*threads);
    limits_threads(*threads, error);
    return world_agree(world, error, true);
}

void threads_spare(int threads, bool busy) {
    omp_set_num_threads(busy && threads > 1 ? threads - 1 : threads);
}
