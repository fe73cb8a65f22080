/* LayerNorm, forward and backward, against the reference. */
#include "linnet/comm/tree.h"
#include "linnet/kernels/layernorm.h"
#include "unit/ops_support.h"

#define EPSILON 1e-5f

typedef struct {
    size_t n, width;
    size_t starts[SEGMENTS_MAX + 1];
    Segments segments; /* of the backward pass */
    int accumulate;
    float *x, *gamma, *beta, *dout, *mean, *rstd, *scratch;
} Norm;

/** Cut the rows into so many segments of uneven length. */
static void cut(Norm *norm, size_t segments) {
    norm->segments = (Segments){segments, norm->starts};
    for (size_t i = 0; i <= segments; i++) norm->starts[i] = i + (norm->n - segments) * i * i / (segments * segments);
}

/** x is `offset` ± 2. */
static Norm norm_new(size_t n, size_t width, float offset) {
    Norm made = {
        .n = n,
        .width = width,
        .accumulate = 1,
        .x = floats_random(n * width, 2.0, 1),
        .gamma = floats_random(width, 1.0, 2),
        .beta = floats_random(width, 1.0, 3),
        .dout = floats_random(n * width, 1.0, 4),
        .mean = floats_new(n),
        .rstd = floats_new(n),
        .scratch = floats_new(LAYERNORM_SCRATCH * width),
    };
    for (size_t i = 0; i < n * width; i++) made.x[i] += offset;
    return made;
}

