#ifndef LINNET_COMM_REDUCTION_KIND_H
#define LINNET_COMM_REDUCTION_KIND_H
/** How gradients are summed over the ranks, and divided among them. Apart from reduction.h, so that settings name it
 *  without MPI. */
#include <stdbool.h>
#include <stddef.h>

/** A stretch of a gradient buffer, divided into blocks of a fixed length (the last may be shorter). Each rank owns a
 *  run of its blocks. */
typedef struct {
    size_t start;  /**< floats from the gradient buffer's start */
    size_t length; /**< floats; may be 0 */
    size_t block;  /**< floats a block */
    size_t *cuts;  /**< [ranks + 1] rank r owns blocks cuts[r] … cuts[r + 1] − 1; NULL: the ranks own even parts.
                        Borrowed. */
} Bucket;

typedef enum {
    REDUCTION_ORDERED, /**< along one fixed tree (tree.h): the same bits for any number of ranks */
    REDUCTION_MPI      /**< by MPI_Allreduce, in an order that MPI chooses */
} ReductionKind;

typedef struct {
    int units; /**< reduction units of a global batch, at most */
    ReductionKind kind;
    bool bf16; /**< REDUCTION_ORDERED: nodes send each other gradients rounded to bfloat16, half the bytes. The result
                       then depends on which ranks share a node. */
    bool overlap; /**< send and receive during the forward and backward passes, else between them */
    bool unsplit; /**< every rank computes each of the largest subtrees of its units in one run, never unit by unit: it
                       needs fewer gradient buffers */
} ReductionRule;

#endif
