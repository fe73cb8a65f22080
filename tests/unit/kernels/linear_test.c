/* Linear layers: every way to compute them against the plain references. linear_bits_test.c tests their bits. */
#include "unit/linear_layers.h"

/* The layer with all values made positive: its results are the sums of the magnitudes of the terms. */
static Layer magnitudes(const Layer *layer) {
    Layer positive = layer_copy(layer);
    for (size_t i = 0; i < layer->weight_count; i++) positive.weight[i] = fabsf(positive.weight[i]);
    for (size_t i = 0; i < layer->x_count; i++) positive.x[i] = fabsf(positive.x[i]);
    for (size_t i = 0; i < layer->y_count; i++) positive.y[i] = fabsf(positive.y[i]);
    for (size_t i = 0; i < layer->shape.out; i++) positive.bias[i] = fabsf(positive.bias[i]);
    return positive;
}

/* In any order of summation, a float32 sum of `terms` products has an error of at most (terms + 1) · 2^-24 of the sum
 * of their magnitudes, to first order (Higham, Accuracy and Stability, §3.1). One more is for the reference's last
 * rounding and one for the value that the sum is added to. */
static void assert_close(const float *fast, const float *reference, const float *magnitude, size_t rows, size_t columns,
                         size_t stride, size_t terms) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < stride; c++) {
            size_t i = r * stride + c;
            double bound = c < columns ? (double)(terms + 3) * 0x1p-24 * (double)magnitude[i] : 0.0; /* gaps stay */
            if (!(fabs((double)fast[i] - (double)reference[i]) <= bound))
                fail_msg("row %zu, column %zu: %.9g, not %.9g", r, c, (double)fast[i], (double)reference[i]);
        }
    }
}

/* What the products of a layer should be and, as ..._size, the sums of the magnitudes of their terms. */
typedef struct {
    float *y[2], *y_size[2]; /* without and with bias */
    float *dx, *dx_size;
    float *dweight[2], *dweight_size[2], *dbias[2], *dbias_size[2]; /* written, and added to the old values */
} Expected;

/* Computed once by the plain references and used for every way, since they take most of this test's time. */
static Expected expected[CASE_COUNT][2]; /* in float32, in bf16 */

static const Expected *expected_of(const Layer *layer) {
    return &expected[layer - layers][work.bf16];
}

static void expect_passes(Expected *e, const Layer *layer, const Layer *seen, const Layer *positive) {
    const LinearShape *shape = &layer->shape;
    e->dx = filled(layer->x_count, UNTOUCHED);
    e->dx_size = filled(layer->x_count, UNTOUCHED);
    linear_backward_input_ref(e->dx, seen->y, seen->weight, layer->rows, shape);
    linear_backward_input_ref(e->dx_size, positive->y, positive->weight, layer->rows, shape);
    for (int i = 0; i < 2; i++) {
        e->y[i] = filled(layer->y_count, UNTOUCHED);
        e->y_size[i] = filled(layer->y_count, UNTOUCHED);
        linear_forward_ref(e->y[i], seen->x, seen->weight, i ? layer->bias : NULL, layer->rows, shape);
        linear_forward_ref(e->y_size[i], positive->x, positive->weight, i ? positive->bias : NULL, layer->rows, shape);
    }
}

/* Neither the old values nor the terms of a bias are rounded to bf16: a bias's gradient is computed from the unrounded
 * layer, with a weight of one row. */
static void expect_weights(Expected *e, const Layer *layer, const Layer *seen, const Layer *positive) {
    const LinearShape *shape = &layer->shape, first = {1, shape->out, shape->out, shape->x_stride, shape->y_stride};
    float *row = block(shape->out);
    for (int i = 0; i < 2; i++) {
        e->dweight[i] = copy(layer->weight, layer->weight_count);
        e->dbias[i] = copy(layer->bias, shape->out);
        e->dweight_size[i] = copy(positive->weight, layer->weight_count);
        e->dbias_size[i] = copy(positive->bias, shape->out);
        linear_backward_weight_ref(e->dweight[i], NULL, seen->x, seen->y, ONE_SEGMENT(layer->rows), shape, i);
        linear_backward_weight_ref(row, e->dbias[i], layer->x, layer->y, ONE_SEGMENT(layer->rows), &first, i);
        linear_backward_weight_ref(e->dweight_size[i], e->dbias_size[i], positive->x, positive->y,
                                   ONE_SEGMENT(layer->rows), shape, i);
    }
    memory_free(row);
}

