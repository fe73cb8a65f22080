#ifndef LINNET_COMM_REDUCTION_H
#define LINNET_COMM_REDUCTION_H
/** Summing the units' gradients over all ranks, and bringing the new values to all: an all-reduce in two halves, with
 *  the update between them. The reduce-scatter gives each rank the sums of the part that it owns; the rank updates that
 *  part; the all-gather gives all parts to all ranks.
 *
 *  A *gradient buffer* is an array of floats that holds one sum. It is divided into *buckets*, and each bucket into
 *  *blocks* (reduction_kind.h), of which each rank owns a run. One update goes
 *
 *   reduction_begin()                     units of this global batch, lengths of the buckets
 *   per subtree of this rank's units, in order:
 *     reduction_subtree_begin(); write its sum to reduction_gradient_buffer(), a bucket at a time, with
 *     reduction_bucket_done() for each; reduction_subtree_done()
 *   reduction_finish()                    the sums of owned parts lie in reduction_result()
 *   reduction_all_gather_begin()          owners are about to write new values
 *   per bucket: write the owned part of the values, then reduction_all_gather_bucket()
 *   reduction_all_gather_await()          before a bucket is read; reduction_all_gather_end() for all of them
 *
 *  **REDUCTION_ORDERED** sums along one fixed tree (tree.h), every addition in float32 and in the tree's order: the
 *  result has the same bits for any number of ranks, nodes and threads. It has two levels. The ranks of a node read
 *  each other's gradient buffers where they lie. For every owner on another node one rank of the node, its *node
 *  leader*, sums what the node's ranks hold (the largest subtrees inside a run of neighbouring ranks) and sends that: a
 *  node sends each float once for each such subtree, however many ranks it has. On the way back an owner sends its part
 *  once to each other node, to its node leader there, which receives it into the memory that the node shares.
 *
 *  With `overlap` a bucket is sent as soon as the node's ranks have finished it, while the backward pass continues with
 *  the next, and new values are received while the next forward pass goes through the buckets before them. Messages
 *  move when a rank calls MPI: it has to call reduction_poll() many times a pass.
 *
 *  **REDUCTION_MPI** is one MPI_Allreduce a bucket, after the backward pass: the same sums in an order that MPI
 *  chooses, so that the last bits depend on the number of ranks. The way back is the same.
 *
 *  The reduction also takes the sum of squares of every owned block. */
#include "linnet/comm/reduction_kind.h"
#include "linnet/comm/world.h"
#include "linnet/core/error.h"

typedef struct Reduction Reduction;

/** Bytes of this rank's gradient buffers of `buffer_length` floats, which reduction_create() shares with the node (and
 *  16 a bucket more). Not collective. */
size_t reduction_shared_bytes(const World *world, const ReductionRule *rule, size_t buffer_length);

/** Gradient buffers of `buffer_length` floats, divided into `buckets` buckets of together at most `blocks` blocks of at
 *  most `block` floats. The world is borrowed. Collective. */
Status reduction_create(Reduction **reduction, const World *world, const ReductionRule *rule, size_t buckets,
                        size_t buffer_length, size_t blocks, size_t block, Error *error);

/** Not during an update. Awaits values that are still under way, whose memory must not be freed before. NULL is fine.
 *  Collective. */
void reduction_destroy(Reduction *reduction);

/** Set the buckets without starting an update, so that reduction_part_of() can be asked. Not collective. */
void reduction_plan(Reduction *reduction, const Bucket *buckets);

/** Start an update of `units` ≥ 1 units, of which each rank has an even_part() (integers.h). buckets [buckets] is
 *  copied. Posts the receives. Not collective itself, but every rank must call it with the same values. New values of
 *  the update before may still be under way. */
void reduction_begin(Reduction *reduction, int units, const Bucket *buckets);

