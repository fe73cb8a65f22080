#ifndef LINNET_COMM_TREE_PIECES_H
#define LINNET_COMM_TREE_PIECES_H
/* Which sums of an update, subtrees of the tree over its units, this rank's node has, sends and receives. Not
 * collective; calls no MPI. */
#include "comm/reduction_layout.h"
#include "linnet/comm/tree.h"

typedef struct {
    int units; /* of this update */
    /* The terms of the complete sum as this rank sees them, ascending by unit: those in the gradient buffers of the
     * node's ranks, and those that other nodes send it. Of the latter `rank` is the node leader that sends it, and
     * `buffer` its number among those that this leader sends. */
    TreeNode *terms;
    size_t term_count;
    TreeNode *outgoing;    /* [outgoing_count] the sums that this node sends to every owner on another node */
    size_t *outgoing_from; /* [outgoing_count] the first of the terms that each consists of */
    size_t outgoing_count;
    int *sent_by; /* [nodes] terms that each other node sends */
    bool bf16;    /* what nodes send each other is rounded */
} TreePieces;

/* Room for any update of at most `units` units. STATUS_FAILURE when memory is short; tree_pieces_free() frees what was
 * allocated. */
Status tree_pieces_create(TreePieces *pieces, const ReductionLayout *layout, int units, bool bf16, Error *error);
void tree_pieces_free(TreePieces *pieces);

/* Find the terms and the outgoing sums of an update of `units` units, of which each rank has an even_part(). */
void tree_pieces_find(TreePieces *pieces, const ReductionLayout *layout, int units);

/* The term whose gradient buffer an outgoing sum is sent from; NULL where it has to be summed, or rounded, first. */
const TreeNode *tree_pieces_in_place(const TreePieces *pieces, size_t outgoing);

/* Of this rank: messages to and from other nodes, and floats that it handles for its sums. */
typedef struct {
    size_t owners;             /* ranks of other nodes that it sends to */
    size_t sends, sent;        /* messages, and floats in them */
    size_t receives, received; /* messages, and floats in them */
    size_t made, made_from;    /* floats that it sums (or rounds) to send them, and floats of their terms */
    size_t owned, owned_from;  /* floats of its own part, and floats of their terms in its node's gradient buffers */
} PieceCounts;

PieceCounts tree_pieces_count(const TreePieces *pieces, const ReductionLayout *layout);

#endif
