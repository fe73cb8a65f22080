#include "linnet/comm/tree.h"
#include "linnet/core/random.h"
#include "linnet/kernels/isa.h"
#include "linnet/kernels/linear.h"
#include "unit/missing_instructions.h"
#include "unit/model_files.h"
#include <math.h>
#include <omp.h>

/* What the padding of every array holds before and must hold after. */
static const float UNTOUCHED = 1234.5F;

/** A layer to be tested: sizes, and floats of padding in the rows of weight, x and y. */
typedef struct {
    size_t rows, in, out, weight_gap, x_gap, y_gap;
} Case;

/* Rows are cut into parts of at most 384, columns into tiles of 48 or 96 (by BLAS 384), the inner extent into blocks of
 * 128 or 256 steps, rows of a weight's gradient into blocks of 192 or 256: the later ones have several of each, whole
 * and in part, the last five in few multiplications. Small ones run on one thread, those of more than 2^20
 * multiplications on all. */
static const Case CASES[] = {
    {1, 1, 1, 0, 0, 0},      {3, 5, 7, 2, 1, 3},      {17, 33, 65, 0, 0, 0},   {8, 64, 3, 61, 0, 5},
    {29, 2, 90, 1, 3, 0},    {520, 40, 800, 7, 0, 9}, {1025, 9, 385, 0, 2, 0}, {70, 1030, 400, 3, 5, 0},
    {520, 800, 40, 0, 1, 2}, {600, 522, 96, 0, 0, 0}, {5, 530, 70, 0, 3, 0},   {4, 70, 530, 6, 0, 2},
    {800, 44, 36, 0, 0, 0},  {17, 270, 64, 0, 0, 0},  {17, 64, 270, 2, 0, 2},
};
#define CASE_COUNT (sizeof CASES / sizeof *CASES)

/* Who computes. */
typedef struct {
    const char *isa, *products;
    bool bf16;
} Way;

static const Way WAYS[] = {
    {"base", "blas", false},  {"base", "own", false},      {"avx2", "own", false},
    {"avx512", "own", false}, {"base", "own", true},       {"avx2", "own", true},
    {"avx512", "own", true},  {"avx512bf16", "own", true}, {"amx", "own", true},
};

static size_t multiplications(const Case *c) {
    return c->rows * c->in * c->out;
}

static LinearWork work;

/* Where software stands in for instructions, products of more multiplications than this are left out; AMX's do more at
 * once, so that there are fewer of them, and the largest ones run on two threads. */
enum { MOST_BY_AVX512BF16 = 400000, MOST_BY_AMX = 1300000 };
static size_t most_multiplications; /* in one product, of the way that is tested */

/** Use the kernels of a set that this machine has, or that software can stand in for. */
static bool choose(const char *isa) {
    most_multiplications = SIZE_MAX;
    if (isa_choose(isa)) return true;
    if (!isa_choose_missing(isa)) return false;
    most_multiplications = strcmp(isa, "amx") == 0 ? MOST_BY_AMX : MOST_BY_AVX512BF16;
    return true;
}

#define ONE_LEAF(rows) (&(Segments){1, (const size_t[]){0, rows}})

typedef struct {
    LinearShape shape;
    size_t rows, weight_count, x_count, y_count;
    float *weight, *bias, *x, *y; /* with gaps */
} Layer;

/** The value nearest to x, ties to even, that bf16 has: its 8 bits of significand, by dividing what is behind them out. */
static float rounded_to_bf16(float x) {
    int exponent;
    double fraction = frexp((double)x, &exponent);
    return (float)ldexp(nearbyint(ldexp(fraction, 8)), exponent - 8);
}

static float *block(size_t count) {
    Error error = {0};
    float *values = memory_allocate(count, sizeof *values, &error);
    assert_fine(&error);
    return values;
}

static float *copy(const float *values, size_t count) {
    return memcpy(block(count), values, count * sizeof *values);
}

/** Random rows of `columns` with a gap behind each. */
static float *random_rows(size_t rows, size_t columns, size_t stride, uint32_t stream) {
    float *values = block(rows * stride);
    random_normal(values, (int64_t)(rows * stride), 1.0F, 7, stream);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = columns; c < stride; c++) values[r * stride + c] = UNTOUCHED;
    return values;
}