/** The caller sums the next `count` of this rank's units along the tree, of which they are a subtree (tree_is_node());
 *  `count` = 1 is a single unit. With rule.unsplit it must be the largest subtree of this rank's units that starts
 *  here. */
void reduction_subtree_begin(Reduction *reduction, int count);

/** Where the caller writes the sum of the subtree under way, [buffer_length]; it holds old values. */
float *reduction_gradient_buffer(Reduction *reduction);

/** The caller has finished a bucket of the subtree under way: add it to the subtrees left of it as far as the tree
 *  says, and let it be read and sent if this subtree is the rank's last. Each bucket once a subtree, all ranks in the
 *  same order of buckets. */
void reduction_bucket_done(Reduction *reduction, size_t bucket);

/** The caller has finished all buckets of the subtree under way. */
void reduction_subtree_done(Reduction *reduction);

/** Wait until every owned part is summed and this rank's messages are sent. Not a barrier: neighbours may still read
 *  this rank's gradient buffers, so the caller must pass a collective call on the node before it writes to them
 *  again. */
void reduction_finish(Reduction *reduction);

/** The sums: a gradient buffer in which the owned parts are valid. Borrowed. */
float *reduction_result(Reduction *reduction);

/** First float (from the gradient buffer's start) and length of a rank's part of a bucket. */
void reduction_part_of(const Reduction *reduction, size_t bucket, int rank, size_t *first, size_t *length);

/** squares[i] = Σ x² over block i of the complete gradient, counted through the buckets in order; non-zero only for
 *  blocks that this rank owns. Valid after reduction_finish(). Borrowed; the caller sums them over the ranks in
 *  place. */
double *reduction_squares(Reduction *reduction);

/** Number of the first block of a bucket in that count; behind the last bucket, the number of blocks. */
size_t reduction_first_block(const Reduction *reduction, size_t bucket);

/** Between updates: give the memory of the gradient buffers back to the system until the next update writes to it,
 *  since a save needs memory of its own. Does nothing where neighbours send from these buffers. Not collective, but no
 *  rank may be reading another's gradient buffers. */
void reduction_discard(Reduction *reduction);

/** Let messages of gradients and of values move and, outside of parallel regions, sum what has arrived. Called by the
 *  thread that started MPI; nearly free where there is one node or no overlap. Not collective. */
void reduction_poll(Reduction *reduction);

/** Seconds spent waiting for gradients and values of other ranks since reduction_create(): without this rank's own
 *  sums, but with those that MPI makes in its call (REDUCTION_MPI). */
double reduction_waited(const Reduction *reduction);

/** What this rank has sent to other nodes since reduction_create(), without what MPI_Allreduce sends. */
typedef struct {
    int64_t gradient_messages, gradient_bytes;
    int64_t value_messages, value_bytes;
} ReductionSent;
ReductionSent reduction_sent(const Reduction *reduction);

/** Owners will write new values of the first `buckets` buckets to `values`, which the node shares and which is laid out
 *  like a gradient buffer: node rank 0's block on all ranks of a node. Posts the receives into it, so no rank of the
 *  node may be reading it. The all-gather before must have ended. Not collective itself, but every rank must call it,
 *  after a collective call since the last values were read. */
void reduction_all_gather_begin(Reduction *reduction, float *values, size_t buckets);

/** This rank's part of a bucket is written: send it to the other nodes and let neighbours read it. Each bucket once, in
 *  any order. */
void reduction_all_gather_bucket(Reduction *reduction, size_t bucket);

/** Return when all values of a bucket are there; at once before the first update, or when the bucket was awaited
 *  before. Every rank of the node must come here, or to reduction_all_gather_end(), before it enters a collective call:
 *  a rank passes on what it receives for its node only in calls of its own, and the others would never reach that
 *  collective. */
void reduction_all_gather_await(Reduction *reduction, size_t bucket);

/** Await all buckets and the end of this rank's sending. */
void reduction_all_gather_end(Reduction *reduction);

#endif
