#include "linnet/json.h"
#include "linnet/memory.h"
#include "linnet/order.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

// Made by PyTorch, NumPy and `datasets` themselves; beside the repository where the reference figures are at
// hand.
#define REFERENCE "../shared/golden/orders.json"

typedef void (*Order)(int64_t *order, int64_t n, uint64_t seed);

static void assert_order(Order make, uint64_t seed, int64_t n, const int64_t *expected) {
    int64_t order[16];
    make(order, n, seed);
    assert_memory_equal(order, expected, (size_t)n * sizeof *order);
}

/** torch.randperm(n, generator=torch.Generator().manual_seed(seed)), PyTorch 2.13.0. */
static void randperm_is_pytorchs(void **state) {
    (void)state;
    assert_order(order_randperm, 42, 10, (int64_t[]){2, 6, 1, 8, 4, 5, 0, 9, 3, 7});
    assert_order(order_randperm, 43, 10, (int64_t[]){8, 4, 9, 0, 5, 1, 6, 7, 2, 3});
    assert_order(order_randperm, ((uint64_t)1 << 32) + 42, 10, (int64_t[]){2, 6, 1, 8, 4, 5, 0, 9, 3, 7});
    assert_order(order_randperm, ((uint64_t)1 << 32) + 5, 7, (int64_t[]){1, 0, 4, 2, 6, 5, 3});
}

/** numpy.random.default_rng(seed).permutation(n), NumPy 2.4.6. */
static void shuffle_is_numpys(void **state) {
    (void)state;
    assert_order(order_shuffle, 42, 10, (int64_t[]){5, 6, 0, 7, 3, 2, 4, 9, 1, 8});
    assert_order(order_shuffle, ((uint64_t)1 << 32) + 5, 7, (int64_t[]){4, 2, 0, 6, 5, 3, 1});
}

static int compare(const void *left, const void *right) {
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void every_index_comes_once(void **state) {
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

/** Compare the first, and where given the last, rows of one reference entry. */
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

static void matches_the_reference(void **state) {
    (void)state;
    if (access(REFERENCE, R_OK)) skip();
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
    cJSON_ArrayForEach(entry, epochs) { // keys are "n/epoch"
        const double seed = cJSON_GetObjectItem(entry, "torch_seed")->valuedouble;
        check_entry(entry, order_randperm, strtoll(entry->string, NULL, 10), (uint64_t)seed);
    }
    cJSON_Delete(tree);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(randperm_is_pytorchs),
        cmocka_unit_test(shuffle_is_numpys),
        cmocka_unit_test(every_index_comes_once),
        cmocka_unit_test(matches_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