static Layer layer_make(const Case *c) {
    Layer layer = {.shape = {c->in, c->out, c->out + c->weight_gap, c->in + c->x_gap, c->out + c->y_gap},
                   .rows = c->rows};
    layer.weight_count = c->in * layer.shape.weight_stride;
    layer.x_count = c->rows * layer.shape.x_stride;
    layer.y_count = c->rows * layer.shape.y_stride;
    layer.weight = random_rows(c->in, c->out, layer.shape.weight_stride, 1);
    layer.x = random_rows(c->rows, c->in, layer.shape.x_stride, 2);
    layer.y = random_rows(c->rows, c->out, layer.shape.y_stride, 3);
    layer.bias = random_rows(1, c->out, c->out, 4);
    return layer;
}

static void layer_free(Layer *layer) {
    memory_free(layer->weight);
    memory_free(layer->x);
    memory_free(layer->y);
    memory_free(layer->bias);
}

static Layer layer_copy(const Layer *layer) {
    Layer other = *layer;
    other.weight = copy(layer->weight, layer->weight_count);
    other.x = copy(layer->x, layer->x_count);
    other.y = copy(layer->y, layer->y_count);
    other.bias = copy(layer->bias, layer->shape.out);
    return other;
}

/** The layer as its products see it. */
static Layer factors(const Layer *layer, bool bf16) {
    Layer seen = layer_copy(layer);
    if (!bf16) return seen;
    for (size_t i = 0; i < layer->weight_count; i++) seen.weight[i] = rounded_to_bf16(seen.weight[i]);
    for (size_t i = 0; i < layer->x_count; i++) seen.x[i] = rounded_to_bf16(seen.x[i]);
    for (size_t i = 0; i < layer->y_count; i++) seen.y[i] = rounded_to_bf16(seen.y[i]);
    return seen;
}

/** The layer with all its values made positive, whose results are the sums of the magnitudes of the terms. */
static Layer magnitudes(const Layer *layer) {
    Layer positive = layer_copy(layer);
    for (size_t i = 0; i < layer->weight_count; i++) positive.weight[i] = fabsf(positive.weight[i]);
    for (size_t i = 0; i < layer->x_count; i++) positive.x[i] = fabsf(positive.x[i]);
    for (size_t i = 0; i < layer->y_count; i++) positive.y[i] = fabsf(positive.y[i]);
    for (size_t i = 0; i < layer->shape.out; i++) positive.bias[i] = fabsf(positive.bias[i]);
    return positive;
}

/* Whatever the order of summing, `terms` products in float32 are off by at most (terms + 1) · 2^-24 of the sum of
 * their magnitudes, to first order (Higham, Accuracy and Stability, §3.1); one more for the reference's own last
 * rounding and one for what the sum is added to. */
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

static float *filled(size_t count, float value) {
    float *values = block(count);
    for (size_t i = 0; i < count; i++) values[i] = value;
    return values;
}

/** What the products of a layer should be and, as ..._size, the sums of the magnitudes of their terms. */
typedef struct {
    float *y[2], *y_size[2]; /* without and with bias */
    float *dx, *dx_size;
    float *dweight[2], *dweight_size[2], *dbias[2], *dbias_size[2]; /* written, and added to what is there */
} Expected;

/* By the plain references: once for every way of computing them, since that takes most of this test's time. */
static Layer layers[CASE_COUNT];
static Expected expected[CASE_COUNT][2]; /* in float32, in bf16 */

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

/* What is added to is not rounded, nor is what a bias sums: that is the gradient of a weight of no rows but one. */
static void expect_weights(Expected *e, const Layer *layer, const Layer *seen, const Layer *positive) {
    const LinearShape *shape = &layer->shape, first = {1, shape->out, shape->out, shape->x_stride, shape->y_stride};
    float *row = block(shape->out);
    for (int i = 0; i < 2; i++) {
        e->dweight[i] = copy(layer->weight, layer->weight_count);
        e->dbias[i] = copy(layer->bias, shape->out);
        e->dweight_size[i] = copy(positive->weight, layer->weight_count);
        e->dbias_size[i] = copy(positive->bias, shape->out);
        linear_backward_weight_ref(e->dweight[i], NULL, seen->x, seen->y, ONE_LEAF(layer->rows), shape, i);
        linear_backward_weight_ref(row, e->dbias[i], layer->x, layer->y, ONE_LEAF(layer->rows), &first, i);
        linear_backward_weight_ref(e->dweight_size[i], e->dbias_size[i], positive->x, positive->y,
                                   ONE_LEAF(layer->rows), shape, i);
    }
    memory_free(row);
}

