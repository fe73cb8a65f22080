/* Sums by MPI_Allreduce. See all_reduce_mpi.h. */
#include "comm/all_reduce_mpi.h"

#include <string.h>

void all_reduce_mpi(OrderedSum *sum, TreePieces *pieces, int units, bool idle, double *squares) {
    const World *world = sum->world;
    const ReductionLayout *layout = sum->layout;
    /* What MPI leaves in this rank's gradient buffer is the sum already: one term, of which the squares are to be taken. */
    pieces->terms[0] = (TreeNode){.count = units, .rank = world->rank};
    for (size_t b = 0; b < layout->buckets; b++) {
        float *sums = ordered_sum_buffer(sum, world->node_rank, 0) + layout->bucket[b].start;
        size_t length = layout->bucket[b].length;
        if (idle) memset(sums, 0, length * sizeof *sums);
        world_check(world, MPI_Allreduce(MPI_IN_PLACE, sums, (int)length, MPI_FLOAT, MPI_SUM, world->comm),
                    "MPI_Allreduce");
        ordered_sum_owned(sum, b, units, squares);
    }
}
