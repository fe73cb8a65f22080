#ifndef LINNET_CORE_SEGMENTS_H
#define LINNET_CORE_SEGMENTS_H
/** Segmented sums: a kernel sums rows of several reduction units in one call, with the same bits as one call a unit.
 *
 *  The rows of the units lie one unit after the other; each unit's rows are a *segment*. The kernel first sums each
 *  segment by itself, in row order from zero, and then adds the segments' sums in pairs along the fixed binary tree of
 *  tree.h. Every addition is in float32. This is the order in which the units' gradients are added when each unit is
 *  run alone, so the bits are the same, but the result is written once.
 *
 *  To add along the tree a kernel keeps a stack of sums. Segment i goes on top of popcount(i) others; after it, as many
 *  of the topmost sums are added together as the tree has complete subtrees that end at i (the stack counts in binary):
 *
 *      segment          0    1     2       3     4         5          6
 *      height before    0    1     1       2     1         2          2
 *      additions after  0    1     0       2     0         1          2 (segment 6 of 7 is the last: all that are left)
 *      stack after      0    01    01 2    0123  0123 4    0123 45    0123456 */
#include <stddef.h>

#define SEGMENTS_MAX ((size_t)64) /**< of one sum */
#define SEGMENT_LEVELS 7          /**< most sums on the stack, with the current one */

typedef struct {
    size_t count;         /**< 1 … SEGMENTS_MAX */
    const size_t *starts; /**< [count + 1] segment i has rows starts[i] … starts[i + 1] − 1, at least one; from 0 */
} Segments;

/** Rows of all segments. */
static inline size_t segments_rows(const Segments *segments) {
    return segments->starts[segments->count];
}

/** Sums on the stack before a segment. */
static inline size_t segment_height(size_t segment) {
    return (size_t)__builtin_popcountll(segment);
}

/** Additions after a segment, each of the topmost sum to the one below it. */
static inline size_t segment_joins(size_t segment, size_t count) {
    return segment + 1 < count ? (size_t)__builtin_ctzll(segment + 1) : segment_height(segment);
}

/** Make them on a stack of single floats, sums [SEGMENT_LEVELS]: for the reference kernels. */
static inline void segment_join(float *sums, size_t segment, size_t count) {
    size_t top = segment_height(segment);
    for (size_t j = segment_joins(segment, count); j > 0; j--, top--) sums[top - 1] += sums[top];
}
#endif
