/* The order in which texts share most rows. */
#include "linnet/data/beginnings.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { TEXTS = 200 };

static size_t common(const int32_t *ids, const int64_t *starts, int64_t a, int64_t b) {
    int64_t t = 0;
    while (starts[a] + t < starts[a + 1] && starts[b] + t < starts[b + 1] && ids[starts[a] + t] == ids[starts[b] + t])
        t++;
    return (size_t)t;
}

/* Each text has as long a beginning in common with the one before it as with any before that, and all are there. Ids of
 * one to three bytes, so that an order by bytes is not one by numbers. */
static void test_neighbours_share_most(void **state) {
    (void)state;
    static int32_t ids[TEXTS * 8];
    int64_t starts[TEXTS + 1] = {0}, order[TEXTS];
    int seen[TEXTS] = {0};
    uint32_t draw = 1;
    Error error = {0};
    for (int64_t i = 0; i < TEXTS; i++) {
        const int64_t length = 1 + i * 7 % 8;
        for (int64_t t = 0; t < length; t++) {
            draw = draw * 1664525U + 1013904223U;
            ids[starts[i] + t] = (int32_t[]){1, 256, 65536}[(draw >> 16) % 3];
        }
        starts[i + 1] = starts[i] + length;
    }
    assert_int_equal(beginnings_order(order, ids, starts, TEXTS, &error), STATUS_OK);
    for (int64_t i = 0; i < TEXTS; i++) {
        assert_int_equal(seen[order[i]]++, 0);
        for (int64_t j = 0; j + 1 < i; j++)
            assert_true(common(ids, starts, order[i], order[i - 1]) >= common(ids, starts, order[i], order[j]));
    }
}

static void test_equal_texts_keep_their_order(void **state) {
    (void)state;
    static const int32_t ids[] = {5, 6, 5, 6, 5, 5, 6};
    static const int64_t starts[] = {0, 2, 4, 5, 7};
    int64_t order[4];
    Error error = {0};
    assert_int_equal(beginnings_order(order, ids, starts, 4, &error), STATUS_OK);
    static const int64_t expected[] = {2, 0, 1, 3};
    assert_memory_equal(order, expected, sizeof expected);
    assert_int_equal(beginnings_order(order, ids, starts, 0, &error), STATUS_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_neighbours_share_most),
        cmocka_unit_test(test_equal_texts_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
