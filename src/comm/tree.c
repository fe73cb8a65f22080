/* The fixed binary tree over units. See tree.h. */
#include "linnet/comm/tree.h"

int tree_split(int n) {
    int p = 1;
    while (2 * p < n) p *= 2;
    return p;
}

bool tree_is_node(int n, int first, int count) {
    int low = 0;
    while (n > 1 && !(low == first && n == count)) {
        int left = tree_split(n);
        if (first < low + left) {
            n = left;
        } else {
            low += left;
            n -= left;
        }
    }
    return low == first && n == count;
}

/* The nodes of [first, end) as a stack: sizes[0] is the first node's count. Returns the stack's height. */
static int build_stack(int n, int first, int end, int sizes[64]) {
    int height = 0, starts[64];
    for (int unit = first; unit < end; unit++) {
        starts[height] = unit;
        sizes[height++] = 1;
        while (height >= 2 && tree_is_node(n, starts[height - 2], sizes[height - 2] + sizes[height - 1]) &&
               unit + 1 == starts[height - 1] + sizes[height - 1]) {
            sizes[height - 2] += sizes[height - 1];
            height--;
        }
    }
    return height;
}

size_t tree_nodes(int n, int first, int count, int rank, TreeNode *nodes) {
    int sizes[64];
    int height = build_stack(n, first, first + count, sizes);
    for (int i = 0, unit = first; i < height; unit += sizes[i], i++)
        nodes[i] = (TreeNode){.first = unit, .count = sizes[i], .rank = rank, .buffer = i};
    return (size_t)height;
}

int tree_depth_most(int count, bool from_start) {
    int halvings = 0;
    for (int n = count; n > 1; n /= 2) halvings++;
    /* From the start the stack is a binary counter; elsewhere nodes first grow, then shrink. */
    int most = from_start ? halvings + 1 : 2 * halvings + 1;
    return most < count ? most : count;
}

int tree_nodes_most(int count, bool from_start) {
    int most = 0, left = count;
    /* From the start they shrink: at best by one half each. Elsewhere they first grow, then shrink. */
    for (int size = 1; left >= size; size *= 2)
        for (int twice = 0; twice < (from_start ? 1 : 2) && left >= size; twice++, most++) left -= size;
    return most;
}