static int make_expected(void **state) {
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        layers[i] = layer_make(&CASES[i]);
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
    for (size_t i = 0; i < CASE_COUNT; i++) {
        layer_free(&layers[i]);
        expected_free(&expected[i][0]);
        expected_free(&expected[i][1]);
    }
    return 0;
}

static void check_forward(const Layer *layer, const Expected *e) {
    const LinearShape *shape = &layer->shape;
    for (int with_bias = 0; with_bias < 2; with_bias++) {
        float *y = filled(layer->y_count, UNTOUCHED);
        linear_forward(y, layer->x, layer->weight, with_bias ? layer->bias : NULL, layer->rows, shape, &work);
        assert_close(y, e->y[with_bias], e->y_size[with_bias], layer->rows, shape->out, shape->y_stride, shape->in);
        memory_free(y);
    }
}

static void check_backward_input(const Layer *layer, const Expected *e) {
    const LinearShape *shape = &layer->shape;
    float *dx = filled(layer->x_count, UNTOUCHED);
    linear_backward_input(dx, layer->y, layer->weight, layer->rows, shape, &work);
    assert_close(dx, e->dx, e->dx_size, layer->rows, shape->in, shape->x_stride, shape->out);
    memory_free(dx);
}

static void check_weight(const Layer *layer, const Expected *e, bool accumulate, bool with_bias) {
    const LinearShape *shape = &layer->shape;
    float *dweight = copy(layer->weight, layer->weight_count), *dbias = copy(layer->bias, shape->out);
    linear_backward_weight(dweight, with_bias ? dbias : NULL, layer->x, layer->y, ONE_LEAF(layer->rows), shape,
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

static void check_backward_weight(const Layer *layer, const Expected *e) {
    check_weight(layer, e, false, true);
    check_weight(layer, e, true, true);
    check_weight(layer, e, false, false);
    check_weight(layer, e, true, false);
}

/* A sum of products of bf16 in the order that docs/numerics.md promises. */
static float sum_in_order(float sum, const float *a, size_t a_stride, const float *b, size_t b_stride, size_t terms) {
    const size_t group = strcmp(isa_name(), "amx") == 0 ? 32 : 2;
    for (size_t first = 0; first < terms; first += group) {
        float parts[2] = {0.0F, 0.0F};
        for (size_t i = first; i < terms && i < first + group; i++) parts[i % 2] += a[i * a_stride] * b[i * b_stride];
        if (group > 2)
            sum += parts[0] + parts[1];
        else
            sum = sum + parts[1] + parts[0];
    }
    return sum;
}

static void check_order(const Layer *layer, const Expected *e) {
    const LinearShape *shape = &layer->shape;
    (void)e;
    if (!work.bf16) return;
    Layer seen = factors(layer, true);
    float *y = filled(layer->y_count, UNTOUCHED), *dx = filled(layer->x_count, UNTOUCHED);
    float *dweight = filled(layer->weight_count, UNTOUCHED);
    linear_forward(y, layer->x, layer->weight, layer->bias, layer->rows, shape, &work);
    linear_backward_input(dx, layer->y, layer->weight, layer->rows, shape, &work);
    linear_backward_weight(dweight, NULL, layer->x, layer->y, ONE_LEAF(layer->rows), shape, false, &work);
    const size_t xs = shape->x_stride, ys = shape->y_stride, ws = shape->weight_stride;
    for (size_t r = 0; r < layer->rows; r++) {
        for (size_t o = 0; o < shape->out; o++)
            assert_true(y[r * ys + o] ==
                        sum_in_order(layer->bias[o], seen.x + r * xs, 1, seen.weight + o, ws, shape->in));
        for (size_t i = 0; i < shape->in; i++)
            assert_true(dx[r * xs + i] == sum_in_order(0.0F, seen.y + r * ys, 1, seen.weight + i * ws, 1, shape->out));
    }
    for (size_t i = 0; i < shape->in; i++)
        for (size_t o = 0; o < shape->out; o++)
            assert_true(dweight[i * ws + o] == sum_in_order(0.0F, seen.x + i, xs, seen.y + o, ys, layer->rows));
    layer_free(&seen);
    memory_free(y);
    memory_free(dx);
    memory_free(dweight);
}

static float *scratch_for(const LinearShape *shape, size_t rows, size_t threads) {
    return block(linear_scratch(rows, shape->in, shape->out, threads));
}

/** Every way that this machine has, on two threads; the way before is restored. */
static void for_all_ways(void (*check)(void)) {
    const char *isa = isa_name(), *products = linear_products();
    int threads = omp_get_max_threads();
    omp_set_num_threads(2);
    for (size_t i = 0; i < sizeof WAYS / sizeof *WAYS; i++) {
        if (!choose(WAYS[i].isa)) continue;
        assert_int_equal(linear_choose(WAYS[i].products), 1);
        work.bf16 = WAYS[i].bf16;
        check();
        assert_int_equal(omp_get_max_threads(), 2); /* the caller's number of threads is left alone */
    }
    isa_choose(isa);
    linear_choose(products);
    omp_set_num_threads(threads);
    work.bf16 = false;
}

/** Run `check` on every case. */
static void for_all_cases(void (*check)(const Layer *layer, const Expected *e)) {
    for (size_t i = 0; i < CASE_COUNT; i++) {
        if (multiplications(&CASES[i]) > most_multiplications) continue;
        work.threads = 2;
        work.scratch = scratch_for(&layers[i].shape, layers[i].rows, 2);
        check(&layers[i], &expected[i][work.bf16]);
        memory_free(work.scratch);
    }
}

static void all_forward(void) {
    for_all_cases(check_forward);
}

static void test_forward(void **state) {
    (void)state;
    for_all_ways(all_forward);
}

static void all_backward_input(void) {
    for_all_cases(check_backward_input);
}

static void test_backward_input(void **state) {
    (void)state;
    for_all_ways(all_backward_input);
}

static void all_orders(void) {
    for_all_cases(check_order);
}

static void test_order_of_bf16(void **state) {
    (void)state;
    for_all_ways(all_orders);
}

static void all_backward_weight(void) {
    for_all_cases(check_backward_weight);
}

static void test_backward_weight(void **state) {
    (void)state;
    for_all_ways(all_backward_weight);
}

/** Results of forward and backward, one behind the other. */
static size_t result_count(const Layer *layer) {
    return layer->y_count + layer->x_count + layer->weight_count + layer->shape.out;
}

static void run_into(float *results, const Layer *layer, int threads, bool accumulate) {
    const LinearShape *shape = &layer->shape;
    float *dx = results + layer->y_count, *dweight = dx + layer->x_count;
    omp_set_num_threads(threads);
    work.threads = threads;
    work.scratch = scratch_for(shape, layer->rows, (size_t)threads);
    linear_forward(results, layer->x, layer->weight, layer->bias, layer->rows, shape, &work);
    linear_backward_input(dx, layer->y, layer->weight, layer->rows, shape, &work);
    linear_backward_weight(dweight, dweight + layer->weight_count, layer->x, layer->y, ONE_LEAF(layer->rows), shape,
                           accumulate, &work);
    memory_free(work.scratch);
}

/** The same on a number of threads, in a block. */
static float *run_all(const Layer *layer, int threads, size_t *count) {
    *count = result_count(layer);
    float *results = filled(*count, UNTOUCHED);
    run_into(results, layer, threads, true);
    return results;
}

static void bits_on_threads(void) {
    for (size_t i = 0; i < CASE_COUNT; i++) {
        if (multiplications(&CASES[i]) > most_multiplications) continue;
        size_t count;
        float *one = run_all(&layers[i], 1, &count);
        for (int threads = 2; threads <= 3; threads++) {
            float *more = run_all(&layers[i], threads, &count);
            assert_memory_equal(one, more, count * sizeof *one);
            memory_free(more);
        }
        memory_free(one);
    }
    omp_set_num_threads(2);
}

static void test_bits_do_not_depend_on_threads(void **state) {
    (void)state;
    for_all_ways(bits_on_threads);
}

/** Segments of uneven numbers of rows, as many as wanted or as there are rows. */
static Segments cut_segments(size_t starts[SEGMENTS_MAX + 1], size_t rows, size_t wanted) {
    Segments segments = {wanted < rows ? wanted : rows, starts};
    for (size_t i = 0; i <= segments.count; i++) {
        starts[i] = rows * i * (i + 3) / (segments.count * (segments.count + 3));
        if (i > 0 && starts[i] <= starts[i - 1]) starts[i] = starts[i - 1] + 1;
    }
    return segments;
}

/** What a weight's and a bias's gradient are for each segment alone, joined along the tree: one behind the other in a
 *  block. */
static float *joined(const Layer *layer, const Segments *segments, size_t unit, size_t count) {
    const LinearShape *shape = &layer->shape;
    size_t size = layer->weight_count + shape->out, first = segments->starts[unit];
    float *sum = filled(size, UNTOUCHED);
    if (count == 1) {
        linear_backward_weight(sum, sum + layer->weight_count, layer->x + first * shape->x_stride,
                               layer->y + first * shape->y_stride, ONE_LEAF(segments->starts[unit + 1] - first), shape,
                               false, &work);
        return sum;
    }
    size_t left = (size_t)tree_split((int)count);
    float *a = joined(layer, segments, unit, left), *b = joined(layer, segments, unit + left, count - left);
    for (size_t i = 0; i < size; i++) sum[i] = a[i] == UNTOUCHED ? UNTOUCHED : a[i] + b[i];
    memory_free(a);
    memory_free(b);
    return sum;
}

static void check_segments(const Layer *layer, const Expected *e) {
    static const size_t COUNTS[] = {2, 3, 8, 13, SEGMENTS_MAX};
    const LinearShape *shape = &layer->shape;
    if (!linear_rows_alone(work.bf16)) return;
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        size_t starts[SEGMENTS_MAX + 1], size = layer->weight_count + shape->out;
        Segments segments = cut_segments(starts, layer->rows, COUNTS[i]);
        float *expected_bits = joined(layer, &segments, 0, segments.count), *dweight = filled(size, UNTOUCHED);
        linear_backward_weight(dweight, dweight + layer->weight_count, layer->x, layer->y, &segments, shape, false,
                               &work);
        assert_memory_equal(dweight, expected_bits, size * sizeof *dweight);
        assert_close(dweight, e->dweight[0], e->dweight_size[0], shape->in, shape->out, shape->weight_stride,
                     layer->rows);
        memory_free(dweight);
        memory_free(expected_bits);
        if (layer->rows * shape->in * shape->out > 100000) continue; /* the reference is slow */
        float *reference = copy(layer->weight, layer->weight_count), *bias = filled(shape->out, UNTOUCHED);
        linear_backward_weight_ref(reference, bias, layer->x, layer->y, &segments, shape, false);
        if (!work.bf16)
            assert_close(reference, e->dweight[0], e->dweight_size[0], shape->in, shape->out, shape->weight_stride,
                         layer->rows);
        memory_free(reference);
        memory_free(bias);
    }
}

static void all_segments(void) {
    for_all_cases(check_segments);
}

static void test_segments(void **state) {
    (void)state;
    for_all_ways(all_segments);
}

/** A row of y and of dx has the same bits alone as among others. */
static void check_rows_alone(const Layer *layer, const Expected *e) {
    const LinearShape *shape = &layer->shape;
    (void)e;
    if (!linear_rows_alone(work.bf16)) return;
    float *y = filled(layer->y_count, UNTOUCHED), *dx = filled(layer->x_count, UNTOUCHED);
    float *some_y = filled(layer->y_count, UNTOUCHED), *some_dx = filled(layer->x_count, UNTOUCHED);
    linear_forward(y, layer->x, layer->weight, layer->bias, layer->rows, shape, &work);
    linear_backward_input(dx, layer->y, layer->weight, layer->rows, shape, &work);
    for (size_t first = 0, count = 1; first < layer->rows; first += count, count = 2 * count + 1) {
        if (count > layer->rows - first) count = layer->rows - first;
        size_t at_x = first * shape->x_stride, at_y = first * shape->y_stride;
        linear_forward(some_y + at_y, layer->x + at_x, layer->weight, layer->bias, count, shape, &work);
        linear_backward_input(some_dx + at_x, layer->y + at_y, layer->weight, count, shape, &work);
    }
    assert_memory_equal(y, some_y, layer->y_count * sizeof *y);
    assert_memory_equal(dx, some_dx, layer->x_count * sizeof *dx);
    memory_free(y);
    memory_free(dx);
    memory_free(some_y);
    memory_free(some_dx);
}

static void all_rows_alone(void) {
    for_all_cases(check_rows_alone);
}

static void test_rows_alone(void **state) {
    (void)state;
    for_all_ways(all_rows_alone);
}

/** The same values a float further on. */
static float *shifted(const float *values, size_t count) {
    float *moved = block(count + 1);
    memcpy(moved + 1, values, count * sizeof *moved);
    return moved;
}

/** Where arrays begin does not matter: what is written past the caches has to be aligned, and is only where it is. */
static void check_alignment(const Layer *layer, const Expected *e) {
    size_t count = result_count(layer);
    float *aligned = filled(count, UNTOUCHED), *moved = filled(count + 1, UNTOUCHED);
    float *blocks[] = {shifted(layer->x, layer->x_count), shifted(layer->y, layer->y_count),
                       shifted(layer->weight, layer->weight_count), shifted(layer->bias, layer->shape.out)};
    Layer other = *layer;
    (void)e;
    other.x = blocks[0] + 1, other.y = blocks[1] + 1, other.weight = blocks[2] + 1, other.bias = blocks[3] + 1;
    memory_free(work.scratch); /* run_into() brings its own */
    run_into(aligned, layer, 2, false);
    run_into(moved + 1, &other, 2, false);
    work.scratch = NULL;
    assert_memory_equal(aligned, moved + 1, count * sizeof *aligned);
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) memory_free(blocks[i]);
    memory_free(aligned);
    memory_free(moved);
}

