#ifndef LINNET_COMM_BUCKET_H
#define LINNET_COMM_BUCKET_H
/** A stretch of the gradient that is reduced and gathered at once. */
#include <stddef.h>

/** A stretch of a gradient buffer, divided into blocks of a fixed length (the last may be shorter). Each rank owns a run
 *  of its blocks. */
typedef struct {
    size_t start;  /**< floats from the gradient buffer's start */
    size_t length; /**< floats; may be 0 */
    size_t block;  /**< floats a block */
    size_t *cuts;  /**< [ranks + 1] rank r owns blocks cuts[r] … cuts[r + 1] − 1; NULL: the ranks own even parts.
                        Borrowed. */
} Bucket;

#endif
