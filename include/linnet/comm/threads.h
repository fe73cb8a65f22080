#ifndef LINNET_COMM_THREADS_H
#define LINNET_COMM_THREADS_H
/** How many threads a rank runs. */
#include "linnet/comm/world.h"

/** Set this rank's number of OpenMP threads, *threads, and start them: `wanted` if positive; else OMP_NUM_THREADS if set;
 *  else this rank's share of what it may compute on: the cores that MPI or the batch system has bound it to (a core with
 *  two hyperthreads is one), or the quota of its control group where that is less, each divided evenly among the ranks of
 *  the node that have the same. One rank warns of the first node that has fewer processors than threads. STATUS_FAILURE
 *  where the system does not give so many. Collective; ends with world_agree(). */
Status threads_choose(const World *world, int64_t wanted, int *threads, Error *error);

/** Compute with all of this rank's `threads` from now on or, while another thread is `busy`, with one less if there are
 *  several: all would wait for the one that shares its processor with the busy thread. No bits depend on it. Not
 *  collective. */
void threads_spare(int threads, bool busy);

#endif