static int make_expected(void **state) {
    (void)state;
    make_layers();
    for (size_t i = 0; i < CASE_COUNT; i++) {
        for (int bf16 = 0; bf16 < 2; bf16++) {
            Layer seen = factors(&layers[i], bf16), positive = magnitudes(&seen);
            expect_passes(&expected[i][bf16], &layers[i], &seen, &positive);
            expect_weights(&expected[i][bf16], &layers[i], &seen, &positive);
            layer_free(&seen);
            layer_free(&positive);
        }
    }
    return 0;
}

static void expected_free(Expected *e) {
    memory_free(e->dx);
    memory_free(e->dx_size);
    for (int i = 0; i < 2; i++) {
        float *all[] = {e->y[i], e->y_size[i], e->dweight[i], e->dweight_size[i], e->dbias[i], e->dbias_size[i]};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) memory_free(all[k]);
    }
}

static int free_expected(void **state) {
    (void)state;
    free_layers();
    for (size_t i = 0; i < CASE_COUNT; i++) {
        expected_free(&expected[i][0]);
        expected_free(&expected[i][1]);
    }
    return 0;
}

static void check_forward(const Layer *layer) {
    const Expected *e = expected_of(layer);
    const LinearShape *shape = &layer->shape;
    for (int with_bias = 0; with_bias < 2; with_bias++) {
        float *y = filled(layer->y_count, UNTOUCHED);
        linear_forward(y, layer->x, layer->weight, with_bias ? layer->bias : NULL, layer->rows, shape, &work);
        assert_close(y, e->y[with_bias], e->y_size[with_bias], layer->rows, shape->out, shape->y_stride, shape->in);
        memory_free(y);
    }
}

static void check_backward_input(const Layer *layer) {
    const Expected *e = expected_of(layer);
    const LinearShape *shape = &layer->shape;
    float *dx = filled(layer->x_count, UNTOUCHED);
    linear_backward_input(dx, layer->y, layer->weight, layer->rows, shape, &work);
    assert_close(dx, e->dx, e->dx_size, layer->rows, shape->in, shape->x_stride, shape->out);
    memory_free(dx);
}

static void check_weight(const Layer *layer, bool accumulate, bool with_bias) {
    const Expected *e = expected_of(layer);
    const LinearShape *shape = &layer->shape;
    float *dweight = copy(layer->weight, layer->weight_count), *dbias = copy(layer->bias, shape->out);
    linear_backward_weight(dweight, with_bias ? dbias : NULL, layer->x, layer->y, ONE_SEGMENT(layer->rows), shape,
                           accumulate, &work);
    assert_close(dweight, e->dweight[accumulate], e->dweight_size[accumulate], shape->in, shape->out,
                 shape->weight_stride, layer->rows);
    if (with_bias)
        assert_close(dbias, e->dbias[accumulate], e->dbias_size[accumulate], 1, shape->out, shape->out, layer->rows);
    else
        assert_memory_equal(dbias, layer->bias, shape->out * sizeof(float));
    memory_free(dweight);
    memory_free(dbias);
}

static void check_backward_weight(const Layer *layer) {
    check_weight(layer, false, true);
    check_weight(layer, true, true);
    check_weight(layer, false, false);
    check_weight(layer, true, false);
}

/* Segments change the rounding alone. */
static void check_segments(const Layer *layer) {
    const Expected *e = expected_of(layer);
    const LinearShape *shape = &layer->shape;
    size_t starts[SEGMENTS_MAX + 1];
    Segments segments = cut_segments(starts, layer->rows, 13);
    if (!linear_batch_invariant(work.bf16)) return;
    float *dweight = filled(layer->weight_count, UNTOUCHED);
    linear_backward_weight(dweight, NULL, layer->x, layer->y, &segments, shape, false, &work);
    assert_close(dweight, e->dweight[0], e->dweight_size[0], shape->in, shape->out, shape->weight_stride, layer->rows);
    memory_free(dweight);
}

TEST_ALL(test_forward_equals_reference, check_forward)
TEST_ALL(test_input_gradient_equals_reference, check_backward_input)
TEST_ALL(test_weight_gradient_equals_reference, check_backward_weight)
TEST_ALL(test_segments_change_the_rounding_alone, check_segments)

