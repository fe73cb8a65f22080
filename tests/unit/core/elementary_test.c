/* The elementary functions against those of the C library in long double, and some results bit for bit. */
#include "linnet/core/elementary.h"
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* |actual − expected| ≤ relative · |expected|, or absolute. */
static void assert_close(double actual, long double expected, long double relative, long double absolute) {
    if (!(fabsl(actual - expected) <= relative * fabsl(expected) + absolute))
        fail_msg("%a, should be %La", actual, expected);
}

static void test_exp(void **state) {
    (void)state;
    for (double x = -708.0; x < 709.7; x += 0.0137) assert_close(elementary_exp(x), expl(x), 4e-16L, 0.0L);
    for (double x = 1e-20; x < 1.0; x *= 1.7) assert_close(elementary_exp(-x), expl(-x), 4e-16L, 0.0L);
    assert_close(elementary_exp(-740.0), expl(-740.0L), 0.0L, 4.95e-324L); /* subnormal */
    assert_true(elementary_exp(0.0) == 1.0 && elementary_exp(-INFINITY) == 0.0 && elementary_exp(-1e6) == 0.0);
    assert_true(isinf(elementary_exp(INFINITY)) && isinf(elementary_exp(709.8)) && isnan(elementary_exp(NAN)));
}

static void test_log(void **state) {
    (void)state;
    for (double x = 1e-300; x < 1e300; x *= 1.0123) assert_close(elementary_log(x), logl(x), 4e-16L, 0.0L);
    for (double x = 0.5; x < 2.0; x += 0.000123) assert_close(elementary_log(x), logl(x), 4e-16L, 0.0L);
    assert_close(elementary_log(0x1p-1074), logl(0x1p-1074L), 4e-16L, 0.0L);
    assert_true(elementary_log(1.0) == 0.0 && elementary_log(INFINITY) == INFINITY);
    assert_true(elementary_log(0.0) == -INFINITY && isnan(elementary_log(-1.0)) && isnan(elementary_log(NAN)));
}

static void test_cos_and_sin(void **state) {
    (void)state;
    const long double pi = 3.14159265358979323846264338327950288L;
    for (double x = -4.0; x < 4.0; x += 0.000917) {
        assert_close(elementary_cos_pi(x), cosl(pi * x), 0.0L, 3e-16L);
        assert_close(elementary_sin_pi(x), sinl(pi * x), 0.0L, 3e-16L);
    }
    for (int x = -4; x < 5; x++) {
        assert_true(elementary_cos_pi(x) == (x % 2 ? -1.0 : 1.0) && elementary_sin_pi(x) == 0.0);
        assert_true(elementary_sin_pi(x + 0.5) == (x % 2 ? -1.0 : 1.0) && elementary_cos_pi(x + 0.5) == 0.0);
    }
}

static void test_power(void **state) {
    (void)state;
    for (long step = 0; step < 1000000; step = step * 3 / 2 + 1)
        assert_close(elementary_power(0.999, step), powl(0.999, (long double)step), 2.3e-16L * (long double)step, 0.0L);
    assert_true(elementary_power(0.9, 1) == 0.9 && elementary_power(0.0, 0) == 1.0 && elementary_power(0.0, 7) == 0.0);
}

/* FNV-1a over the bits of a number. */
static void mix(uint64_t *hash, double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    for (int byte = 0; byte < 8; byte++, bits >>= 8) *hash = (*hash ^ (bits & 0xff)) * 0x100000001b3;
}

/* What every processor and compiler must give. */
static void test_bits(void **state) {
    (void)state;
    uint64_t hash = 0xcbf29ce484222325;
    for (int i = 1; i <= 1000; i++) {
        mix(&hash, elementary_exp(-0.731 * i / 100));
        mix(&hash, elementary_log(0.917 * i));
        mix(&hash, elementary_cos_pi(0.00317 * i));
        mix(&hash, elementary_sin_pi(0.00571 * i));
        mix(&hash, elementary_power(0.999, i));
    }
    if (hash != 0x2ccba062463e5194) fail_msg("the bits are %#" PRIx64, hash);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exp),   cmocka_unit_test(test_log),  cmocka_unit_test(test_cos_and_sin),
        cmocka_unit_test(test_power), cmocka_unit_test(test_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
