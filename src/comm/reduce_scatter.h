#ifndef LINNET_COMM_REDUCE_SCATTER_H
#define LINNET_COMM_REDUCE_SCATTER_H
/* The reduce-scatter of REDUCTION_ORDERED: gradients go from all ranks to the owners, on two levels. Not collective,
 * but every rank has to take part in each update. */
#include "comm/messages.h"
#include "comm/ordered_sum.h"

/* A bucket in the course of an update. */
typedef struct {
    bool ready;   /* this rank's sums are final */
    bool sent;    /* so are those of its node: what owners on other nodes need of them is on its way */
    bool summed;  /* this rank's part is summed */
    int expected; /* messages from other nodes that have not arrived */
} GradientState;

typedef struct {
    const World *world;            /* borrowed, like the next three */
    const ReductionLayout *layout; /* who owns what */
    const TreePieces *pieces;      /* what to send and to receive */
    OrderedSum *sum;
    bool overlap;         /* send and receive during the passes */
    Shared *flags;        /* ready flags: a rank's sums of a bucket are final */
    GradientState *state; /* [buckets] */
    size_t unsummed;      /* buckets */
    uint64_t update;      /* the number of this update */
    Messages messages;
    char *data;        /* terms from other nodes, and behind them the sums made for them */
    size_t room, used; /* bytes of it: allocated, and in use */
} ReduceScatter;

/* The sum, with its world, layout and pieces, is borrowed. Collective. */
Status reduce_scatter_create(ReduceScatter *scatter, OrderedSum *sum, bool overlap, Error *error);
void reduce_scatter_destroy(ReduceScatter *scatter);

/* Begin an update: post the receives of the terms that `pieces` says. A rank without units is ready at once. */
void reduce_scatter_begin(ReduceScatter *scatter, uint64_t update, bool idle);

/* This rank's sums of a bucket are final. */
void reduce_scatter_bucket_ready(ReduceScatter *scatter, size_t bucket);

/* Send, receive and sum what can be by now. */
void reduce_scatter_progress(ReduceScatter *scatter);

/* Wait until this rank's part is summed and everything is sent. */
void reduce_scatter_finish(ReduceScatter *scatter);

#endif
