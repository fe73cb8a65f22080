/* GELU and its derivative: error bounds, PyTorch's figures and extreme values. */
#include "linnet/kernels/gelu.h"
#include "unit/ops_support.h"

#define SWEEP ((size_t)1 << 19)

static double inner(double x) {
    return 0.79788456080286535588 * (x + 0.044715 * x * x * x);
}

/** x / (1 + e^−2u): the same function, which keeps its relative accuracy where 1 + tanh u would cancel. */
static double exact(double x) {
    return x / (1.0 + exp(-2.0 * inner(x)));
}

static float *sweep_new(double limit) {
    float *x = floats_new(SWEEP);
    for (size_t i = 0; i < SWEEP; i++) x[i] = (float)(limit * ((double)i / (double)(SWEEP / 2) - 1.0));
    return x;
}

/** The error bounds of docs/explanation/numerics.md, over 2^19 points of [−12, 12] and of [−0.01, 0.01]. */
static void test_forward_error_once(void) {
    static const double limits[] = {12.0, 0.01};
    for (size_t k = 0; k < 2; k++) {
        float *x = sweep_new(limits[k]), *out = floats_new(SWEEP);
        gelu_forward(out, x, SWEEP);
        for (size_t i = 0; i < SWEEP; i++) {
            double expected = exact(x[i]), error = fabs(out[i] - expected);
            /* a few roundings; below −1 also the exponent's five, each times its size 2u ≤ 88; past −10 it is 0 */
            double relative = (4.0 + (x[i] < -1.0f ? 10.0 * fabs(inner(x[i])) : 0.0)) * FLOAT_EPSILON;
            if (error > relative * fabs(expected) + 1.3e-37)
                fail_msg("%s: gelu(%.9g) = %.9g, should be %.9g", isa_name(), (double)x[i], (double)out[i], expected);
        }
        free(x);
        free(out);
    }
}
TEST_EVERY_ISA(test_forward_error)

/** The derivative of the exact function by central differences: h²/6 · third derivative < 1e-9 and 1e-16 / h <
 *  1e-10. */
static void test_backward_error_once(void) {
    float *x = sweep_new(12.0), *dout = floats_new(SWEEP), *dx = floats_new(SWEEP);
    for (size_t i = 0; i < SWEEP; i++) dout[i] = i % 2 ? -1.0f : 1.0f;
    gelu_backward(dx, dout, x, SWEEP);
    for (size_t i = 0; i < SWEEP; i++) {
        double h = 3e-5, slope = (exact(x[i] + h) - exact(x[i] - h)) / (2.0 * h) * dout[i];
        /* at most 1.13 in size; the second term is up to 3 times the first, each with some five roundings */
        if (!(fabs(dx[i] - slope) <= 16.0 * FLOAT_EPSILON))
            fail_msg("%s: gelu'(%.9g) = %.9g, should be %.9g", isa_name(), (double)x[i], (double)dx[i], slope);
    }
    free(x);
    free(dout);
    free(dx);
}
TEST_EVERY_ISA(test_backward_error)

/** torch.nn.functional.gelu(x, approximate="tanh") and its gradient in float64, PyTorch 2.13.0. */
static void test_pytorch_figures_once(void) {
    static const float x[8] = {-12.0f, -3.0f, -1.0f, -0.1f, 0.0f, 0.5f, 2.0f, 6.0f}, one[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    static const float value[8] = {0.0f, -0.00363739208f, -0.158808009f, -0.046017249f,
                                   0.0f, 0.34571401f,     1.95459769f,   6.0f};
    static const float slope[8] = {0.0f, -0.0115841666f, -0.0829640838f, 0.420478211f,
                                   0.5f, 0.867369904f,   1.08609926f,    1.0f};
    float out[8];
    gelu_forward(out, x, 8);
    assert_near(out, value, 8, 2.0 * FLOAT_EPSILON, 4.0 * FLOAT_EPSILON);
    gelu_backward(out, one, x, 8);
    assert_near(out, slope, 8, 16.0 * FLOAT_EPSILON, 0.0); /* as above */
    gelu_forward_ref(out, x, 8);
    assert_near(out, value, 8, FLOAT_EPSILON, FLOAT_EPSILON);
    gelu_backward_ref(out, one, x, 8);
    assert_near(out, slope, 8, FLOAT_EPSILON, FLOAT_EPSILON);
}
TEST_EVERY_ISA(test_pytorch_figures)

static void test_extremes_once(void) {
    const float x[7] = {INFINITY, 3e38f, 1e20f, -1e20f, -3e38f, -INFINITY, NAN}, one[7] = {1, 1, 1, 1, 1, 1, 1};
    float out[7];
    gelu_forward(out, x, 7);
    for (size_t i = 0; i < 3; i++) assert_true(out[i] == x[i]);
    for (size_t i = 3; i < 5; i++) assert_true(fabsf(out[i]) < 1.3e-37f); /* the limit is −0 */
    for (size_t i = 5; i < 7; i++) assert_true(isnan(out[i]));            /* as torch gives for −∞ and NaN */
    gelu_backward(out, one, x, 7);
    for (size_t i = 0; i < 3; i++) assert_true(out[i] == 1.0f);
    for (size_t i = 3; i < 6; i++) assert_true(fabsf(out[i]) < 1e-34f);
    assert_true(isnan(out[6]));
}
TEST_EVERY_ISA(test_extremes)

static void forward(float *out, const void *with) {
    gelu_forward(out, with, 20011);
}

static void backward(float *out, const void *with) {
    const float *x = with;
    gelu_backward(out, x + 5, x, 20011);
}

/** An element's bits depend on its value alone, wherever it stands in a vector and whichever thread has it. */
static void test_place_does_not_matter_once(void) {
    float *x = floats_random(20016, 6.0, 1), *all = floats_new(20011), one[2];
    assert_threads_agree(forward, x, 20011);
    assert_threads_agree(backward, x, 20011);
    forward(all, x);
    for (size_t i = 0; i < 20011; i += 397) {
        gelu_forward(one, x + i, 1);
        assert_same_bits(one, all + i, 1);
    }
    gelu_forward(x, x, 20011); /* in place */
    assert_same_bits(x, all, 20011);
    free(x);
    free(all);
}
TEST_EVERY_ISA(test_place_does_not_matter)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_error),         cmocka_unit_test(test_backward_error),
        cmocka_unit_test(test_pytorch_figures),       cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_place_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
