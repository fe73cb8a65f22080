#ifndef LINNET_COMM_SHARED_H
#define LINNET_COMM_SHARED_H
/** Memory that the ranks of one node share (an MPI shared-memory window), so that parameters lie once a node and a
 *  neighbour's gradient is read where it is. Zero-filled; pages never touched take no memory. */
#include "linnet/comm/world.h"
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct Shared Shared;

/** A block of `bytes` for this rank (may be 0), visible to its node. Where the node has one rank it is plain
 *  memory. STATUS_FAILURE when memory is short. Collective over the world (it agrees on the error). */
Status shared_create(Shared **shared, const World *world, size_t bytes, Error *error);

/** The block of the node's rank `node_rank`, 64-byte aligned. Not collective. */
void *shared_block(const Shared *shared, int node_rank);

/** Make this rank's writes visible to the node and the node's to it; goes with a message or barrier that orders
 *  them. Not collective. */
void shared_fence(const Shared *shared);

/** Give this rank's block back to the system until it is written again; what it holds is lost. Not collective. */
void shared_discard(Shared *shared);

/** Collective over the world; NULL is fine. */
void shared_destroy(Shared *shared);

/** Decide whether the ranks of a node share memory, `bytes` of it a node: not where the system's shared memory is
 *  too small for that (a container's /dev/shm may be, and a page that finds no room there kills the process) or
 *  LINNET_SHARED_MEMORY=0 is set on any rank. Then every rank becomes a node of its own (world_isolate()). Before
 *  anything is shared. Collective. */
Status shared_choose(World *world, size_t bytes, Error *error);

#endif
