#ifndef LINNET_COMM_REDUCTION_COUNTS_H
#define LINNET_COMM_REDUCTION_COUNTS_H
/** What one update of a reduction (reduction.h) sends, adds and allocates, found by the code that the update
 *  itself uses: for `linnet plan`, before there is a job. Nothing here is collective or calls MPI. */
#include "linnet/comm/reduction_kind.h"
#include "linnet/core/error.h"

/** A job whose nodes have equally many ranks, numbered node after node. */
typedef struct {
    int ranks, nodes; /**< nodes divides ranks */
    int units;        /**< reduction units of the update, from 1 to rule.units */
    ReductionRule rule;
    const Bucket *buckets; /**< [bucket_count] borrowed */
    size_t bucket_count;
    size_t gathered; /**< the all-gather takes the first so many buckets */
} ReductionJob;

/** Of one rank and one update. Messages and their bytes are those that it sends to other nodes: the ranks of a node
 *  read each other's memory. Gradients and sums: all 0 for REDUCTION_MPI, where MPI chooses the messages and the
 *  order. */
typedef struct {
    int buffers; /**< gradient buffers that it allocates: reduction_buffers() */
    size_t gradient_messages, gradient_bytes;
    size_t sum_bytes;     /**< gradients that it reads to sum them, for other nodes and for its own part, and sums */
    size_t message_bytes; /**< memory that it allocates for received gradients and for sums that it sends */
    size_t value_messages, value_bytes;
} ReductionCounts;

/** Counts of every rank of a node, from its lowest: counts [ranks / nodes]. STATUS_FAILURE when memory is short. */
Status reduction_counts(const ReductionJob *job, int node, ReductionCounts *counts, Error *error);

/** Gradient buffers that a rank allocates: enough for every global batch of at most rule->units units. */
int reduction_buffers(const ReductionRule *rule, int ranks, int rank);

#endif
