#ifndef LINNET_REDUCTION_H
#define LINNET_REDUCTION_H
/** The ordered reduction: the units' gradients summed along one fixed tree (tree.h) over all ranks, each part
 *  arriving at the rank that owns it.
 *
 *  A *slot* is an array of floats that holds one node's sum; it is cut into *buckets*, and each bucket into
 *  *blocks* of a fixed number of floats (the last may be shorter). Blocks are dealt to the ranks in runs: a rank
 *  owns its run of every bucket. One update goes
 *
 *   reduction_begin()                     units of this window, lengths of the buckets
 *   per unit:  write reduction_slot(), a bucket at a time, then reduction_bucket_done() for each
 *   reduction_finish()                    the sums of owned parts lie in reduction_result()
 *
 *  A bucket is sent as soon as this rank's last unit has finished it, while the backward pass goes on with the
 *  next. A neighbour on the same node reads it where it lies, others get it by message. Every addition is float32,
 *  in the tree's order: the result has the same bits for any number of ranks, nodes and threads. Also gathered on
 *  the way: the sum of squares of every owned block. */
#include "linnet/error.h"
#include "linnet/world.h"

typedef struct Reduction Reduction;

/** A bucket of a slot, as it is at this update. */
typedef struct {
    size_t start;  /**< floats from the slot's start */
    size_t length; /**< floats; may be 0 */
    size_t block;  /**< floats a block */
    size_t *cuts;  /**< [ranks + 1] or NULL: rank r owns blocks cuts[r] … cuts[r + 1] − 1; NULL = dealt evenly.
                        Borrowed. */
} Bucket;

/** Bytes that reduction_create() will share with the node on this rank. */
size_t reduction_shared_bytes(const World *world, int units, size_t slot_length);

/** Room for slots of `slot_length` floats cut into `buckets` buckets of together at most `blocks` blocks, each of
 *  at most `block` floats, for windows of at most `units` units. Collective. */
Status reduction_create(Reduction **reduction, const World *world, int units, size_t buckets, size_t slot_length,
                        size_t blocks, size_t block, Error *error);

/** Collective; NULL is fine. */
void reduction_destroy(Reduction *reduction);

/** Set the buckets without starting an update, so that reduction_owned() can be asked. Not collective. */
void reduction_plan(Reduction *reduction, const Bucket *buckets);

/** Start an update in which `units` ≥ 1 units take part (dealt to the ranks by world_deal()). buckets [buckets] is
 *  copied. Posts the receives. Not collective itself, but every rank must call it with the same values. */
void reduction_begin(Reduction *reduction, int units, const Bucket *buckets);

/** This rank's run of units in this update. */
int reduction_first_unit(const Reduction *reduction);
int reduction_unit_count(const Reduction *reduction);

/** Where the gradient of this rank's unit now under way is to be written, [slot_length]; what is there is old. */
float *reduction_slot(Reduction *reduction);

/** The unit under way has finished a bucket: join it with its left neighbours as far as the tree says, and send it
 *  if this was this rank's last unit. Each bucket once a unit, all ranks in the same order of buckets. */
void reduction_bucket_done(Reduction *reduction, size_t bucket);

/** The unit under way is whole: go on to the next. */
void reduction_unit_done(Reduction *reduction);

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
 *  own. Not collective, but no rank may be reading another's slots. */
void reduction_forget(Reduction *reduction);

/** Seconds spent waiting for other ranks since the start. */
double reduction_waited(const Reduction *reduction);

/** Bring `values` (shared by the node, laid out like a slot; node rank 0's block on all ranks of a node) up to
 *  date on all nodes: each rank has written its owned parts of buckets first … first + count − 1. Returns when
 *  this node has all. Collective. */
void reduction_distribute(Reduction *reduction, float *values, size_t first, size_t count);

#endif
