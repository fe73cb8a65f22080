/* Adding biases, and their gradients: column sums in a fixed order. */
#include "linnet/kernels/bias.h"
#include "unit/ops_support.h"

static void check_sum(size_t rows, size_t columns, size_t stride) {
    float *x = floats_random(rows * stride, 1.0, 1), *out = floats_random(columns, 1.0, 2);
    float *expected = floats_copy(out, columns), *split = floats_copy(out, columns);
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        bias_gradient(out, x, stride, rows, columns, accumulate);
        bias_gradient_ref(expected, x, stride, rows, columns, accumulate);
        /* rows / 8 + 4 roundings of a sum that stays below rows; random signs keep it at their square root */
        assert_near(out, expected, columns, FLOAT_EPSILON * (double)(rows + 8), FLOAT_EPSILON);
        memcpy(expected, out, columns * sizeof *out);
        for (size_t first = 0; first < columns; first += 5) {
            size_t count = columns - first < 5 ? columns - first : 5;
            bias_gradient(split + first, x + first, stride, rows, count, accumulate);
        }
        assert_same_bits(split, out, columns);
    }
    free(x);
    free(out);
    free(expected);
    free(split);
}

static void test_sum_once(void) {
    check_sum(0, 3, 3);
    check_sum(1, 1, 1);
    check_sum(7, 5, 9);
    check_sum(8, 16, 16);
    check_sum(9, 33, 40);
    check_sum(590, 67, 67);
}
TEST_EVERY_ISA(test_sum)

/** The header's tree, which keeps ones that would be lost if they met 2^24 one by one. */
static void test_sum_order_once(void) {
    const float large = 0x1p24f;
    float x[17] = {large, 1.0f, 1.0f, 1.0f, 0.0f, 0.0f, 0.5f, 0.5f,  1.0f,
                   0.0f,  0.0f, 0.0f, 0.0f, 1.0f, 0.0f, 0.0f, -large};
    float sum;
    bias_gradient(&sum, x, 1, 17, 1, false);
    /* (2^24 + 1 → 2^24) + (1 + 1) = 2^24 + 2; + (0 + (0.5 + 0.5)) = 2^24 + 3 → 2^24 + 4 (to even); + (1 + 1); − 2^24 */
    assert_true(sum == 6.0f);
}
TEST_EVERY_ISA(test_sum_order)

static void test_add_bias_once(void) {
    static const size_t shapes[][3] = {{1, 1, 1}, {3, 5, 8}, {4, 35, 35}, {17, 768, 771}};
    for (size_t i = 0; i < 4; i++) {
        size_t rows = shapes[i][0], columns = shapes[i][1], stride = shapes[i][2];
        float *y = floats_random(rows * stride, 1.0, 1), *bias = floats_random(columns, 1.0, 2);
        float *expected = floats_copy(y, rows * stride);
        bias_add(y, stride, bias, rows, columns);
        bias_add_ref(expected, stride, bias, rows, columns);
        assert_same_bits(y, expected, rows * stride); /* one sum; and nothing between the rows is touched */
        free(y);
        free(bias);
        free(expected);
    }
}
TEST_EVERY_ISA(test_add_bias)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_sum_order),
        cmocka_unit_test(test_add_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
