/* Linear layers: the bits of their results, which must follow the promised order of summation and nothing else. */
#include "linnet/comm/tree.h"
#include "unit/linear_layers.h"

/* Orders of summation that docs/explanation/numerics.md promises. */
typedef enum { FUSED, UNFUSED, BY_PAIRS, BY_AMX, ORDERS } Order;

/* y, dx and dweight in one of them; dweight from 0, and more_dweight from the values of the weight. */
typedef struct {
    float *y, *dx, *dweight, *more_dweight;
} Ordered;

static Ordered ordered[CASE_COUNT][ORDERS]; /* NULL until a way needs them */

/* A sum of products of bf16, by pairs of elements or by AMX's groups. */
static float sum_bf16(float sum, const float *a, size_t a_stride, const float *b, size_t b_stride, size_t terms,
                      bool amx) {
    const size_t group = amx ? 32 : 2;
    for (size_t first = 0; first < terms; first += group) {
        float parts[2] = {0.0F, 0.0F};
        for (size_t i = first; i < terms && i < first + group; i++) parts[i % 2] += a[i * a_stride] * b[i * b_stride];
        sum = amx ? sum + (parts[0] + parts[1]) : sum + parts[1] + parts[0];
    }
    return sum;
}

/* The Makefile's -ffp-contract=off leaves the product of an unfused sum unfused here as well. */
static float sum_in_order(float sum, const float *a, size_t a_stride, const float *b, size_t b_stride, size_t terms,
                          Order order) {
    if (order == BY_PAIRS || order == BY_AMX) return sum_bf16(sum, a, a_stride, b, b_stride, terms, order == BY_AMX);
    for (size_t i = 0; i < terms; i++)
        sum = order == FUSED ? fmaf(a[i * a_stride], b[i * b_stride], sum) : sum + a[i * a_stride] * b[i * b_stride];
    return sum;
}

static Ordered make_ordered(const Layer *layer, Order order) {
    const LinearShape *shape = &layer->shape;
    const size_t xs = shape->x_stride, ys = shape->y_stride, ws = shape->weight_stride;
    Layer seen = factors(layer, order == BY_PAIRS || order == BY_AMX);
    Ordered to = {filled(layer->y_count, UNTOUCHED), filled(layer->x_count, UNTOUCHED),
                  filled(layer->weight_count, UNTOUCHED), copy(layer->weight, layer->weight_count)};
    for (size_t r = 0; r < layer->rows; r++) {
        for (size_t o = 0; o < shape->out; o++)
            to.y[r * ys + o] = sum_in_order(layer->bias[o], seen.x + r * xs, 1, seen.weight + o, ws, shape->in, order);
        for (size_t i = 0; i < shape->in; i++)
            to.dx[r * xs + i] = sum_in_order(0.0F, seen.y + r * ys, 1, seen.weight + i * ws, 1, shape->out, order);
    }
    for (size_t i = 0; i < shape->in; i++)
        for (size_t o = 0; o < shape->out; o++) {
            float *more = to.more_dweight + i * ws + o;
            to.dweight[i * ws + o] = sum_in_order(0.0F, seen.x + i, xs, seen.y + o, ys, layer->rows, order);
            *more = sum_in_order(*more, seen.x + i, xs, seen.y + o, ys, layer->rows, order);
        }
    layer_free(&seen);
    return to;
}

static void ordered_free(Ordered *o) {
    memory_free(o->y);
    memory_free(o->dx);
    memory_free(o->dweight);
    memory_free(o->more_dweight);
}

static Order promised_order(void) {
    if (work.bf16) return strcmp(isa_name(), "amx") == 0 ? BY_AMX : BY_PAIRS;
    return strcmp(isa_arithmetic(), "fused") == 0 ? FUSED : UNFUSED;
}

/* Every element, whatever the instruction set's vectors and tiles: equal numbers, since a bf16 product may give another
 * zero. */
static void check_order(const Layer *layer) {
    const LinearShape *shape = &layer->shape;
    if (!work.bf16 && strcmp(linear_products(), "own") != 0) return;
    Ordered *to = &ordered[layer - layers][promised_order()];
    if (!to->y) *to = make_ordered(layer, promised_order());
    Ordered is = {filled(layer->y_count, UNTOUCHED), filled(layer->x_count, UNTOUCHED),
                  filled(layer->weight_count, UNTOUCHED), copy(layer->weight, layer->weight_count)};
    linear_forward(is.y, layer->x, layer->weight, layer->bias, layer->rows, shape, &work);
    linear_backward_input(is.dx, layer->y, layer->weight, layer->rows, shape, &work);
    linear_backward_weight(is.dweight, NULL, layer->x, layer->y, ONE_SEGMENT(layer->rows), shape, false, &work);
    linear_backward_weight(is.more_dweight, NULL, layer->x, layer->y, ONE_SEGMENT(layer->rows), shape, true, &work);
    for (size_t i = 0; i < layer->y_count; i++) assert_true(is.y[i] == to->y[i]);
    for (size_t i = 0; i < layer->x_count; i++) assert_true(is.dx[i] == to->dx[i]);
    for (size_t i = 0; i < layer->weight_count; i++) assert_true(is.dweight[i] == to->dweight[i]);
    for (size_t i = 0; i < layer->weight_count; i++) assert_true(is.more_dweight[i] == to->more_dweight[i]);
    ordered_free(&is);
}

