#ifndef LINNET_TESTS_LINEAR_LAYERS_H
#define LINNET_TESTS_LINEAR_LAYERS_H
/** What the tests of linear layers share: layers of many sizes, and every way to compute them on this machine. */
#include "linnet/core/random.h"
#include "linnet/kernels/isa.h"
#include "linnet/kernels/linear.h"
#include "unit/missing_instructions.h"
#include "unit/model_files.h"
#include <math.h>
#include <omp.h>

/* What the padding of every array holds before and must hold after. */
static const float UNTOUCHED = 1234.5F;

/* A layer to be tested: sizes, and floats of padding in the rows of weight, x and y. */
typedef struct {
    size_t rows, in, out, weight_gap, x_gap, y_gap;
} Case;

/* Rows are cut into blocks of at most 384, columns into tiles of 48 or 96 (by BLAS 384), the inner extent into runs of
 * KC, 128 or 256 steps, rows of a weight's gradient into runs of 192 or 256: the later cases have several of each,
 * complete and partial, the last five in few multiplications. Cases of more than 2^20 multiplications run on all
 * threads. */
static const Case CASES[] = {
    {1, 1, 1, 0, 0, 0},      {3, 5, 7, 2, 1, 3},      {17, 33, 65, 0, 0, 0},   {8, 64, 3, 61, 0, 5},
    {29, 2, 90, 1, 3, 0},    {520, 40, 400, 7, 0, 9}, {1025, 9, 385, 0, 2, 0}, {70, 1030, 260, 3, 5, 0},
    {520, 400, 40, 0, 1, 2}, {400, 522, 96, 0, 0, 0}, {5, 530, 70, 0, 3, 0},   {4, 70, 530, 6, 0, 2},
    {800, 44, 36, 0, 0, 0},  {17, 270, 64, 0, 0, 0},  {17, 64, 270, 2, 0, 2},
};
#define CASE_COUNT (sizeof CASES / sizeof *CASES)

/* A way to compute products. */
typedef struct {
    const char *isa, *products;
    bool bf16;
} Way;

static const Way WAYS[] = {
    {"base", "blas", false},  {"base", "own", false},  {"neon", "own", false},      {"sve256", "own", false},
    {"sve512", "own", false}, {"avx2", "own", false},  {"avx512", "own", false},    {"base", "own", true},
    {"neon", "own", true},    {"sve256", "own", true}, {"sve512", "own", true},     {"avx2", "own", true},
    {"avx512", "own", true},  {"amx", "own", true},    {"avx512bf16", "own", true},
};

static inline size_t multiplications(const Case *c) {
    return c->rows * c->in * c->out;
}

static LinearWork work;

/* Where instructions are emulated, products of more multiplications than this are left out. An instruction of AMX
 * computes more, so that its limit is higher and the largest products run on two threads. */
enum { MOST_BY_AVX512BF16 = 400000, MOST_BY_AMX = 1300000 };
static size_t most_multiplications; /* in one product, for the way that is being tested */

/* Use the kernels of a set that this machine has or can emulate. */
static inline bool choose(const char *isa) {
    most_multiplications = SIZE_MAX;
    if (isa_choose(isa)) return true;
    if (!isa_choose_missing(isa)) return false;
    most_multiplications = strcmp(isa, "amx") == 0 ? MOST_BY_AMX : MOST_BY_AVX512BF16;
    return true;
}

#define ONE_SEGMENT(rows) (&(Segments){1, (const size_t[]){0, rows}})

typedef struct {
    LinearShape shape;
    size_t rows, weight_count, x_count, y_count;
    float *weight, *bias, *x, *y; /* with gaps */
} Layer;

/* x rounded to bf16, to nearest, ties to even: an independent way, by scaling the 8 bits of the significand to
 * integers. */
static inline float rounded_to_bf16(float x) {
    int exponent;
    double fraction = frexp((double)x, &exponent);
    return (float)ldexp(nearbyint(ldexp(fraction, 8)), exponent - 8);
}

