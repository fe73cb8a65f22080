#ifndef LINNET_COMM_WORLD_H
#define LINNET_COMM_WORLD_H
/** The job's ranks: who I am, how all agree on an error, how one ends the job for all.
 *
 *  Errors in a collective phase: every rank does its part into its own Error and then calls world_agree(); nobody
 *  returns in between. What cannot be agreed on (an MPI failure, a broken invariant in mid-step) goes to
 *  world_abort(). MPI_ERRORS_RETURN is installed, and every MPI call's code goes through world_check(). */
#include "linnet/core/error.h"
#include "linnet/heartbeat/heartbeat.h"
#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Room for a host's name. */
enum { WORLD_HOST = 256 };

struct World {
    MPI_Comm comm;
    int rank, size;
    MPI_Comm node; /**< the ranks that share this rank's memory */
    int node_rank, node_size;
    int nodes;     /**< number of nodes */
    int *node_of;  /**< [size] each rank's node, numbered from 0 by its lowest rank */
    int *local_of; /**< [size] each rank's rank in its node */
    char host[WORLD_HOST];
    char (*hosts)[WORLD_HOST]; /**< [size] each rank's host */
    Heartbeat *heartbeat;      /**< NULL where nobody is watched: one rank, or ranks out of each other's reach */
};

/** Start MPI, look around, and have every rank watched (heartbeat.h) until world_finish() is through. What goes wrong is
 *  told here. STATUS_INPUT when this process is one of several that a launcher of another MPI started, each of which
 *  would run the whole job alone. Collective over all ranks; call once. */
Status world_start(World **world, Error *error);

/** Free everything and end MPI. Collective; NULL is fine. */
void world_finish(World *world);

/** Agree on an error: every rank returns the status of the lowest failing rank, whose error, with its number, *error
 *  then holds on all ranks (OK when none failed). That rank alone prints it when `print`, with its host and phase where
 *  there are several ranks. Collective. */
Status world_agree(const World *world, Error *error, bool print);

/** Print one line on an error: this rank's, with its host and phase where there are several ranks. Not collective. */
void world_tell(const World *world, const Error *error);

/** Make every rank a node of its own from now on: nothing is shared then, and all goes by messages. Collective. */
Status world_isolate(World *world, Error *error);

/** Print one line naming rank, host and cause, flush, and take the whole job down with *error's status. Not
 *  collective. */
_Noreturn void world_abort(const World *world, const Error *error);

/** Abort with MPI's own text when `code`, what an MPI call returned, is not MPI_SUCCESS. `what` names the call. */
void world_check(const World *world, int code, const char *what);

/** Rank 0's bytes on every rank. Collective. Any size. */
void world_broadcast(const World *world, void *bytes, size_t size);

/** Rank 0's text (of any length) on every rank: *text is rank 0's own there (kept), elsewhere a new block to be
 *  freed with memory_free(). Collective. */
Status world_broadcast_text(const World *world, char **text, Error *error);

/** Element-wise sums over all ranks, on every rank. Collective. For doubles, exact and the same for any number of
 *  ranks only when each element is non-zero on one rank at the most: that is how linnet uses it. */
void world_sum_doubles(const World *world, double *values, size_t count);
void world_sum_integers(const World *world, int64_t *values, size_t count);
void world_max_integers(const World *world, int64_t *values, size_t count);
/** Seconds of the rank that has most, to the nanosecond, on every rank. Collective. */
double world_slowest(const World *world, double seconds);

/** Run [*first, *first + *count) of `total` items that fall to a rank when they are dealt in even runs, larger
 *  ones first. Not collective. */
void world_deal(int64_t total, int ranks, int rank, int64_t *first, int64_t *count);

#endif
