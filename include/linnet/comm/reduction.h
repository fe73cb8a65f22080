#ifndef LINNET_COMM_REDUCTION_H
#define LINNET_COMM_REDUCTION_H
/** Summing the units' gradients over all ranks, each part arriving at the rank that owns it, and bringing what the
 *  owners made of it back to all: an all-reduce in two halves (reduce-scatter, all-gather) with the update between
 *  them.
 *
 *  A *slot* is an array of floats that holds one sum; it is cut into *buckets*, and each bucket into *blocks* of a
 *  fixed number of floats (the last may be shorter). Blocks are dealt to the ranks in runs: a rank owns its run of
 *  every bucket. One update goes
 *
 *   reduction_begin()                     units of this global batch, lengths of the buckets
 *   per subtree of this rank's units, in order:
 *     reduction_subtree_begin(); write its sum to reduction_gradient_buffer(), a bucket at a time, then reduction_bucket_done()
 *     for each; reduction_subtree_done()
 *   reduction_finish()                    the sums of owned parts lie in reduction_result()
 *   reduction_all_gather_begin()              owners are about to write new values
 *   per bucket: write the owned part of the values, then reduction_all_gather_bucket()
 *   reduction_all_gather_await()              before a bucket is read; reduction_all_gather_end() for all of them
 *
 *  **The ordered kind** sums along one fixed tree (tree.h), every addition in float32 and in the tree's order: the
 *  result has the same bits for any number of ranks, nodes and threads. It has two levels. The ranks of a node read one
 *  another's slots where they lie. For every owner elsewhere one rank of the node, its *node leader*, sums what the node's
 *  ranks hold (the largest subtrees inside a run of neighbouring ranks) and sends that: a node sends each float once
 *  for each such subtree, however many ranks it has. On the way back an owner sends its part once to each node, to its
 *  node leader there, which receives it into the memory that the node shares.
 *
 *  With `overlap` a bucket is sent as soon as the node's ranks have finished it, while the backward pass goes on with
 *  the next, and new values are received while the next forward pass goes through the buckets before them. Messages
 *  move when a rank calls in: reduction_poll() is for that, many times a pass.
 *
 *  **The MPI kind** is MPI_Allreduce a bucket, when the backward pass is over: the same sums in an order that MPI
 *  chooses, so that the last bits depend on the number of ranks. The way back is the same.
 *
 *  Also gathered on the way: the sum of squares of every owned block. */
#include "linnet/comm/reduction_kind.h"
#include "linnet/comm/world.h"
#include "linnet/core/error.h"

/** `bf16`, of the ordered kind: what nodes send one another is rounded to bfloat16, half the bytes; the result then
 *  depends on which ranks share a node. `overlap`: send and receive during the passes, else between them. */
typedef struct {
    int units; /**< of a global batch, at most */
    ReductionKind kind;
    bool bf16, overlap;
    bool whole; /**< a rank always gives the largest subtrees of its units, which takes fewer slots */
} ReductionRule;

typedef struct Reduction Reduction;

/** A bucket of a slot, as it is at this update. */
typedef struct {
    size_t start;  /**< floats from the slot's start */
    size_t length; /**< floats; may be 0 */
    size_t block;  /**< floats a block */
    size_t *cuts;  /**< [ranks + 1] or NULL: rank r owns blocks cuts[r] … cuts[r + 1] − 1; NULL = dealt evenly.
                        Borrowed. */
} Bucket;

/** Bytes of this rank's slots, which reduction_create() shares with the node (and 16 a bucket more). */
size_t reduction_shared_bytes(const World *world, const ReductionRule *rule, size_t buffer_length);

/** Room for slots of `buffer_length` floats cut into `buckets` buckets of together at most `blocks` blocks, each of
 *  at most `block` floats. Collective. */
Status reduction_create(Reduction **reduction, const World *world, const ReductionRule *rule, size_t buckets,
                        size_t buffer_length, size_t blocks, size_t block, Error *error);

/** Not during an update; values still under way are awaited, so their memory has to be there. Collective; NULL is
 *  fine. */
void reduction_destroy(Reduction *reduction);

