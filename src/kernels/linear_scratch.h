#ifndef LINNET_KERNELS_LINEAR_SCRATCH_H
#define LINNET_KERNELS_LINEAR_SCRATCH_H
/** Scratch of the linear kernels: packed operands that all threads share, and a part a thread. Enough for every
 *  instruction set. */
#include "linnet/core/segments.h"
#include <stddef.h>

#define LINEAR_TILE_MOST ((size_t)96)   /**< columns of a tile of y or dx, rows of a weight's gradient */
#define LINEAR_ROWS_MOST ((size_t)384)  /**< rows of tokens in a tile: a multiple of every strip */
#define LINEAR_BLOCK_MOST ((size_t)256) /**< steps of a packed block */
#define LINEAR_UNIT_MOST ((size_t)48)   /**< rows or columns that packing may round up to */

/** Floats that the threads share. */
static inline size_t linear_shared(size_t rows, size_t in, size_t out) {
    return ((rows + LINEAR_UNIT_MOST) * (in + out + 2 * LINEAR_UNIT_MOST) + 15) / 16 * 16; /* whole cache lines */
}

#define LINEAR_SUMS (LINEAR_TILE_MOST * 256) /**< floats of a tile of a weight's gradient, at most */

/** Floats that one thread needs: the sums of a weight's tile that wait for others; of y or dx, a block of one operand
 *  and the tile's sums, which are fewer. */
#define LINEAR_PART (SEGMENT_LEVELS * LINEAR_SUMS)
#endif
