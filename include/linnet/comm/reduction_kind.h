#ifndef LINNET_COMM_REDUCTION_KIND_H
#define LINNET_COMM_REDUCTION_KIND_H
/** How gradients are summed over the ranks. Apart from reduction.h, so that settings name it without MPI. */

typedef enum {
    REDUCTION_ORDERED, /**< along one fixed tree (tree.h): the same bits for any number of ranks */
    REDUCTION_MPI      /**< by MPI_Allreduce, in an order that MPI chooses */
} ReductionKind;

#endif
