/* Sums of vectors and of squares against the reference. */
#include "linnet/kernels/vector.h"
#include "unit/ops_support.h"

static void test_sum_of_squares_once(void) {
    float *x = floats_random(5003, 3.0, 1);
    for (size_t n = 0; n < 5003; n = n * 3 + 1) {
        double expected = sum_of_squares_ref(x, n);
        assert_true(fabs(sum_of_squares(x, n) - expected) <= 1e-12 * expected); /* n roundings of 1.1e-16 */
    }
    for (size_t i = 0; i < 100; i++) x[i] = 1e30f;                 /* its square is beyond float32 */
    assert_true(fabs(sum_of_squares(x, 100) / 1e62 - 1.0) < 1e-6); /* 1e30f itself is off by 1e-8 */
    x[50] = NAN;
    assert_true(isnan(sum_of_squares(x, 100)));
    free(x);
}
TEST_EVERY_ISA(test_sum_of_squares)

static void test_vector_add_once(void) {
    float *a = floats_random(77, 1.0, 1), *b = floats_random(77, 1.0, 2), *sum = floats_new(77);
    for (size_t i = 0; i < 77; i++) sum[i] = a[i] + b[i];
    vector_add(a, a, b, 77);
    assert_same_bits(a, sum, 77);
    floats_fill(a, 77, 1.0, 1);
    vector_add(b, a, b, 77);
    assert_same_bits(b, sum, 77);
    free(a);
    free(b);
    free(sum);
}
TEST_EVERY_ISA(test_vector_add)

static void test_vector_scale_once(void) {
    float *x = floats_random(77, 1.0, 1), *scaled = floats_new(77);
    for (size_t i = 0; i < 77; i++) scaled[i] = 1.7f * x[i];
    vector_scale(x, x, 1.7f, 77);
    assert_same_bits(x, scaled, 77);
    free(x);
    free(scaled);
}
TEST_EVERY_ISA(test_vector_scale)

static void test_all_finite_once(void) {
    const float values[] = {NAN, -NAN, INFINITY, -INFINITY};
    float *x = floats_random(9001, 3.0, 1);
    x[1] = 3.4028235e38f;
    x[2] = -1e-45f; /* subnormal */
    assert_true(all_finite(x, 9001) && all_finite(x, 0));
    for (size_t at = 0; at < 9001; at += at < 100 ? 1 : 89) {
        const float kept = x[at];
        x[at] = values[at % 4];
        assert_false(all_finite(x, 9001));
        assert_false(all_finite_ref(x, 9001));
        assert_true(all_finite(x, at) && all_finite(x + at + 1, 9000 - at));
        x[at] = kept;
    }
    free(x);
}
TEST_EVERY_ISA(test_all_finite)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum_of_squares),
        cmocka_unit_test(test_vector_add),
        cmocka_unit_test(test_vector_scale),
        cmocka_unit_test(test_all_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