/* The plain reference with segments against the one without. */
static void test_reference_sums_segments(void **state) {
    static const size_t COUNTS[] = {2, 3, 8, 13, SEGMENTS_MAX};
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        const Layer *layer = &layers[i];
        const Expected *e = &expected[i][0];
        const LinearShape *shape = &layer->shape;
        if (multiplications(&CASES[i]) > 100000) continue; /* the reference is slow */
        for (size_t k = 0; k < sizeof COUNTS / sizeof *COUNTS; k++) {
            size_t starts[SEGMENTS_MAX + 1];
            Segments segments = cut_segments(starts, layer->rows, COUNTS[k]);
            float *dweight = copy(layer->weight, layer->weight_count), *dbias = filled(shape->out, UNTOUCHED);
            linear_backward_weight_ref(dweight, dbias, layer->x, layer->y, &segments, shape, false);
            assert_close(dweight, e->dweight[0], e->dweight_size[0], shape->in, shape->out, shape->weight_stride,
                         layer->rows);
            assert_close(dbias, e->dbias[0], e->dbias_size[0], 1, shape->out, shape->out, layer->rows);
            memory_free(dweight);
            memory_free(dbias);
        }
    }
}

/* Some columns of a wider weight, as the last block uses those of its queries, and those of its keys and values. */
static void test_columns_of_a_wider_weight(void **state) {
    (void)state;
    enum { ROWS = 5, IN = 6, OUT = 12, CUT = 4 };
    Layer layer = layer_make(&(Case){ROWS, IN, OUT, 0, 0, 0});
    float full[ROWS * OUT], left[ROWS * CUT], right[ROWS * (OUT - CUT)];
    work.threads = omp_get_max_threads();
    work.scratch = scratch_for(&layer.shape, ROWS, (size_t)work.threads);
    linear_forward_ref(full, layer.x, layer.weight, layer.bias, ROWS, &layer.shape);
    linear_forward(left, layer.x, layer.weight, layer.bias, ROWS, &(LinearShape){IN, CUT, OUT, IN, CUT}, &work);
    linear_forward(right, layer.x, layer.weight + CUT, layer.bias + CUT, ROWS,
                   &(LinearShape){IN, OUT - CUT, OUT, IN, OUT - CUT}, &work);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t c = 0; c < OUT; c++) {
            float part = c < CUT ? left[r * CUT + c] : right[r * (OUT - CUT) + c - CUT];
            /* 6 products of about 1 in float32: 9 · 2^-24 · 6 */
            assert_true(fabsf(part - full[r * OUT + c]) < 4e-6F);
        }
    memory_free(work.scratch);
    layer_free(&layer);
}

/* A product with 1 in bf16 shows how a value is rounded, as the earlier and as the later element of a pair. */
static void bf16_of_special_values(void) {
    static const struct {
        uint32_t value, rounded;
    } ROUNDED[] = {
        {0x3f808000, 0x3f800000}, /* ties go to the even one */
        {0x3f818000, 0x3f820000}, {0x3f808001, 0x3f810000},
        {0x7f7fffff, 0x7f800000}, /* too large: infinity */
        {0x7f800000, 0x7f800000}, {0xff800000, 0xff800000},
        {0x7f800001, 0x7fc00000}, /* not a number, by its low bits alone */
    };
    if (!work.bf16) return;
    for (size_t i = 0; i < 2 * sizeof ROUNDED / sizeof *ROUNDED; i++) {
        float x[2] = {0}, weight[2] = {i % 2 == 0, i % 2 == 1}, y, rounded;
        memcpy(&x[i % 2], &ROUNDED[i / 2].value, sizeof x[0]);
        memcpy(&rounded, &ROUNDED[i / 2].rounded, sizeof rounded);
        LinearShape shape = {2, 1, 1, 2, 1};
        work.threads = 1;
        work.scratch = scratch_for(&shape, 1, 1);
        linear_forward(&y, x, weight, NULL, 1, &shape, &work);
        memory_free(work.scratch);
        if (isnan(rounded))
            assert_true(isnan(y));
        else
            assert_memory_equal(&y, &rounded, sizeof y);
    }
}

static void test_bf16_rounds_special_values(void **state) {
    (void)state;
    for_all_ways(bf16_of_special_values);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_equals_reference),
        cmocka_unit_test(test_input_gradient_equals_reference),
        cmocka_unit_test(test_weight_gradient_equals_reference),
        cmocka_unit_test(test_segments_change_the_rounding_alone),
        cmocka_unit_test(test_reference_sums_segments),
        cmocka_unit_test(test_columns_of_a_wider_weight),
        cmocka_unit_test(test_bf16_rounds_special_values),
    };
    return cmocka_run_group_tests(tests, make_expected, free_expected);
}