static void all_alignments(void) {
    for_all_cases(check_alignment);
}

static void test_alignment(void **state) {
    (void)state;
    for_all_ways(all_alignments);
}

/** The columns of a wider weight, as the last block uses its queries' and its keys' and values'. */
static void test_slices_of_a_weight(void **state) {
    (void)state;
    enum { ROWS = 5, IN = 6, OUT = 12, CUT = 4 };
    Layer layer = layer_make(&(Case){ROWS, IN, OUT, 0, 0, 0});
    float whole[ROWS * OUT], left[ROWS * CUT], right[ROWS * (OUT - CUT)];
    work.threads = omp_get_max_threads();
    work.scratch = scratch_for(&layer.shape, ROWS, (size_t)work.threads);
    linear_forward_ref(whole, layer.x, layer.weight, layer.bias, ROWS, &layer.shape);
    linear_forward(left, layer.x, layer.weight, layer.bias, ROWS, &(LinearShape){IN, CUT, OUT, IN, CUT}, &work);
    linear_forward(right, layer.x, layer.weight + CUT, layer.bias + CUT, ROWS,
                   &(LinearShape){IN, OUT - CUT, OUT, IN, OUT - CUT}, &work);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t c = 0; c < OUT; c++) {
            float part = c < CUT ? left[r * CUT + c] : right[r * (OUT - CUT) + c - CUT];
            /* 6 products of about 1 in float32: 9 · 2^-24 · 6 */
            assert_true(fabsf(part - whole[r * OUT + c]) < 4e-6F);
        }
    memory_free(work.scratch);
    layer_free(&layer);
}

/* Times one in bf16: what the rounding makes of a value, as a pair's earlier and later element. */
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

static void test_bf16_of_special_values(void **state) {
    (void)state;
    for_all_ways(bf16_of_special_values);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_backward_input),
        cmocka_unit_test(test_backward_weight),
        cmocka_unit_test(test_order_of_bf16),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_rows_alone),
        cmocka_unit_test(test_bits_do_not_depend_on_threads),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_slices_of_a_weight),
        cmocka_unit_test(test_bf16_of_special_values),
    };
    return cmocka_run_group_tests(tests, make_expected, free_expected);
}
