/* The MPI kind: MPI_Allreduce over what each rank's units gave. See reduction.h. */
#include "comm/reduction_private.h"

#include <string.h>

void reduction_mpi_finish(Reduction *r) {
    /* What MPI segments in this rank's slot is the sum already: a tree of one node, of which the squares are to be taken. */
    r->nodes[0] = (TreeNode){.count = r->units, .rank = r->world->rank};
    for (size_t b = 0; b < r->buckets; b++) {
        float *sums = r->mine + r->bucket[b].start;
        size_t length = r->bucket[b].length;
        if (r->unit_count == 0) memset(sums, 0, length * sizeof *sums);
        world_check(r->world, MPI_Allreduce(MPI_IN_PLACE, sums, (int)length, MPI_FLOAT, MPI_SUM, r->world->comm),
                    "MPI_Allreduce");
        reduction_sum(r, b);
    }
}
