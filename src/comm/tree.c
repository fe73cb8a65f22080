/* The fixed binary tree over units. See tree.h. */
#include "linnet/comm/tree.h"

int tree_split(int n) {
    int p = 1;
    while (2 * p < n) p *= 2;
    return p;
}

/* Add the nodes of the run of units [first, end) that lie in the subtree over `n` units from `low`. */
static size_t add_nodes(int low, int n, int first, int end, int rank, TreeNode *nodes, size_t count) {
    if (low >= end || low + n <= first) return count;
    if (low >= first && low + n <= end) {
        nodes[count] = (TreeNode){low, n, rank, (int)count};
        return count + 1;
    }
    int left = tree_split(n);
    count = add_nodes(low, left, first, end, rank, nodes, count);
    return add_nodes(low + left, n - left, first, end, rank, nodes, count);
}

size_t tree_nodes(int n, int first, int count, int rank, TreeNode *nodes) {
    return add_nodes(0, n, first, first + count, rank, nodes, 0);
}

bool tree_is_node(int n, int first, int count) {
    TreeNode nodes[64];
    return tree_nodes(n, first, count, 0, nodes) == 1 && nodes->first == first && nodes->count == count;
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
