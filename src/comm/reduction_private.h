#ifndef LINNET_COMM_REDUCTION_PRIVATE_H
#define LINNET_COMM_REDUCTION_PRIVATE_H
/* A reduction, of its parts: from the bottom up the layout (who owns what), the pieces of the tree, the ordered sum,
 * and the two halves. */
#include "comm/all_gather.h"
#include "comm/reduce_scatter.h"
#include "linnet/comm/reduction.h"

/* This rank's subtrees of an update. The sums of those done so far lie on a stack of gradient buffers, like the nodes
 * of the units so far. */
typedef struct {
    int first, count; /* this rank's units: the first, and how many */
    int next;         /* the first unit of the subtree under way, counted from this rank's first */
    int under_way;    /* its units */
    int height;       /* sums on the stack below it */
    int joins;        /* of these, those that are added to it when it is done */
} Subtrees;

struct Reduction {
    const World *world; /* borrowed */
    ReductionRule rule;
    ReductionLayout layout; /* of this update */
    TreePieces pieces;
    OrderedSum sum;
    ReduceScatter reduce_scatter;
    AllGather all_gather;
    uint64_t update; /* the number of updates so far */
    Subtrees subtrees;
    double waited; /* seconds for gradients */
};

#endif
