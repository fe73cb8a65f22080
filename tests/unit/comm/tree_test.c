/* The fixed tree: its subtrees, the nodes of any run of units, and that any number of ranks gives the same bits. */
#include "linnet/comm/tree.h"
#include "linnet/core/integers.h"
#include "linnet/core/random.h"
#include "linnet/core/segments.h"
#include "unit/model_files.h"

enum { UNITS = 40 };

/** What each unit adds: magnitudes far apart, so that another order of adding gives other bits. */
static float value_of(int unit) {
    static float values[SEGMENTS_MAX];
    if (values[0] == 0.0F) random_normal(values, SEGMENTS_MAX, 1.0F, 3, 0);
    return values[unit] * (float)(1 << unit % 7);
}

/** The largest power of two below n, counted down from n − 1. */
static int largest_power_below(int n) {
    int p = n - 1;
    while ((p & (p - 1)) != 0) p--;
    return p;
}

static void test_split(void **state) {
    (void)state;
    for (int n = 2; n <= 1000; n++) assert_int_equal(tree_split(n), largest_power_below(n));
}

/** Mark every subtree of the tree over `count` units from `first`: marks[first][count]. */
static void mark(bool marks[UNITS + 1][UNITS + 2], int first, int count) {
    marks[first][count] = true;
    if (count == 1) return;
    int left = largest_power_below(count);
    mark(marks, first, left);
    mark(marks, first + left, count - left);
}

static void test_nodes_of_the_tree(void **state) {
    (void)state;
    for (int n = 1; n <= UNITS; n++) {
        bool marks[UNITS + 1][UNITS + 2] = {{false}};
        mark(marks, 0, n);
        for (int first = 0; first < n; first++)
            for (int count = 1; count <= n - first + 1; count++)
                assert_int_equal(tree_is_node(n, first, count), marks[first][count]);
    }
}

/** The sum over a subtree, plainly. */
static float tree_sum(int first, int count) {
    if (count == 1) return value_of(first);
    int left = largest_power_below(count);
    float a = tree_sum(first, left), b = tree_sum(first + left, count - left);
    return a + b;
}

/** Joins that a unit's sum causes on a stack of `height` others: as many sums stay as there are nodes. */
static int joins_of(int n, int first, int unit, int height) {
    TreeNode nodes[64];
    return height + 1 - (int)tree_nodes(n, first, unit + 1 - first, 0, nodes);
}

/** A rank works through its run with a stack, as the reduction does: buffers [64] are the sums left on it. Returns
 *  their number; *highest is the most there were. */
static int work_through(int n, int first, int count, float *buffers, int *highest) {
    int height = 0;
    *highest = 0;
    for (int unit = first; unit < first + count; unit++) {
        int joins = joins_of(n, first, unit, height);
        buffers[height++] = value_of(unit);
        if (height > *highest) *highest = height;
        for (; joins > 0; joins--) {
            assert_true(height >= 2);
            buffers[height - 2] += buffers[height - 1];
            height--;
        }
    }
    return height;
}

/** The nodes must follow each other over the run, be subtrees, and be the largest ones inside it. */
static void check_nodes(int n, int first, int count, int rank, const TreeNode *nodes, size_t node_count) {
    int at = first;
    for (size_t i = 0; i < node_count; i++) {
        const TreeNode *node = &nodes[i];
        assert_int_equal(node->first, at);
        assert_int_equal(node->rank, rank);
        assert_int_equal(node->buffer, i);
        assert_true(node->count >= 1 && tree_is_node(n, node->first, node->count));
        for (int from = first; from <= at; from++)
            for (int to = at + node->count; to <= first + count; to++)
                assert_true((from == at && to == at + node->count) || !tree_is_node(n, from, to - from));
        at += node->count;
    }
    assert_int_equal(at, first + count);
}

static void test_nodes_of_any_run(void **state) {
    (void)state;
    for (int n = 1; n <= UNITS; n++)
        for (int first = 0; first < n; first++)
            for (int count = 1; count <= n - first; count++) {
                TreeNode nodes[64];
                float buffers[64];
                int highest;
                size_t node_count = tree_nodes(n, first, count, 5, nodes);
                check_nodes(n, first, count, 5, nodes, node_count);
                assert_int_equal(work_through(n, first, count, buffers, &highest), node_count);
                for (size_t i = 0; i < node_count; i++)
                    assert_true(buffers[i] == tree_sum(nodes[i].first, nodes[i].count));
            }
}

