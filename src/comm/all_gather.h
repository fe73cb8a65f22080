#ifndef LINNET_COMM_ALL_GATHER_H
#define LINNET_COMM_ALL_GATHER_H
/* The all-gather: new values go from the owners to all ranks. An owner sends its part once to each other node, where
 * its node leader receives it into the node's shared memory. Not collective, but every rank has to take part. */
#include "comm/messages.h"
#include "comm/reduction_layout.h"
#include "linnet/comm/shared.h"

/* A bucket in the course of an update. */
typedef struct {
    bool written; /* this rank has written its part */
    int expected; /* messages with other nodes' parts that have not arrived */
    bool awaited; /* all parts have been found there */
} ValueState;

typedef struct {
    const World *world;            /* borrowed, like the layout */
    const ReductionLayout *layout; /* who owns what */
    Shared *flags;     /* ready flags: a rank's part of a bucket, and what it receives for its node, is there */
    ValueState *state; /* [buckets] */
    uint64_t update;   /* whose values are or were under way; 0 = none */
    float *values;     /* borrowed */
    size_t buckets;    /* under way */
    Messages messages;
    double waited; /* seconds since the start */
} AllGather;

/* See reduction_all_gather_begin() and the functions behind it. Creating it is collective. */
Status all_gather_create(AllGather *gather, const World *world, const ReductionLayout *layout, Error *error);
void all_gather_destroy(AllGather *gather);
void all_gather_begin(AllGather *gather, uint64_t update, float *values, size_t buckets);
void all_gather_bucket(AllGather *gather, size_t bucket);
void all_gather_await(AllGather *gather, size_t bucket);
void all_gather_end(AllGather *gather);

/* Let messages move, and show the neighbours what has arrived for them. */
void all_gather_progress(AllGather *gather);

#endif
