/* The orders of samples: those of PyTorch and NumPy, and linnet's blocks. */
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/data/order.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Made by PyTorch, NumPy and `datasets`; outside the repository, where the reference figures are available. */
#define REFERENCE "../shared/golden/orders.json"

typedef void (*Order)(int64_t *order, int64_t n, uint64_t seed);

static void assert_order(Order make, uint64_t seed, int64_t n, const int64_t *expected) {
    int64_t order[16];
    make(order, n, seed);
    assert_memory_equal(order, expected, (size_t)n * sizeof *order);
}

/* torch.randperm(n, generator=torch.Generator().manual_seed(seed)), PyTorch 2.13.0. */
static void test_randperm_is_pytorchs(void **state) {
    (void)state;
    assert_order(order_randperm, 42, 10, (int64_t[]){2, 6, 1, 8, 4, 5, 0, 9, 3, 7});
    assert_order(order_randperm, 43, 10, (int64_t[]){8, 4, 9, 0, 5, 1, 6, 7, 2, 3});
    assert_order(order_randperm, ((uint64_t)1 << 32) + 42, 10, (int64_t[]){2, 6, 1, 8, 4, 5, 0, 9, 3, 7});
    assert_order(order_randperm, ((uint64_t)1 << 32) + 5, 7, (int64_t[]){1, 0, 4, 2, 6, 5, 3});
}

/* numpy.random.default_rng(seed).permutation(n), NumPy 2.4.6. */
static void test_shuffle_is_numpys(void **state) {
    (void)state;
    assert_order(order_shuffle, 42, 10, (int64_t[]){5, 6, 0, 7, 3, 2, 4, 9, 1, 8});
    assert_order(order_shuffle, ((uint64_t)1 << 32) + 5, 7, (int64_t[]){4, 2, 0, 6, 5, 3, 1});
}

static int compare(const void *left, const void *right) {
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void test_every_index_comes_once(void **state) {
    (void)state;
    static const int64_t sizes[] = {0, 1, 2, 3, 1000, 65537};
    static const Order makers[] = {order_randperm, order_shuffle};
    int64_t *order = malloc(65538 * sizeof *order);
    assert_non_null(order);
    for (int maker = 0; maker < 2; maker++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            const int64_t n = sizes[s];
            order[n] = -1;
            makers[maker](order, n, UINT64_MAX);
            assert_int_equal(order[n], -1);
            if (n >= 1000) assert_true(order[0] != 0 || order[1] != 1 || order[2] != 2);
            qsort(order, (size_t)n, sizeof *order, compare);
            for (int64_t i = 0; i < n; i++) assert_int_equal(order[i], i);
        }
    free(order);
}

/* Rows of block_order(), computed by a Python program written from docs/explanation/numerics.md. Later versions must
 * give the same, because checkpoints resume in this order. */
static void test_blocks_equal_the_recorded_ones(void **state) {
    (void)state;
    static const struct {
        int64_t n;
        uint64_t seed;
        int64_t rows[6]; /* of positions 0, 1, 2, n / 2, n − 2, n − 1 */
    } known[] = {
        {10, 42, {5, 8, 2, 0, 7, 3}},
        {300000, 43, {19983, 159358, 179424, 210269, 271023, 273419}},
        {1000000000, ((uint64_t)1 << 32) + 5, {321529147, 53271211, 120146940, 927242422, 95191259, 95239482}},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        const int64_t n = known[k].n, positions[] = {0, 1, 2, n / 2, n - 2, n - 1};
        const BlockOrder order = block_order(n, known[k].seed);
        for (int i = 0; i < 6; i++) assert_int_equal(block_order_at(&order, positions[i]), known[k].rows[i]);
    }
}

static void check_blocks(int64_t n, uint64_t seed, unsigned char *seen) {
    const BlockOrder order = block_order(n, seed);
    memset(seen, 0, (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        const int64_t row = block_order_at(&order, i);
        if (row < 0 || row >= n || seen[row])
            fail_msg("n %lld: row %lld at %lld", (long long)n, (long long)row, (long long)i);
        seen[row] = 1;
    }
}

static void test_blocks_are_a_permutation(void **state) {
    (void)state;
    static const int64_t sizes[] = {ORDER_BLOCK - 1, ORDER_BLOCK, ORDER_BLOCK + 1, 3 * ORDER_BLOCK - 1,  10007,
                                    ORDER_GROUP - 1, ORDER_GROUP, ORDER_GROUP + 1, 2 * ORDER_GROUP + 77, 300001};
    unsigned char *seen = malloc(3 * ORDER_GROUP);
    assert_non_null(seen);
    for (int64_t n = 1; n <= 300; n++)
        for (uint64_t seed = 0; seed < 3; seed++) check_blocks(n, seed + UINT64_MAX / 2, seen);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) check_blocks(sizes[s], 42 + s, seen);
    free(seen);
}

/* Pearson's χ² of counts [cells], each expected to be `mean`, against its own mean plus six standard deviations: for
 * independent even draws about one set of seeds in a million would fail, and these seeds are fixed. */
static void assert_even(const int *counts, int cells, double mean) {
    double sum = 0.0, freedom = cells - 1;
    for (int i = 0; i < cells; i++) sum += (counts[i] - mean) * (counts[i] - mean) / mean;
    if (sum > freedom + 6.0 * sqrt(2.0 * freedom)) fail_msg("chi-square %g of %g degrees of freedom", sum, freedom);
}

/* The index of a permutation of 0…n−1 among all of them. */
static int rank_of(const BlockOrder *order, int n) {
    int64_t rows[8];
    int number = 0;
    for (int i = 0; i < n; i++) rows[i] = block_order_at(order, i);
    for (int i = 0; i < n; i++) {
        int less = 0;
        for (int k = i + 1; k < n; k++) less += rows[k] < rows[i];
        number = number * (n - i) + less;
    }
    return number;
}

/* All permutations of few samples are equally frequent: the hardest case for a network of few rounds. */
static void test_small_blocks_are_even(void **state) {
    (void)state;
    for (int n = 2, all = 2; n <= 5; all *= ++n) {
        enum { EACH = 150 };
        int counts[120] = {0};
        for (int t = 0; t < EACH * all; t++) {
            const BlockOrder order = block_order(n, (uint64_t)t);
            counts[rank_of(&order, n)]++;
        }
        assert_even(counts, all, EACH);
    }
}

/* The places of an epoch's rows, and the rows of a place over many epochs. */
static void test_blocks_are_even(void **state) {
    (void)state;
    enum { CELLS = 16, N = CELLS * 2400, LARGE = 16 * ORDER_GROUP, EPOCHS = 8000 };
    const BlockOrder now = block_order(N, 7), next = block_order(N, 8);
    int counts[CELLS * CELLS] = {0}, same = 0;
    for (int64_t i = 0; i < N; i++) {
        const int64_t row = block_order_at(&now, i);
        counts[i / (N / CELLS) * CELLS + row / (N / CELLS)]++;
        same += row == block_order_at(&next, i);
    }
    assert_even(counts, CELLS * CELLS, N / (CELLS * CELLS));
    assert_true(same < 10); /* rows that two orders have in common: about one */
    static const int64_t places[] = {0, ORDER_GROUP, LARGE / 2 + 12345, LARGE - 1};
    for (int p = 0; p < 4; p++) {
        int rows[CELLS] = {0};
        for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
            const BlockOrder order = block_order(LARGE, epoch);
            rows[block_order_at(&order, places[p]) / (LARGE / CELLS)]++;
        }
        assert_even(rows, CELLS, EPOCHS / CELLS);
    }
}