/* The results of forward and backward, one after the other. */
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
    linear_backward_weight(dweight, dweight + layer->weight_count, layer->x, layer->y, ONE_SEGMENT(layer->rows), shape,
                           accumulate, &work);
    memory_free(work.scratch);
}

/* The same on `threads` threads, into a new block. */
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

/* A weight's and a bias's gradient, one after the other in a block: one call for each segment alone, and the tree's
 * additions here. */
static float *tree_sum(const Layer *layer, const Segments *segments, size_t unit, size_t count) {
    const LinearShape *shape = &layer->shape;
    size_t size = layer->weight_count + shape->out, first = segments->starts[unit];
    float *sum = filled(size, UNTOUCHED);
    if (count == 1) {
        linear_backward_weight(sum, sum + layer->weight_count, layer->x + first * shape->x_stride,
                               layer->y + first * shape->y_stride, ONE_SEGMENT(segments->starts[unit + 1] - first),
                               shape, false, &work);
        return sum;
    }
    size_t left = (size_t)tree_split((int)count);
    float *a = tree_sum(layer, segments, unit, left), *b = tree_sum(layer, segments, unit + left, count - left);
    for (size_t i = 0; i < size; i++) sum[i] = a[i] == UNTOUCHED ? UNTOUCHED : a[i] + b[i];
    memory_free(a);
    memory_free(b);
    return sum;
}

static void check_segments(const Layer *layer) {
    static const size_t COUNTS[] = {2, 3, 8, 13, SEGMENTS_MAX};
    const LinearShape *shape = &layer->shape;
    const size_t additions = 1300000; /* by tree_sum(), at most: the sanitizers slow them down most */
    if (!linear_batch_invariant(work.bf16)) return;
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        size_t starts[SEGMENTS_MAX + 1], size = layer->weight_count + shape->out;
        if (COUNTS[i] * size > additions) break;
        Segments segments = cut_segments(starts, layer->rows, COUNTS[i]);
        float *expected_bits = tree_sum(layer, &segments, 0, segments.count), *dweight = filled(size, UNTOUCHED);
        linear_backward_weight(dweight, dweight + layer->weight_count, layer->x, layer->y, &segments, shape, false,
                               &work);
        assert_memory_equal(dweight, expected_bits, size * sizeof *dweight);
        memory_free(dweight);
        memory_free(expected_bits);
    }
}

/* A row of y and of dx has the same bits whatever other rows are in the call. */
static void check_batch_invariance(const Layer *layer) {
    const LinearShape *shape = &layer->shape;
    if (!linear_batch_invariant(work.bf16)) return;
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

/* The same values, one float further on. */
static float *shifted(const float *values, size_t count) {
    float *moved = block(count + 1);
    memcpy(moved + 1, values, count * sizeof *moved);
    return moved;
}

/* The alignment of the arrays does not change the bits: only aligned results are written past the caches. */
static void check_alignment(const Layer *layer) {
    size_t count = result_count(layer);
    float *aligned = filled(count, UNTOUCHED), *moved = filled(count + 1, UNTOUCHED);
    float *blocks[] = {shifted(layer->x, layer->x_count), shifted(layer->y, layer->y_count),
                       shifted(layer->weight, layer->weight_count), shifted(layer->bias, layer->shape.out)};
    Layer other = *layer;
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

TEST_ALL(test_sums_in_the_promised_order, check_order)
TEST_ALL(test_segments_give_the_bits_of_the_tree, check_segments)
TEST_ALL(test_rows_do_not_depend_on_other_rows, check_batch_invariance)
TEST_ALL(test_bits_do_not_depend_on_alignment, check_alignment)

static int setup(void **state) {
    (void)state;
    make_layers();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++)
        for (Order order = 0; order < ORDERS; order++) ordered_free(&ordered[i][order]);
    free_layers();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_in_the_promised_order),
        cmocka_unit_test(test_segments_give_the_bits_of_the_tree),
        cmocka_unit_test(test_rows_do_not_depend_on_other_rows),
        cmocka_unit_test(test_bits_do_not_depend_on_threads),
        cmocka_unit_test(test_bits_do_not_depend_on_alignment),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
