/* The MPI kind: MPI_Allreduce over what each rank's units gave. See reduction.h. */
#include "comm/reduction_private.h"

#include "linnet/adamw.h"
#include <string.h>

static void sum_squares(Reduction *r, size_t index) {
    const Bucket *bucket = &r->bucket[index];
    size_t first, length;
    reduction_owned(r, index, &first, &length);
    double *squares = r->squares + r->first_block[index] + (first - bucket->start) / bucket->block;
#pragma omp parallel for schedule(static)
    for (size_t at = 0; at < length; at += bucket->block)
        squares[at / bucket->block] =
            sum_of_squares(r->mine + first + at, length - at < bucket->block ? length - at : bucket->block);
}

void reduction_mpi_finish(Reduction *r) {
    for (size_t b = 0; b < r->buckets; b++) {
        float *sums = r->mine + r->bucket[b].start;
        size_t length = r->bucket[b].length;
        if (r->unit_count == 0) memset(sums, 0, length * sizeof *sums);
        world_check(r->world, MPI_Allreduce(MPI_IN_PLACE, sums, (int)length, MPI_FLOAT, MPI_SUM, r->world->comm),
                    "MPI_Allreduce");
        sum_squares(r, b);
    }
    r->unsummed = 0;
}
