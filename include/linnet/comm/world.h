#ifndef LINNET_COMM_WORLD_H
#define LINNET_COMM_WORLD_H
/** The job's ranks: which rank this is, which ranks share a node, how all agree on an error, how one rank ends the job.
 *
 *  Errors in a collective phase: every rank does its part into its own Error and then calls world_agree(); no rank
 *  returns in between. What cannot be agreed on (an MPI failure, a broken invariant in mid-step) goes to
 *  world_abort(). MPI_ERRORS_RETURN is installed, and every MPI call's code goes through world_check(). */
#include "linnet/core/error.h"
#include <mpi.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Room for a host's name, and for where a rank is. */
enum { WORLD_HOST = 256, RUN_PLACE_TEXT = WORLD_HOST + 48 };

/** What a rank is doing, for the line that reports its end. */
typedef enum { RUN_START, RUN_LOAD, RUN_UPDATE, RUN_EVALUATION, RUN_SAVE, RUN_END } RunPhase;

/** What the heartbeat (heartbeat.h) wants to be told; all NULL where there is none: one rank, or ranks that cannot
 *  connect to each other. */
typedef struct {
    void *heartbeat;
    void (*phase_entered)(void *heartbeat, bool changed); /**< world_phase() was called; whether the phase is another */
    void (*aborting)(void *heartbeat);                    /**< this rank has reported an error and is about to abort */
} WorldHooks;

typedef struct World {
    MPI_Comm comm;
    int rank, size;
    MPI_Comm node; /**< the ranks that share this rank's memory */
    int node_rank, node_size;
    int nodes;     /**< number of nodes */
    int *node_of;  /**< [size] each rank's node, numbered from 0 by its lowest rank */
    int *local_of; /**< [size] each rank's rank in its node */
    char host[WORLD_HOST];
    char (*hosts)[WORLD_HOST]; /**< [size] each rank's host */
    atomic_int phase;          /**< RunPhase; the heartbeat's thread reads it */
    atomic_llong step;         /**< of the update under way */
    WorldHooks hooks;
} World;

/** Start MPI and find out which ranks share memory. Errors are printed here. STATUS_INPUT when this process is one of
 *  several that a launcher of another MPI started, each of which would run the complete job by itself. *world is set
 *  once MPI has started, also when the status is an error. Collective over all ranks; called once, by job_start()
 *  (job.h). */
Status world_start(World **world, Error *error);

/** End MPI; the world can still be read. Collective. */
void world_finalize(World *world);

/** Free a world that is finalized. Not collective. */
void world_free(World *world);

/** This rank enters a phase; `step` is the number of the update under way. Returns at once. Not collective. */
void world_phase(World *world, RunPhase phase, int64_t step);

/** "HOST, while loading", "HOST, in update 12". Not collective. */
void run_place_text(const char *host, RunPhase phase, int64_t step, char text[RUN_PLACE_TEXT]);

/** Agree on an error: every rank returns the status of the lowest failing rank, whose error, with its number, *error
 *  then holds on all ranks (OK when none failed). That rank alone prints it when `print`, with its host and phase where
 *  there are several ranks. Collective. */
Status world_agree(const World *world, Error *error, bool print);

/** Print this rank's error in one line, with its host and phase where there are several ranks. Not collective. */
void world_tell(const World *world, const Error *error);

/** Make every rank a node of its own from now on: ranks then share no memory and send each other all data.
 *  Collective. */
void world_isolate(World *world);

/** Print one line with rank, host and cause, and end the job on all ranks with *error's status. Not collective. */
_Noreturn void world_abort(const World *world, const Error *error);

/** End the job with MPI's text for `code`, the return value of an MPI call, unless it is MPI_SUCCESS. `what` names the
 *  call. Not collective. */
void world_check(const World *world, int code, const char *what);

/** Copy rank 0's bytes to every rank; any size. Collective. */
void world_broadcast(const World *world, void *bytes, size_t size);

/** Copy rank 0's text, of any length, to every rank: *text stays as it is on rank 0; elsewhere it becomes a new block,
 *  to be freed with memory_free(). Collective. */
Status world_broadcast_text(const World *world, char **text, Error *error);

/** Element-wise sums over all ranks, on every rank. Collective. For doubles, exact and the same for any number of
 *  ranks only when each element is non-zero on one rank at the most: that is how linnet uses it. */
void world_sum_doubles(const World *world, double *values, size_t count);
void world_sum_integers(const World *world, int64_t *values, size_t count);
void world_max_integers(const World *world, int64_t *values, size_t count);
/** Seconds of the rank that has most, to the nanosecond, on every rank. Collective. */
double world_slowest(const World *world, double seconds);

#endif
