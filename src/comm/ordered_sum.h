#ifndef LINNET_COMM_ORDERED_SUM_H
#define LINNET_COMM_ORDERED_SUM_H
/* Sums along the tree over an update's units, of terms that lie in the gradient buffers of this rank's node or have
 * come from other nodes. Every addition in float32, in the tree's order. Not collective. */
#include "comm/tree_pieces.h"
#include "linnet/comm/shared.h"

typedef struct {
    const World *world;            /* borrowed, like the next two and `received` */
    const ReductionLayout *layout; /* who owns what */
    const TreePieces *pieces;      /* the terms of this update */
    Shared *buffers;               /* the gradient buffers of every rank of the node */
    size_t buffer_length;          /* floats */
    double *squares;               /* [blocks of all buckets] sums of squares of this rank's own */
    const void *received;          /* floats or bf16: terms that have come from other nodes */
    size_t *received_at;           /* [term_count] the first element in `received` of a term from another node */
    float *temporaries;            /* [threads][thread_floats] */
    size_t thread_floats, block_max;
    double seconds; /* spent summing since the start */
} OrderedSum;

/* A sum over units unit … unit + count − 1, of floats first … first + length − 1 of a gradient buffer. */
typedef struct {
    int unit, count;
    size_t from; /* the first of its terms */
    size_t first, length, block;
    size_t before;   /* floats of this rank's parts of earlier buckets: where received terms have this bucket */
    bool bf16;       /* round the sum */
    void *into;      /* [length] floats, or bf16 */
    double *squares; /* one a block, or NULL */
} Sum;

/* Allocate what needs no other rank for sums of at most `units` units, in at most `blocks` blocks of at most
 * `block_max` floats; the caller sets buffers and buffer_length. world, layout and pieces are set. STATUS_FAILURE when
 * memory is short; ordered_sum_free(), collective because of the buffers, frees what there is. */
Status ordered_sum_create(OrderedSum *sum, int units, size_t blocks, size_t block_max, Error *error);
void ordered_sum_free(OrderedSum *sum);

/* Sum, over the threads. */
void ordered_sum(OrderedSum *sum, const Sum *what);

/* Sum this rank's part of a bucket, whose terms are all there, into its gradient buffer 0, and set the squares. */
void ordered_sum_owned(OrderedSum *sum, size_t bucket);

/* Gradient buffer `number` (from 0) of rank `node_rank` of this node. Borrowed. */
float *ordered_sum_buffer(const OrderedSum *sum, int node_rank, int number);

#endif