static void norm_free(Norm *norm) {
    float *all[] = {norm->x, norm->gamma, norm->beta, norm->dout, norm->mean, norm->rstd, norm->scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

/** out [n · width + 2 n]: the result, mean and rstd. */
static void forward(float *out, const void *with) {
    const Norm *a = with;
    float *mean = out + a->n * a->width;
    layernorm_forward(out, mean, mean + a->n, a->x, a->gamma, a->beta, a->n, a->width, EPSILON);
}

static void forward_ref(float *out, const void *with) {
    const Norm *a = with;
    float *mean = out + a->n * a->width;
    layernorm_forward_ref(out, mean, mean + a->n, a->x, a->gamma, a->beta, a->n, a->width, EPSILON);
}

typedef void Backward(float *, float *, float *, const float *, const float *, const float *, const float *,
                      const float *, const Segments *, size_t, int, float *);

/** out [n · width + 2 width]: dx, dgamma, dbeta, all of which hold something before. */
static void backward_with(float *out, const Norm *a, Backward *backward) {
    size_t count = a->n * a->width;
    floats_fill(out, count + 2 * a->width, 1.0, 5);
    backward(out, out + count, out + count + a->width, a->dout, a->x, a->mean, a->rstd, a->gamma, &a->segments,
             a->width, a->accumulate, a->scratch);
}

static void backward(float *out, const void *with) {
    backward_with(out, with, layernorm_backward);
}

static void check(size_t n, size_t width, float offset) {
    Norm a = norm_new(n, width, offset);
    size_t count = n * width;
    float *actual = floats_new(count + 2 * (n + width)), *expected = floats_new(count + 2 * (n + width));
    forward(actual, &a);
    forward_ref(expected, &a);
    /* the mean errs by some roundings of its size, which rstd (about 1, or 316 for a row of one value) enlarges */
    double size = fabs((double)offset) + 2.0, mean_error = 8.0 * FLOAT_EPSILON * size;
    double spread = width < 4 ? 300.0 : 3.0;
    assert_near(actual, expected, count, spread * (mean_error + 8.0 * FLOAT_EPSILON), 4.0 * FLOAT_EPSILON);
    assert_near(actual + count, expected + count, n, mean_error, 0.0);
    memcpy(a.mean, expected + count, n * sizeof(float));
    memcpy(a.rstd, expected + count + n, n * sizeof(float));
    cut(&a, 1);
    for (a.accumulate = 0; a.accumulate < 2; a.accumulate++) {
        backward_with(actual, &a, layernorm_backward);
        backward_with(expected, &a, layernorm_backward_ref);
        /* terms of about 1, rstd times as large in short rows; the column sums add n of them */
        assert_near(actual, expected, count, 16.0 * FLOAT_EPSILON * spread * spread, 8.0 * FLOAT_EPSILON);
        assert_near(actual + count, expected + count, 2 * width, FLOAT_EPSILON * (8.0 + (double)n) * spread, 0.0);
    }
    a.accumulate = 1;
    assert_threads_agree(forward, &a, count + 2 * n);
    assert_threads_agree(backward, &a, count + 2 * width);
    free(actual);
    free(expected);
    norm_free(&a);
}

static void test_against_reference_once(void) {
    check(1, 2, 0.0f);
    check(3, 5, 0.0f);
    check(17, 67, 1.0f);
    check(40, 768, 0.0f); /* enough for several threads */
    check(590, 100, 3.0f);
}
TEST_EVERY_ISA(test_against_reference)

/** Σ along the tree over segments unit … unit + count − 1, each by a call of its own, of dgamma and dbeta. */
static float *joined(const Norm *a, size_t unit, size_t count) {
    size_t width = a->width;
    if (count > 1) {
        size_t left = (size_t)tree_split((int)count);
        float *sum = joined(a, unit, left), *right = joined(a, unit + left, count - left);
        for (size_t c = 0; c < 2 * width; c++) sum[c] += right[c];
        free(right);
        return sum;
    }
    size_t first = a->starts[unit], starts[] = {0, a->starts[unit + 1] - first};
    float *sum = floats_new(2 * width), *dx = floats_new(starts[1] * width);
    layernorm_backward(dx, sum, sum + width, a->dout + first * width, a->x + first * width, a->mean + first,
                       a->rstd + first, a->gamma, &(Segments){1, starts}, width, 0, a->scratch);
    free(dx);
    return sum;
}

static void check_segments(size_t n, size_t width, size_t segments) {
    Norm a = norm_new(n, width, 0.5f);
    size_t count = n * width;
    float *out = floats_new(count + 2 * (n + width)), *expected = floats_new(count + 2 * (n + width));
    forward(out, &a);
    memcpy(a.mean, out + count, n * sizeof(float));
    memcpy(a.rstd, out + count + n, n * sizeof(float));
    a.accumulate = 0;
    cut(&a, segments);
    backward_with(out, &a, layernorm_backward);
    float *sums = joined(&a, 0, segments);
    assert_same_bits(out + count, sums, 2 * width);
    backward_with(expected, &a, layernorm_backward_ref);
    assert_near(out, expected, count, 16.0 * FLOAT_EPSILON * 9.0, 8.0 * FLOAT_EPSILON); /* as in check() */
    assert_near(out + count, expected + count, 2 * width, FLOAT_EPSILON * (8.0 + (double)n) * 3.0, 0.0);
    assert_threads_agree(backward, &a, count + 2 * width);
    free(out);
    free(expected);
    free(sums);
    norm_free(&a);
}

static void test_segments_once(void) {
    check_segments(2, 67, 2);
    check_segments(40, 768, 3);
    check_segments(64, 15, SEGMENTS_MAX);
    check_segments(590, 100, 8);
}
TEST_EVERY_ISA(test_segments)

/** The rows' gradient is the same where that of gamma and beta is not wanted. */
static void test_backward_of_rows_alone_once(void) {
    enum { ROWS = 40, WIDTH = 67 };
    Norm a = norm_new(ROWS, WIDTH, 0.5f);
    float out[2][ROWS * WIDTH + 2 * WIDTH];
    forward(out[0], &a);
    memcpy(a.mean, out[0] + ROWS * WIDTH, ROWS * sizeof(float));
    memcpy(a.rstd, out[0] + ROWS * WIDTH + ROWS, ROWS * sizeof(float));
    a.accumulate = 0;
    cut(&a, 3);
    backward_with(out[0], &a, layernorm_backward);
    for (int ref = 0; ref < 2; ref++) {
        floats_fill(out[1], ROWS * WIDTH, 1.0, 5);
        (ref ? layernorm_backward_ref : layernorm_backward)(out[1], NULL, NULL, a.dout, a.x, a.mean, a.rstd, a.gamma,
                                                            &a.segments, WIDTH, 0, a.scratch);
        if (ref)
            assert_near(out[0], out[1], ROWS * WIDTH, 16.0 * FLOAT_EPSILON * 9.0, 8.0 * FLOAT_EPSILON); /* as above */
        else
            assert_same_bits(out[0], out[1], ROWS * WIDTH);
    }
    norm_free(&a);
}
TEST_EVERY_ISA(test_backward_of_rows_alone)

static void test_in_place_without_statistics_once(void) {
    Norm a = norm_new(6, 77, 0.5f);
    float *expected = floats_new(6 * 77 + 12);
    forward(expected, &a);
    layernorm_forward(a.x, NULL, NULL, a.x, a.gamma, a.beta, 6, 77, EPSILON);
    assert_same_bits(a.x, expected, 6 * 77);
    free(expected);
    norm_free(&a);
}
TEST_EVERY_ISA(test_in_place_without_statistics)

/** torch.nn.functional.layer_norm() gives NaN for such rows, too; linnet does from where the variance overflows. */
static void test_overflow_once(void) {
    const float large[] = {1e20f, 1e30f, 3e38f, INFINITY, NAN};
    const float gamma[20] = {0}, beta[20] = {0};
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        float x[2][20] = {{1.0f, 2.0f}, {1.0f, large[i]}}, out[2][20], mean[2], rstd[2];
        layernorm_forward(out[0], mean, rstd, x[0], gamma, beta, 2, 20, EPSILON);
        for (size_t c = 0; c < 20; c++) assert_true(out[0][c] == 0.0f && isnan(out[1][c]));
        assert_true(isnan(rstd[1]));
    }
}
TEST_EVERY_ISA(test_overflow)

/** A row of equal values has variance 0: the result is beta, and nothing is infinite. */
static void test_constant_row_once(void) {
    Norm a = norm_new(1, 64, 0.0f);
    cut(&a, 1);
    float out[64 + 2], dx[64] = {0}, dgamma[64], dbeta[64];
    for (size_t i = 0; i < 64; i++) a.x[i] = 0.75f;
    forward(out, &a);
    assert_same_bits(out, a.beta, 64);
    layernorm_backward(dx, dgamma, dbeta, a.dout, a.x, out + 64, out + 65, a.gamma, &a.segments, 64, 0, a.scratch);
    for (size_t i = 0; i < 64; i++) assert_true(isfinite(dx[i]) && dgamma[i] == 0.0f);
    norm_free(&a);
}
TEST_EVERY_ISA(test_constant_row)

/** Σ out · dout in float64. */
static double objective(const Norm *a) {
    float *out = floats_new(a->n * (a->width + 2));
    forward(out, a);
    double sum = 0.0;
    for (size_t i = 0; i < a->n * a->width; i++) sum += (double)out[i] * a->dout[i];
    free(out);
    return sum;
}

/** Central differences with h = 2^−6: h² / 6 · third derivative is about 1e-4, and the float32 of `out` (60 values
 *  below 4) is 60 · 4 · 6e-8 / 2h = 5e-4 at the very worst. A wrong formula is off by 0.1 and more. */
static void assert_slopes(const Norm *a, float *values, const float *gradient, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float before = values[i];
        values[i] = before + 0x1p-6f;
        double up = objective(a);
        values[i] = before - 0x1p-6f;
        double down = objective(a);
        values[i] = before;
        assert_true(fabs((up - down) / 0x1p-5 - gradient[i]) < 1e-3);
    }
}

static void test_gradient_once(void) {
    Norm a = norm_new(4, 15, 0.0f);
    cut(&a, 1);
    float *out = floats_new(60 + 8), *gradients = floats_new(60 + 30);
    forward(out, &a);
    memcpy(a.mean, out + 60, 4 * sizeof(float));
    memcpy(a.rstd, out + 64, 4 * sizeof(float));
    layernorm_backward(gradients, gradients + 60, gradients + 75, a.dout, a.x, a.mean, a.rstd, a.gamma, &a.segments, 15,
                       0, a.scratch);
    assert_slopes(&a, a.x, gradients, 60);
    assert_slopes(&a, a.gamma, gradients + 60, 15);
    assert_slopes(&a, a.beta, gradients + 75, 15);
    free(out);
    free(gradients);
    norm_free(&a);
}
TEST_EVERY_ISA(test_gradient)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_reference),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_backward_of_rows_alone),
        cmocka_unit_test(test_in_place_without_statistics),
        cmocka_unit_test(test_constant_row),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
