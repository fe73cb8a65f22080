#ifndef LINNET_COMM_THREADS_H
#define LINNET_COMM_THREADS_H
/** How many threads a rank runs. */
#include "linnet/comm/world.h"

/** Set this rank's number of OpenMP threads and return it: `wanted` if positive; else OMP_NUM_THREADS if set; else
 *  this rank's share of the processors that MPI's binding (or the batch system's) gives it: all of them when it
 *  has them to itself, an even part when ranks of the node have the same ones. OpenBLAS is kept to the threads
 *  that call it. Collective over the node. */
int threads_choose(const World *world, int64_t wanted);

/** From now on compute with all of this rank's `threads` or, while a thread beside them is `busy`, with one less if there
 *  are several: all would wait for the one that shares its processor with it. No bits depend on it. Not collective. */
void threads_spare(int threads, bool busy);

#endif
