#ifndef LINNET_REDUCTION_PRIVATE_H
#define LINNET_REDUCTION_PRIVATE_H
/* The state of an ordered reduction, shared by reduction.c (slots, sums) and exchange.c (messages). */
#include "linnet/reduction.h"
#include "linnet/shared.h"
#include "linnet/tree.h"

/* What becomes of a bucket in the course of an update. */
typedef struct {
    int missing;    /* messages that have not arrived */
    bool announced; /* this rank's nodes are final */
    bool summed;
} BucketState;

struct Reduction {
    const World *world; /* borrowed */
    int units_max;
    size_t buckets, slot_length, block_max;
    int slots;              /* this rank has */
    Shared *shared;         /* every rank's slots */
    float *mine;            /* slot i at mine + i · slot_length */
    float *receive;         /* remote nodes' pieces of owned parts */
    size_t receive_room;    /* floats there */
    float *temporaries;     /* per thread, tree depth × block_max */
    size_t temporary_count; /* floats a thread */
    int threads;
    double *squares;

    /* this update */
    int units, first_unit, unit_count;
    int unit;             /* under way, counted from 0 within the run */
    int height;           /* nodes on the stack */
    int joins;            /* that the unit under way causes */
    Bucket *bucket;       /* [buckets] */
    size_t *first_block;  /* [buckets + 1] */
    TreeNode *nodes;      /* [node_count] of all ranks, ascending by unit */
    size_t *node_receive; /* [node_count] where in `receive` a remote node's pieces start */
    size_t node_count;
    BucketState *state; /* [buckets] */
    size_t unsummed;

    /* messages */
    MPI_Request *receives, *sends;
    int *receive_bucket; /* which bucket a receive is for */
    int *arrived;        /* scratch for MPI_Testsome */
    int receive_count, send_count;
    int receive_max, send_max;
    double waited; /* seconds */
};

/* Number of nodes that a rank holds in this update. */
int reduction_rank_nodes(const Reduction *reduction, int rank);

/* Sum the owned part of a bucket whose pieces are all there. */
void reduction_sum(Reduction *reduction, size_t bucket);

/* Post this update's receives; send a finished bucket; take what has arrived (or wait for some) and sum it; end
 * all sends. */
void exchange_begin(Reduction *reduction);
void exchange_announce(Reduction *reduction, size_t bucket);
void exchange_progress(Reduction *reduction, bool wait);
void exchange_end(Reduction *reduction);

/* The most receives, and sends, that an update can have on this rank. */
void exchange_limits(const World *world, size_t buckets, int units, int slots, int *receives, int *sends);

#endif
