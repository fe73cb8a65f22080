#ifndef LINNET_COMM_SHARED_H
#define LINNET_COMM_SHARED_H
/** Memory that the ranks of one node share (an MPI shared-memory window), so that a node holds the parameters once and
 *  its ranks read each other's gradients where they lie. Zero-filled; pages that were never touched take no memory. */
#include "linnet/comm/world.h"
#include "linnet/core/error.h"

typedef struct Shared Shared;

/** Allocate a block of `bytes` (may be 0) for this rank, visible to its node; plain memory where the node has one rank.
 *  The world is borrowed. STATUS_FAILURE when memory is short, on all ranks; an error that a rank's *error holds
 *  already counts as well. Collective over the world. */
Status shared_create(Shared **shared, const World *world, size_t bytes, Error *error);

/** The block of the node's rank `node_rank`, 64-byte aligned. Not collective. */
void *shared_block(const Shared *shared, int node_rank);

/** Make this rank's writes visible to the node and the node's to it; used with a message or barrier that orders them.
 *  Not collective. */
void shared_fence(const Shared *shared);

/** Ready flags: a block of them for each rank of a node says how far it is, for the others to see. A flag holds the
 *  number of the last update in which its rank was ready, 0 at the start. What a rank wrote to shared memory before it
 *  set its flag can be read by a rank that has seen the flag. */
typedef _Atomic uint64_t ReadyFlag;

/** Set this rank's flag `index` to `update`. Not collective. */
void ready_flag_set(const Shared *flags, size_t index, uint64_t update);

/** Whether flag `index` of every rank of the node has reached `update`. Not collective. */
bool ready_flags_all(const Shared *flags, size_t index, uint64_t update);

/** Give the memory of this rank's block back to the system until it is written again; what it holds is lost. Not
 *  collective. */
void shared_discard(Shared *shared);

/** Collective over the world; NULL is fine. */
void shared_destroy(Shared *shared);

/** Choose whether the ranks of a node share memory, of which a node needs `bytes`. They do not when
 *  LINNET_SHARED_MEMORY=0 is set on any rank, or the system's shared memory or the limit of file sizes is too small
 *  (a container's /dev/shm may be, and a page that finds no room there kills the process): then every rank becomes a node of its own
 *  (world_isolate()). Called before anything is shared. Collective. */
void shared_choose(World *world, size_t bytes);

#endif