/** Set the buckets without starting an update, so that reduction_owned() can be asked. Not collective. */
void reduction_plan(Reduction *reduction, const Bucket *buckets);

/** Start an update in which `units` ≥ 1 units take part (dealt to the ranks by world_deal()). buckets [buckets] is
 *  copied. Posts the receives. Not collective itself, but every rank must call it with the same values. New values of
 *  the update before may still be under way. */
void reduction_begin(Reduction *reduction, int units, const Bucket *buckets);

/** This rank's run of units in this update. */
int reduction_first_unit(const Reduction *reduction);
int reduction_unit_count(const Reduction *reduction);

/** The next `count` of this rank's units, a subtree of the tree over all (tree_is_node()), are summed by the caller
 *  along it: `count` = 1 is a unit by itself. With rule.whole, no larger subtree may be among this rank's units. */
void reduction_subtree_begin(Reduction *reduction, int count);

/** Where the sum of the subtree under way is to be written, [buffer_length]; what is there is old. */
float *reduction_gradient_buffer(Reduction *reduction);

/** The subtree under way has finished a bucket: join it with its left neighbours as far as the tree says, and let it be
 *  read and sent if this was this rank's last. Each bucket once a subtree, all ranks in the same order of buckets. */
void reduction_bucket_done(Reduction *reduction, size_t bucket);

/** The subtree under way is whole. */
void reduction_subtree_done(Reduction *reduction);

/** Wait until every owned part is summed. Returns with all messages of this update done. Not a barrier: neighbours
 *  may still read this rank's slots; the caller has to pass a collective call on the node before it writes to a
 *  slot again. */
void reduction_finish(Reduction *reduction);

/** The sums: a slot in which the owned parts are valid. */
float *reduction_result(Reduction *reduction);

/** First float (from the slot's start) and length of this rank's part of a bucket. */
void reduction_owned(const Reduction *reduction, size_t bucket, size_t *first, size_t *length);

/** The same of any rank. */
void reduction_part_of(const Reduction *reduction, size_t bucket, int rank, size_t *first, size_t *length);

/** squares[i] = Σ x² over block i of the whole slot, counted through the buckets in order; non-zero only for
 *  blocks this rank owns. [reduction_blocks()] doubles, valid after reduction_finish(). Borrowed; the caller sums
 *  it over ranks in place. */
double *reduction_squares(Reduction *reduction);
size_t reduction_blocks(const Reduction *reduction);

/** Number of the first block of a bucket in that count. */
size_t reduction_first_block(const Reduction *reduction, size_t bucket);

/** Between updates: give the slots' memory back until the next one writes it, since saving needs memory of its
 *  own; not where neighbours send from them. Not collective, but no rank may be reading another's slots. */
void reduction_discard(Reduction *reduction);

/** Let messages move, of gradients and of values, and outside of parallel regions sum what has arrived. By the thread
 *  that started MPI; nearly free where there is one node or no overlap. Not collective. */
void reduction_poll(Reduction *reduction);

/** Seconds spent waiting for other ranks since the start, for gradients and for values: without this rank's own sums,
 *  but with those that MPI does in its call (REDUCTION_MPI). */
double reduction_waited(const Reduction *reduction);

/** Owners will write new `values` (shared by the node, laid out like a slot; node rank 0's block on all ranks of a
 *  node) of the first `buckets` buckets. Posts the receives into them: no rank of the node may be reading them. What
 *  was under way before has to be at its end. Not collective itself, but every rank must call it, after a collective
 *  call since the last values were read. */
void reduction_all_gather_begin(Reduction *reduction, float *values, size_t buckets);

/** This rank's part of a bucket is written: send it to the other nodes and let neighbours read it. Once a bucket, in
 *  any order. */
void reduction_all_gather_bucket(Reduction *reduction, size_t bucket);

/** Return when all of a bucket's values are there; at once when no update has begun yet, or it was awaited before.
 *  Every rank of the node must come here, or to reduction_all_gather_end(), before it enters a collective call that would
 *  keep others from coming: what a rank receives for its node is passed on by calls of its own. */
void reduction_all_gather_await(Reduction *reduction, size_t bucket);

/** Await all buckets and the end of this rank's sending. */
void reduction_all_gather_end(Reduction *reduction);

#endif
