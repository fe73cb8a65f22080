#ifndef LINNET_COMM_REDUCTION_PRIVATE_H
#define LINNET_COMM_REDUCTION_PRIVATE_H
/* The state of a reduction, shared by
 *
 *    reduction.c        slots, the tree's sums, who owns what
 *    reduce_scatter.c         the ordered kind's gradients, from the ranks to the owners
 *    all_gather.c           values, from the owners to all
 *    all_reduce_mpi.c    the MPI kind */
#include "comm/messages.h"
#include "linnet/comm/reduction.h"
#include "linnet/comm/shared.h"
#include "linnet/comm/tree.h"
#include <stdatomic.h>

/* What becomes of a bucket in the course of an update. */
typedef struct {
    bool announced; /* this rank's sums are final */
    bool sent;      /* so are the node's: what other nodes' owners need of them is on its way */
    int missing;    /* messages from other nodes that have not arrived */
    bool summed;
    bool written; /* the owned part of the new values */
    int coming;   /* messages with other nodes' parts of them that have not arrived */
    bool there;   /* all of them */
} BucketState;

/* How far a rank is with each bucket, for its neighbours to see: the number of the update, once it is so far. */
typedef _Atomic uint64_t ReadyFlag;

struct Reduction {
    const World *world; /* borrowed */
    ReductionRule rule;
    size_t buckets, buffer_length, block_max;
    int buffers;            /* this rank has */
    Shared *shared;         /* every rank's slots */
    float *mine;            /* slot i at mine + i · buffer_length */
    Shared *ready_flags;    /* every rank's: [buckets] of gradients, [buckets] of values */
    int *member;            /* [ranks] by node and rank in it */
    int *first_member;      /* [nodes + 1] */
    float *temporaries;     /* per thread, tree depth × block_max */
    size_t temporary_count; /* floats a thread */
    int threads;
    double *squares;
    double waited, summing; /* seconds: for other ranks, and of this rank's own sums */

    /* this update */
    uint64_t update; /* counted from 1 */
    int units, first_unit, unit_count;
    int unit;            /* of the run, counted from 0, that the subtree under way starts with */
    int count;           /* its units */
    int height;          /* sums on the stack */
    int joins;           /* that the subtree under way causes */
    Bucket *bucket;      /* [buckets] */
    size_t *first_block; /* [buckets + 1] */
    BucketState *state;  /* [buckets] */
    size_t unsummed;

    /* gradients */
    TreeNode *nodes; /* [node_count] ascending by unit: those of the node's ranks in their slots, and other nodes' sums,
                             whose rank is the node leader and whose slot counts them */
    size_t *node_receive; /* [node_count] where in `receive` (elements) another node's pieces start */
    size_t node_count;
    TreeNode *outgoing;    /* [outgoing_count] what this node sends */
    size_t *outgoing_from; /* [outgoing_count] the first of `nodes` that each is made of */
    size_t outgoing_count;
    Messages gradients;
    void *receive, *stage;           /* pieces from other nodes, and for them */
    size_t receive_room, stage_room; /* bytes there */
    size_t staged;                   /* bytes in use */

    /* values */
    uint64_t gathering; /* number of the update whose values are or were under way; 0 = none */
    float *values;      /* borrowed */
    size_t gathered;    /* buckets */
    Messages parameters;
};

/* A sum along the tree over units unit … unit + count − 1, of floats first … first + length − 1 of a slot. */
typedef struct {
    int unit, count;
    size_t from; /* the first of Reduction.nodes that it is made of */
    size_t first, length, block;
    size_t before;       /* floats of this rank's parts of earlier buckets: where received pieces are */
    float *into;         /* [length], or NULL */
    uint16_t *into_bf16; /* [length], or NULL */
    double *squares;     /* a block each, or NULL */
} Sum;
void reduction_add_up(Reduction *reduction, const Sum *sum);

/* Floats of this rank's parts of the buckets before one. */
size_t reduction_before(const Reduction *reduction, size_t bucket);

/* Sum the owned part of a bucket whose pieces are all there. */
void reduction_sum(Reduction *reduction, size_t bucket);

bool reduction_is_neighbour(const Reduction *reduction, int rank);

/* The rank of `node` that sends and receives for it what belongs to `owner`, a rank elsewhere. */
int reduction_node_leader(const Reduction *reduction, int node, int owner);

/* One of a rank's signs; `kind` 0: gradients, 1: values. */
ReadyFlag *reduction_ready_flag(const Reduction *reduction, int node_rank, int kind, size_t bucket);

/* Whether all ranks of the node show at least `update`. */
bool reduction_node_shows(const Reduction *reduction, int kind, size_t bucket, uint64_t update);

/* Find this update's pieces and post its receives; tell that this rank's sums of a bucket are final; send, take and sum
 * what can be; wait until all is summed and sent. */
void reduce_scatter_begin(Reduction *reduction);
void reduce_scatter_bucket_ready(Reduction *reduction, size_t bucket);
void reduce_scatter_progress(Reduction *reduction);
void reduce_scatter_finish(Reduction *reduction);

/* Pass values on that have arrived. */
void all_gather_progress(Reduction *reduction);

/* The MPI kind: sum all buckets over the ranks. */
void reduction_mpi_finish(Reduction *reduction);

#endif
