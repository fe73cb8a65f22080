#ifndef LINNET_COMM_LINKS_H
#define LINNET_COMM_LINKS_H
/** What messages cost between the ranks of this job, measured: the constants of `linnet plan`. The model is the
 *  usual one of a latency and a bandwidth (alpha and beta), with a cost a message for many at once (LogP's gap,
 *  Culler et al. 1993). */
#include "linnet/comm/world.h"
#include "linnet/core/error.h"

typedef struct {
    double latency;   /**< seconds until a small message is there, one at a time; 0: not measured */
    double message;   /**< seconds of a rank for a small message sent and one received, of many, a few at a time */
    double bandwidth; /**< bytes a second out of a node, all its ranks sending to all of other nodes; 0 within a node */
    /* while all ranks compute, and call MPI between two tiles of a product: */
    double overlapped; /**< bytes a second out of a node */
    double burden;     /**< seconds that a rank's computing falls behind, a byte that it sends (and one received) */
} Link;

/** Computing as it is done in training: a second or less of it, in the course of which `poll` is called many times. */
typedef struct {
    void (*run)(void *context, void (*poll)(void *poll_context), void *poll_context);
    void *context;
    size_t bytes; /**< of the gradient that training exchanges: messages are as large as there */
} LinkWork;

/** Between ranks of one node, and between nodes; all 0 where there are no two such ranks. Takes some ten seconds on
 *  slow networks. The same on all ranks. Collective. */
Status links_measure(const World *world, const LinkWork *work, Link *node, Link *network, Error *error);

#endif
