#ifndef LINNET_KERNELS_LINEAR_SCRATCH_H
#define LINNET_KERNELS_LINEAR_SCRATCH_H
/** How linear layers are cut into parts, and the scratch of their kernels: the packed operands, which all threads
 *  share, and a part for each thread. Enough for every instruction set. product.h explains MR, NR, KC and MC. */
#include "linnet/core/integers.h"
#include "linnet/core/segments.h"
#include <stddef.h>

#define LINEAR_TILE_MAX ((size_t)96)        /**< columns of a tile of y or dx, rows of a tile of a weight's gradient */
#define LINEAR_MC_MAX ((size_t)384)         /**< rows of tokens in a tile: a multiple of every MR */
#define LINEAR_KC_MAX ((size_t)256)         /**< steps */
#define LINEAR_MR_NR_MAX ((size_t)48)       /**< rows or columns that packing may round up to */
#define LINEAR_SUMS (LINEAR_TILE_MAX * 256) /**< floats of the largest tile of a weight's gradient */

/** The length of even parts of an extent: at most `most`, and rounded up to a multiple of `multiple`. */
static inline size_t even_length(size_t extent, size_t most, size_t multiple) {
    return size_divide_up(size_divide_up(extent, size_divide_up(extent, most)), multiple) * multiple;
}

/** Floats that the threads share; a multiple of a cache line. */
static inline size_t linear_shared(size_t rows, size_t in, size_t out) {
    return ((rows + LINEAR_MR_NR_MAX) * (in + out + 2 * LINEAR_MR_NR_MAX) + 15) / 16 * 16;
}

/** Floats that one thread needs for a tile of a weight's gradient: one tile of sums for each level of the tree. A tile
 *  of y or dx needs less: its sums, and the packed B of KC steps. */
#define LINEAR_PART (SEGMENT_LEVELS * LINEAR_SUMS)
#endif
