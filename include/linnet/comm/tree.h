#ifndef LINNET_COMM_TREE_H
#define LINNET_COMM_TREE_H
/** The fixed binary tree along which the units' gradients are summed.
 *
 *  A tree over n units splits into its first p and its other n − p units, p the largest power of two below n. It
 *  depends on n alone, so a sum along it has the same bits however its units are dealt. A rank holds a run of
 *  units; what it can sum by itself are the largest subtrees inside its run, its *nodes*; the rest of the tree
 *  joins nodes of several ranks.
 *
 *  7 units on 3 ranks, dealt 3, 2, 2:      ranks' nodes:  0: {0,1} {2}   1: {3} {4}   2: {5} {6}
 *      ((0 1) (2 3)) ((4 5) 6)
 *  Nothing here allocates, fails or is collective. */
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    int first, count; /**< units first … first + count − 1, a subtree */
    int rank;         /**< who holds its sum */
    int buffer;       /**< the number, from 0, of that rank's gradient buffer that holds it */
} TreeNode;

/** Units of the left part of a tree over n ≥ 2 units. */
int tree_split(int n);

/** Whether units first … first + count − 1 are a subtree of the tree over n units. */
bool tree_is_node(int n, int first, int count);

/** The nodes of the run of `count` units from `first`, in order, into nodes (room for 64); returns their number. */
size_t tree_nodes(int n, int first, int count, int rank, TreeNode *nodes);

/** The most sums that a rank has on its stack while it works through a run of `count` units one by one, in a tree over
 *  any number of units, and adds the topmost two as soon as they are a node; `from_start`: the run begins with unit
 *  0. */
int tree_depth_most(int count, bool from_start);

/** The most nodes that a run of at most `count` units has in a tree over any number of them. */
int tree_nodes_most(int count, bool from_start);

#endif