/** All ranks' nodes, by unit, and the sums that they hold. */
typedef struct {
    TreeNode nodes[2 * UNITS];
    float sums[2 * UNITS];
    size_t count, next;
} Nodes;

/** Join the ranks' nodes along the rest of the tree, as an owner does. */
static float walk(Nodes *all, int first, int count) {
    assert_true(all->next < all->count);
    const TreeNode *node = &all->nodes[all->next];
    if (node->first == first && node->count == count) return all->sums[all->next++];
    int left = tree_split(count);
    float a = walk(all, first, left), b = walk(all, first + left, count - left);
    return a + b;
}

static void test_any_number_of_ranks_gives_the_same_bits(void **state) {
    (void)state;
    int other_orders = 0;
    for (int n = 1; n <= UNITS; n++) {
        float expected = tree_sum(0, n), in_order = 0.0F;
        for (int unit = 0; unit < n; unit++) in_order += value_of(unit);
        other_orders += in_order != expected;
        for (int ranks = 1; ranks <= n; ranks++) {
            Nodes all = {.count = 0};
            for (int rank = 0; rank < ranks; rank++) {
                int64_t first, count;
                int highest;
                even_part(n, ranks, rank, &first, &count);
                work_through(n, (int)first, (int)count, all.sums + all.count, &highest);
                all.count += tree_nodes(n, (int)first, (int)count, rank, all.nodes + all.count);
            }
            float sum = walk(&all, 0, n);
            assert_int_equal(all.next, all.count);
            assert_memory_equal(&sum, &expected, sizeof sum);
        }
    }
    /* Else the values would not tell one order from another: adding from the left must differ for many n. */
    assert_true(other_orders > UNITS / 4);
}

static int depth(int n, int first, int count) {
    float buffers[64];
    int highest;
    work_through(n, first, count, buffers, &highest);
    return highest;
}

static void test_depth_is_bounded(void **state) {
    (void)state;
    for (int n = 1; n <= UNITS; n++)
        for (int first = 0; first < n; first++)
            for (int count = 1; count <= n - first; count++)
                assert_true(depth(n, first, count) <= tree_depth_most(count, first == 0));
    assert_int_equal(tree_depth_most(1, true), 1); /* and the bound is no larger than it must be */
    assert_int_equal(tree_depth_most(8, true), depth(8, 0, 8));
    assert_int_equal(tree_depth_most(15, false), depth(32, 1, 15));
}

static void test_number_of_nodes_is_bounded(void **state) {
    (void)state;
    TreeNode nodes[64];
    int reached[2][UNITS + 1] = {{0}};
    for (int n = 1; n <= UNITS; n++)
        for (int first = 0; first < n; first++)
            for (int count = 1; count <= n - first; count++) {
                int found = (int)tree_nodes(n, first, count, 0, nodes), start = first == 0;
                assert_true(found <= tree_nodes_most(count, start));
                for (int most = count; most <= UNITS; most++)
                    if (found > reached[start][most]) reached[start][most] = found;
            }
    for (int count = 1; count <= UNITS / 2; count++) /* and the bound is no larger than it must be */
        for (int start = 0; start < 2; start++) assert_int_equal(tree_nodes_most(count, start), reached[start][count]);
}

/** A stack that follows segments.h makes the sums of the complete tree. */
static void test_segments(void **state) {
    (void)state;
    for (int n = 1; n <= (int)SEGMENTS_MAX; n++) {
        float sums[SEGMENT_LEVELS], expected = tree_sum(0, n);
        for (int segment = 0; segment < n; segment++) {
            size_t height = segment_height((size_t)segment), joins = segment_joins((size_t)segment, (size_t)n);
            assert_true(height < SEGMENT_LEVELS && joins <= height);
            assert_int_equal(joins, joins_of(n, 0, segment, (int)height));
            sums[height] = value_of(segment);
            for (; joins > 0; joins--, height--) sums[height - 1] += sums[height];
            assert_int_equal(segment + 1 < n ? segment_height((size_t)segment + 1) : 1, height + 1);
        }
        assert_memory_equal(&sums[0], &expected, sizeof expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number_of_nodes_is_bounded),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_nodes_of_the_tree),
        cmocka_unit_test(test_nodes_of_any_run),
        cmocka_unit_test(test_any_number_of_ranks_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
