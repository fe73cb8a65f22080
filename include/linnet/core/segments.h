#ifndef LINNET_CORE_SEGMENTS_H
#define LINNET_CORE_SEGMENTS_H
/** Sums over rows in the order of the tree over units (tree.h), within one kernel.
 *
 *  Rows that belong to several units lie one unit behind the other. A sum over them has the units as its *leaves*: a
 *  segment's own rows first, from zero, and then the leaves' sums along the tree over all of them, every addition in
 *  float32. So a kernel that is given several units at once leaves the bits that it would leave for each alone, joined
 *  by additions behind it, but writes the result once.
 *
 *  A kernel keeps a stack of sums: segment i goes on top of popcount(i) others, and is joined with as many of them as the
 *  tree over its leaves says (the stack counts in binary):
 *
 *      segment     0    1     2       3     4         5          6
 *      height   0    1     1       2     1         2          2
 *      joins    0    1     0       2     0         1          2 (the last one of 7: all that are left)
 *      stack    0    01    01 2    0123  0123 4    0123 45    0123456 */
#include <stddef.h>

#define SEGMENTS_MAX ((size_t)64) /**< in one sum */
#define SEGMENT_LEVELS 7          /**< sums on the stack at a time, with the one under way */

typedef struct {
    size_t count; /**< 1 … SEGMENTS_MAX */
    const size_t
        *starts; /**< [count + 1] segment i has rows starts[i] … starts[i + 1] − 1, at least one; starts[0] is 0 */
} Segments;

/** Rows of all leaves. */
static inline size_t segments_rows(const Segments *segments) {
    return segments->starts[segments->count];
}

/** Sums on the stack when a segment begins. */
static inline size_t segment_height(size_t segment) {
    return (size_t)__builtin_popcountll(segment);
}

/** Additions that a segment's sum causes, each of the sum below to the one on top, in that place. */
static inline size_t segment_joins(size_t segment, size_t count) {
    return segment + 1 < count ? (size_t)__builtin_ctzll(segment + 1) : segment_height(segment);
}

/** Make them on a stack of single floats, sums [SEGMENT_LEVELS]: for the plain references. */
static inline void segment_join(float *sums, size_t segment, size_t count) {
    size_t top = segment_height(segment);
    for (size_t j = segment_joins(segment, count); j > 0; j--, top--) sums[top - 1] += sums[top];
}
#endif
