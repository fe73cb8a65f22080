#ifndef LINNET_COMM_REDUCTION_COUNTS_H
#define LINNET_COMM_REDUCTION_COUNTS_H
/** What one update of a reduction (reduction.h) sends, receives, adds and allocates, found by the code that the update
 *  itself uses: for `linnet plan`, before there is a job. Nothing here is collective or calls MPI. */
#include "linnet/comm/bucket.h"
#include "linnet/comm/reduction_kind.h"
#include "linnet/core/error.h"
#include <stddef.h>

/** A job whose nodes have equally many ranks, numbered node after node. */
typedef struct {
    int ranks, nodes; /**< nodes divides ranks */
    int units;        /**< reduction units of the update, from 1 to rule.units */
    ReductionRule rule;
    const Bucket *buckets; /**< [bucket_count] borrowed */
    size_t bucket_count;
    size_t gathered; /**< the all-gather takes the first so many buckets */
} ReductionJob;

/** Of one rank and one update. Messages and their bytes go between nodes: the ranks of a node read each other's memory. */
typedef struct {
    int units; /**< reduction units that the rank computes */
    int sums; /**< gradient buffers that hold its sums when it has computed them all: one for each of the largest subtrees
                      of its units; 1 for REDUCTION_MPI */
    int buffers;  /**< gradient buffers that it allocates: reduction_buffers() */
    size_t owned; /**< floats of all buckets that it owns */
    /* Reduce-scatter; all 0 for REDUCTION_MPI, where MPI chooses the messages and the order. */
    size_t gradient_messages_sent, gradient_bytes_sent;
    size_t gradient_messages_received, gradient_bytes_received;
    size_t sum_bytes_read;    /**< gradients that the rank reads to sum them, for other nodes and for its own part */
    size_t sum_bytes_written; /**< sums that it writes */
    size_t message_bytes;     /**< memory that it allocates for received gradients and for sums that it sends */
    /* All-gather of new values. */
    size_t value_messages_sent, value_bytes_sent;
    size_t value_messages_received, value_bytes_received;
} ReductionCounts;

/** Counts of every rank of a node, from its lowest: counts [ranks / nodes]. STATUS_FAILURE when memory is short. */
Status reduction_counts(const ReductionJob *job, int node, ReductionCounts *counts, Error *error);

/** Gradient buffers that a rank allocates: enough for every global batch of at most rule->units units. */
int reduction_buffers(const ReductionRule *rule, int ranks, int rank);

#endif
