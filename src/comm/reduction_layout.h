#ifndef LINNET_COMM_REDUCTION_LAYOUT_H
#define LINNET_COMM_REDUCTION_LAYOUT_H
/* Who owns which part of a bucket, and which rank of a node, its node leader, sends and receives for an owner on
 * another node. Not collective; calls no MPI. */
#include "linnet/comm/reduction_kind.h"
#include "linnet/core/error.h"

typedef struct {
    int rank, ranks, nodes;
    const int *node_of; /* [ranks] each rank's node. Borrowed */
    int *member;        /* [ranks] the ranks of node 0, of node 1, … */
    int *first_member;  /* [nodes + 1] where a node's ranks start in `member` */
    size_t buckets;
    Bucket *bucket;      /* [buckets] */
    size_t *first_block; /* [buckets + 1] the number of a bucket's first block, counted through all buckets */
} ReductionLayout;

/* `rank` is this rank. STATUS_FAILURE when memory is short; layout_free() frees what was allocated. */
Status layout_create(ReductionLayout *layout, int rank, int ranks, int nodes, const int *node_of, size_t buckets,
                     Error *error);
void layout_free(ReductionLayout *layout);

/* Copy the buckets of an update, [layout->buckets]. */
void layout_set_buckets(ReductionLayout *layout, const Bucket *buckets);

size_t bucket_blocks(const Bucket *bucket);

/* First float (from the gradient buffer's start) and length of a rank's part of a bucket. */
void layout_part(const ReductionLayout *layout, size_t bucket, int rank, size_t *first, size_t *length);

/* Floats of this rank's parts of the buckets before one. */
size_t layout_before(const ReductionLayout *layout, size_t bucket);

/* Whether a rank is on this rank's node. */
bool layout_is_neighbour(const ReductionLayout *layout, int rank);

/* The rank of `node` that sends and receives for it what belongs to `owner`, a rank of another node. */
int layout_node_leader(const ReductionLayout *layout, int node, int owner);

/* Whether this rank is its node's leader for `owner`, on another node. */
bool layout_leads(const ReductionLayout *layout, int owner);

#endif
