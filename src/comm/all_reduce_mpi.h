#ifndef LINNET_COMM_ALL_REDUCE_MPI_H
#define LINNET_COMM_ALL_REDUCE_MPI_H
/* The sums of REDUCTION_MPI: MPI_Allreduce over what each rank's units gave. */
#include "comm/ordered_sum.h"

/* Sum every bucket over all ranks into this rank's gradient buffer 0, and take the squares of its own part; `pieces` is
 * what `sum` sums. `idle`: the rank had no units. Collective. */
void all_reduce_mpi(OrderedSum *sum, TreePieces *pieces, int units, bool idle, double *squares);

#endif
