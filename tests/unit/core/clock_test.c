/* The clock goes forward, in seconds. */
#include "linnet/core/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

/* A sleep takes at least its time. */
static void test_goes_forward_in_seconds(void **state) {
    (void)state;
    const double start = clock_now();
    assert_int_equal(nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL), 0);
    assert_true(clock_now() - start >= 0.02);
    assert_true(start > 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_goes_forward_in_seconds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