static inline float *block(size_t count) {
    Error error = {0};
    float *values = memory_allocate(count, sizeof *values, &error);
    assert_fine(&error);
    return values;
}

static inline float *copy(const float *values, size_t count) {
    return memcpy(block(count), values, count * sizeof *values);
}

/* Random rows of `columns`, each followed by a gap. */
static inline float *random_rows(size_t rows, size_t columns, size_t stride, uint32_t stream) {
    float *values = block(rows * stride);
    random_normal(values, (int64_t)(rows * stride), 1.0F, 7, stream);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = columns; c < stride; c++) values[r * stride + c] = UNTOUCHED;
    return values;
}

static inline Layer layer_make(const Case *c) {
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

static inline void layer_free(Layer *layer) {
    memory_free(layer->weight);
    memory_free(layer->x);
    memory_free(layer->y);
    memory_free(layer->bias);
}

static inline Layer layer_copy(const Layer *layer) {
    Layer other = *layer;
    other.weight = copy(layer->weight, layer->weight_count);
    other.x = copy(layer->x, layer->x_count);
    other.y = copy(layer->y, layer->y_count);
    other.bias = copy(layer->bias, layer->shape.out);
    return other;
}

/* The layer with its factors rounded as the products round them. */
static inline Layer factors(const Layer *layer, bool bf16) {
    Layer seen = layer_copy(layer);
    if (!bf16) return seen;
    for (size_t i = 0; i < layer->weight_count; i++) seen.weight[i] = rounded_to_bf16(seen.weight[i]);
    for (size_t i = 0; i < layer->x_count; i++) seen.x[i] = rounded_to_bf16(seen.x[i]);
    for (size_t i = 0; i < layer->y_count; i++) seen.y[i] = rounded_to_bf16(seen.y[i]);
    return seen;
}

static inline float *filled(size_t count, float value) {
    float *values = block(count);
    for (size_t i = 0; i < count; i++) values[i] = value;
    return values;
}

/* The layers of all cases; made before the tests run. */
static Layer layers[CASE_COUNT];

static inline void make_layers(void) {
    for (size_t i = 0; i < CASE_COUNT; i++) layers[i] = layer_make(&CASES[i]);
}

static inline void free_layers(void) {
    for (size_t i = 0; i < CASE_COUNT; i++) layer_free(&layers[i]);
}

static inline float *scratch_for(const LinearShape *shape, size_t rows, size_t threads) {
    return block(linear_scratch(rows, shape->in, shape->out, threads));
}

/* Run `check` for every way that this machine has or can emulate, on two threads; then restore the way before. */
static inline void for_all_ways(void (*check)(void)) {
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

/* Run `check` on every case. */
static inline void for_all_cases(void (*check)(const Layer *layer)) {
    for (size_t i = 0; i < CASE_COUNT; i++) {
        if (multiplications(&CASES[i]) > most_multiplications) continue;
        work.threads = 2;
        work.scratch = scratch_for(&layers[i].shape, layers[i].rows, 2);
        check(&layers[i]);
        memory_free(work.scratch);
    }
}

/* Segments of different numbers of rows: as many as wanted, or as there are rows. */
static inline Segments cut_segments(size_t starts[SEGMENTS_MAX + 1], size_t rows, size_t wanted) {
    Segments segments = {wanted < rows ? wanted : rows, starts};
    for (size_t i = 0; i <= segments.count; i++) {
        starts[i] = rows * i * (i + 3) / (segments.count * (segments.count + 3));
        if (i > 0 && starts[i] <= starts[i - 1]) starts[i] = starts[i - 1] + 1;
    }
    return segments;
}

/* Define the cmocka test `name`, which runs `check` on every case in every way. */
#define TEST_ALL(name, check)                                                                                          \
    static void name##_cases(void) {                                                                                   \
        for_all_cases(check);                                                                                          \
    }                                                                                                                  \
    static void name(void **state) {                                                                                   \
        (void)state;                                                                                                   \
        for_all_ways(name##_cases);                                                                                    \
    }
#endif
