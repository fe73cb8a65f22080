/* Residual additions with dropout against the reference. */
#include "linnet/kernels/residual.h"
#include "unit/ops_support.h"

typedef struct {
    size_t rows, width;
    float *stream, *branch;
    int32_t *positions;
    uint64_t *samples;
    Dropout dropout;
} Rows;

static Rows rows_new(size_t rows, size_t width) {
    Rows made = {
        .rows = rows,
        .width = width,
        .stream = floats_random(rows * width, 2.0, 1),
        .branch = floats_random(rows * width, 2.0, 2),
        .positions = calloc(rows, sizeof(int32_t)),
        .samples = calloc(rows, sizeof(uint64_t)),
        .dropout = dropout_make(0.3, 42, 3, 1, DROPOUT_MLP_OUTPUT),
    };
    for (size_t r = 0; r < rows; r++) {
        made.positions[r] = (int32_t)(r % 7);
        made.samples[r] = ((uint64_t)1 << 40) + r / 7;
    }
    return made;
}

static void rows_free(Rows *rows) {
    free(rows->stream);
    free(rows->branch);
    free(rows->positions);
    free(rows->samples);
}

static void forward(float *out, const void *with) {
    const Rows *r = with;
    residual_forward(out, r->stream, r->branch, r->positions, r->samples, r->rows, r->width, &r->dropout);
}

static void backward(float *out, const void *with) {
    const Rows *r = with;
    residual_backward(out, r->stream, r->positions, r->samples, r->rows, r->width, &r->dropout);
}

static void check(size_t rows, size_t width) {
    Rows r = rows_new(rows, width);
    size_t count = rows * width;
    float *actual = floats_new(count), *expected = floats_new(count);
    forward(actual, &r);
    residual_forward_ref(expected, r.stream, r.branch, r.positions, r.samples, rows, width, &r.dropout);
    /* the kernel may fuse the multiplication with the addition: one rounding of terms up to 3 differs */
    assert_near(actual, expected, count, 3.0 * FLOAT_EPSILON, 2.0 * FLOAT_EPSILON);
    backward(actual, &r);
    residual_backward_ref(expected, r.stream, r.positions, r.samples, rows, width, &r.dropout);
    assert_same_bits(actual, expected, count); /* one product */
    assert_threads_agree(forward, &r, count);
    assert_threads_agree(backward, &r, count);
    free(actual);
    free(expected);
    rows_free(&r);
}

static void test_against_reference_once(void) {
    check(1, 1);
    check(3, 5);
    check(2, 259);
    check(67, 768); /* enough for several threads */
}
TEST_EVERY_ISA(test_against_reference)

static void test_in_place_and_without_dropout_once(void) {
    Rows r = rows_new(5, 37);
    size_t count = 5 * 37;
    float *expected = floats_new(count), *actual = floats_copy(r.stream, count);
    forward(expected, &r);
    residual_forward(actual, actual, r.branch, r.positions, r.samples, 5, 37, &r.dropout);
    assert_same_bits(actual, expected, count);
    residual_forward(actual, r.stream, r.branch, NULL, NULL, 5, 37, NULL);
    for (size_t i = 0; i < count; i++) expected[i] = r.stream[i] + r.branch[i];
    assert_same_bits(actual, expected, count);
    residual_backward(actual, r.stream, NULL, NULL, 5, 37, NULL);
    assert_same_bits(actual, r.stream, count);
    Dropout keep_all = dropout_make(0.0, 42, 3, 1, DROPOUT_MLP_OUTPUT);
    residual_forward(actual, r.stream, r.branch, r.positions, r.samples, 5, 37, &keep_all);
    assert_same_bits(actual, expected, count);
    free(expected);
    free(actual);
    rows_free(&r);
}
TEST_EVERY_ISA(test_in_place_and_without_dropout)

/** The gradient passes exactly where the forward pass let the branch through. */
static void test_same_mask_in_both_passes_once(void) {
    Rows r = rows_new(9, 100);
    float *out = floats_new(900), *gradient = floats_new(900);
    for (size_t i = 0; i < 900; i++) {
        r.stream[i] = 0.0f;
        r.branch[i] = 1.0f;
    }
    forward(out, &r);
    residual_backward(gradient, r.branch, r.positions, r.samples, 9, 100, &r.dropout);
    assert_same_bits(gradient, out, 900);
    free(out);
    free(gradient);
    rows_free(&r);
}
TEST_EVERY_ISA(test_same_mask_in_both_passes)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_reference),
        cmocka_unit_test(test_in_place_and_without_dropout),
        cmocka_unit_test(test_same_mask_in_both_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