/* A group of samples comes from the fewest possible blocks, and they are mixed. */
static void test_groups_read_few_blocks(void **state) {
    (void)state;
    enum { GROUPS = 4, N = GROUPS * ORDER_GROUP + 3 * ORDER_BLOCK + 5, BLOCKS = N / ORDER_BLOCK + 1 };
    const BlockOrder order = block_order(N, 42);
    for (int64_t group = 0; group < GROUPS; group++) {
        int seen[BLOCKS] = {0}, blocks = 0, near = 0;
        int64_t before = -1;
        for (int64_t i = 0; i < ORDER_GROUP; i++) {
            const int64_t row = block_order_at(&order, group * ORDER_GROUP + i);
            const int64_t block = (row - order.start + N) % N / ORDER_BLOCK;
            blocks += seen[block]++ == 0;
            near += block == before;
            before = block;
        }
        assert_int_equal(blocks, ORDER_GROUP / ORDER_BLOCK);
        assert_true(near < 2 * ORDER_BLOCK); /* one in 64, which is ORDER_BLOCK, when they are mixed */
    }
}

/* Compare the first, and where given the last, rows of one reference entry. */
static void check_entry(const cJSON *entry, Order make, int64_t n, uint64_t seed) {
    const cJSON *first = cJSON_GetObjectItem(entry, "first"), *last = cJSON_GetObjectItem(entry, "last");
    const int64_t lasts = cJSON_GetArraySize(last);
    int64_t *order = malloc((size_t)n * sizeof *order), i = 0;
    assert_non_null(order);
    assert_true(cJSON_GetArraySize(first) > 0);
    make(order, n, seed);
    const cJSON *item;
    cJSON_ArrayForEach(item, first) assert_int_equal(order[i++], (int64_t)item->valuedouble);
    i = n - lasts;
    cJSON_ArrayForEach(item, last) assert_int_equal(order[i++], (int64_t)item->valuedouble);
    free(order);
}

static void test_matches_the_reference(void **state) {
    (void)state;
    if (access(REFERENCE, R_OK)) {
        printf("# because there is no " REFERENCE "\n");
        skip();
    }
    cJSON *tree = NULL;
    Error error = {0};
    assert_int_equal(json_load(&tree, REFERENCE, &error), STATUS_OK);
    const cJSON *shuffles = cJSON_GetObjectItem(tree, "datasets_shuffle_select"), *entry;
    const cJSON *epochs = cJSON_GetObjectItem(tree, "trainer_epoch_order");
    assert_true(cJSON_GetArraySize(shuffles) > 0 && cJSON_GetArraySize(epochs) > 0);
    cJSON_ArrayForEach(entry, shuffles) {
        const double seed = cJSON_GetObjectItem(entry, "seed")->valuedouble;
        check_entry(entry, order_shuffle, strtoll(entry->string, NULL, 10), (uint64_t)seed);
    }
    cJSON_ArrayForEach(entry, epochs) { /* keys are "n/epoch" */
        const double seed = cJSON_GetObjectItem(entry, "torch_seed")->valuedouble;
        check_entry(entry, order_randperm, strtoll(entry->string, NULL, 10), (uint64_t)seed);
    }
    cJSON_Delete(tree);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_randperm_is_pytorchs),     cmocka_unit_test(test_shuffle_is_numpys),
        cmocka_unit_test(test_every_index_comes_once),   cmocka_unit_test(test_blocks_equal_the_recorded_ones),
        cmocka_unit_test(test_blocks_are_a_permutation), cmocka_unit_test(test_small_blocks_are_even),
        cmocka_unit_test(test_blocks_are_even),          cmocka_unit_test(test_groups_read_few_blocks),
        cmocka_unit_test(test_matches_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
