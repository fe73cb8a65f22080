/* integers.h: extremes, division rounded up, and even parts. */
#include "linnet/core/integers.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_finds_the_smaller_and_the_larger(void **state) {
    (void)state;
    assert_int_equal(size_min(2, 3), 2);
    assert_int_equal(size_max(2, SIZE_MAX), SIZE_MAX);
    assert_int_equal(int64_min(-1, 0), -1);
    assert_int_equal(int64_max(-1, 0), 0);
}

static void test_divides_and_rounds_up(void **state) {
    (void)state;
    assert_int_equal(size_divide_up(0, 4), 0);
    assert_int_equal(size_divide_up(8, 4), 2);
    assert_int_equal(int64_divide_up(9, 4), 3);
}

/** Parts follow each other, cover all items, and are longer ones first. */
static void test_cuts_even_parts(void **state) {
    (void)state;
    for (int64_t total = 0; total < 30; total++)
        for (int parts = 1; parts < 12; parts++) {
            int64_t at = 0, before = INT64_MAX;
            for (int part = 0; part < parts; part++) {
                int64_t first, count;
                even_part(total, parts, part, &first, &count);
                assert_int_equal(first, at);
                assert_true(count == total / parts || count == int64_divide_up(total, parts));
                assert_true(count <= before);
                before = count;
                at += count;
            }
            assert_int_equal(at, total);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_the_smaller_and_the_larger),
        cmocka_unit_test(test_divides_and_rounds_up),
        cmocka_unit_test(test_cuts_even_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
