#ifndef LINNET_COMM_LINKS_H
#define LINNET_COMM_LINKS_H
/** What messages between the ranks of this job cost, measured: constants of `linnet plan`. The model is LogGP
 *  (Alexandrov et al., "LogGP: incorporating long messages into the LogP model", SPAA 1995): a message of n bytes
 *  arrives after a latency L and n times the gap G, and keeps its sender and its receiver busy for an overhead o. */
#include "linnet/comm/world.h"
#include "linnet/core/error.h"

typedef struct {
    double latency;   /**< L: seconds until a small message has arrived, one at a time; 0: not measured */
    double overhead;  /**< o: seconds of a rank for a small message sent and one received, of many, a few at a time */
    double bandwidth; /**< 1 / G: bytes a second out of a node when all its ranks send to all of other nodes; 0 within a
                           node */
    /* while all ranks compute, and call MPI between two tiles of a product: */
    double overlapped_bandwidth; /**< bytes a second out of a node */
    double overhead_per_byte;    /**< seconds of computing that a rank loses for a byte sent (and one received) */
} Link;

/** Computing as in training: run() computes for a second or less and calls `poll` many times. */
typedef struct {
    void (*run)(void *context, void (*poll)(void *poll_context), void *poll_context);
    void *context;
    size_t bytes; /**< of the gradient in training, whose messages are measured */
} LinkWork;

/** Measure between ranks of one node and between nodes; all 0 where there are no two such ranks. The result is the same
 *  on all ranks. Takes some ten seconds on slow networks. STATUS_FAILURE when memory is short. Collective. */
Status links_measure(const World *world, const LinkWork *work, Link *node, Link *network, Error *error);

#endif
