#ifndef LINNET_CORE_SEGMENTS_H
#define LINNET_CORE_SEGMENTS_H
/** Sums over rows in the order of the tree over units (tree.h), within one kernel.
 *
 *  Rows that belong to several units lie one unit behind the other. A sum over them has the units as its *leaves*: a
 *  leaf's own rows first, from zero, and then the leaves' sums along the tree over all of them, every addition in
 *  float32. So a kernel that is given several units at once leaves the bits that it would leave for each alone, joined
 *  by additions behind it, but writes the result once.
 *
 *  A kernel keeps a stack of sums: leaf i goes on top of popcount(i) others, and is joined with as many of them as the
 *  tree over its leaves says (the stack counts in binary):
 *
 *      leaf     0    1     2       3     4         5          6
 *      height   0    1     1       2     1         2          2
 *      joins    0    1     0       2     0         1          2 (the last one of 7: all that are left)
 *      stack    0    01    01 2    0123  0123 4    0123 45    0123456 */
#include <stddef.h>

#define LEAVES_MOST ((size_t)64) /**< in one sum */
#define LEAVES_LEVELS 7          /**< sums on the stack at a time, with the one under way */

typedef struct {
    size_t count; /**< 1 … LEAVES_MOST */
    const size_t
        *starts; /**< [count + 1] leaf i has rows starts[i] … starts[i + 1] − 1, at least one; starts[0] is 0 */
} Leaves;

/** Rows of all leaves. */
static inline size_t leaves_rows(const Leaves *leaves) {
    return leaves->starts[leaves->count];
}

/** Sums on the stack when a leaf begins. */
static inline size_t leaf_height(size_t leaf) {
    return (size_t)__builtin_popcountll(leaf);
}

/** Additions that a leaf's sum causes, each of the sum below to the one on top, in that place. */
static inline size_t leaf_joins(size_t leaf, size_t count) {
    return leaf + 1 < count ? (size_t)__builtin_ctzll(leaf + 1) : leaf_height(leaf);
}

/** Make them on a stack of single floats, sums [LEAVES_LEVELS]: for the plain references. */
static inline void leaf_join(float *sums, size_t leaf, size_t count) {
    size_t top = leaf_height(leaf);
    for (size_t j = leaf_joins(leaf, count); j > 0; j--, top--) sums[top - 1] += sums[top];
}
#endif
