/* Attention, forward and backward, against the reference. */
#include "linnet/kernels/attention.h"
#include "unit/ops_support.h"

#define MOST_SAMPLES 8
#define THREADS 3

/** A packed batch with everything that a call takes; q, k and v lie in one array of rows, as the model has them. */
typedef struct {
    AttentionShape shape;
    int32_t cu_seqlens_q[MOST_SAMPLES + 1], cu_seqlens_k[MOST_SAMPLES + 1];
    int32_t *key_counts, *positions;
    uint64_t ids[MOST_SAMPLES];
    size_t queries, keys, width, stride; /* stride 3 · width + 2: rows have a gap */
    float *qkv, *dout, *out, *lse, *scratch;
    const Dropout *dropout;
} Case;

typedef enum { CAUSAL, LAST_QUERY, END_ROW } Kind;

/** Samples of the given lengths. LAST_QUERY: one query a sample; END_ROW: causal, and a last row that sees all but
 *  itself. */
static Case case_new(const int32_t *lengths, size_t samples, size_t heads, size_t head_width, Kind kind) {
    Case made = {.width = heads * head_width, .stride = 3 * heads * head_width + 2};
    for (size_t b = 0; b < samples; b++) {
        made.ids[b] = ((uint64_t)3 << 32) + b * 5;
        made.cu_seqlens_k[b + 1] = made.cu_seqlens_k[b] + lengths[b];
        made.cu_seqlens_q[b + 1] = made.cu_seqlens_q[b] + (kind == LAST_QUERY ? 1 : lengths[b]);
    }
    made.queries = (size_t)made.cu_seqlens_q[samples];
    made.keys = (size_t)made.cu_seqlens_k[samples];
    made.key_counts = calloc(made.queries + 1, sizeof(int32_t));
    made.positions = calloc(made.queries + 1, sizeof(int32_t));
    int32_t most = 1;
    for (size_t b = 0; b < samples; b++) {
        if (lengths[b] > most) most = lengths[b];
        for (int32_t r = made.cu_seqlens_q[b]; r < made.cu_seqlens_q[b + 1]; r++) {
            int32_t t = kind == LAST_QUERY ? lengths[b] - 1 : r - made.cu_seqlens_q[b];
            bool end = kind == END_ROW && t == lengths[b] - 1 && t > 0;
            made.positions[r] = end ? 1023 : t;
            made.key_counts[r] = end ? t : t + 1;
        }
    }
    made.qkv = floats_random(made.keys * made.stride, 1.5, 7);
    made.dout = floats_random(made.queries * made.width, 1.0, 8);
    made.out = floats_new(made.queries * made.width);
    made.lse = floats_new(made.queries * heads);
    made.scratch = floats_new(attention_scratch((size_t)most, head_width, THREADS));
    made.shape = (AttentionShape){.samples = samples, .heads = heads, .head_width = head_width};
    made.shape.scale = (float)(1.0 / sqrt((double)head_width));
    return made;
}

/** The pointers into the Case itself, which has moved since case_new(). */
static void case_tie(Case *c) {
    c->shape.cu_seqlens_q = c->cu_seqlens_q;
    c->shape.cu_seqlens_k = c->cu_seqlens_k;
    c->shape.key_counts = c->key_counts;
    c->shape.positions = c->positions;
    c->shape.sample_ids = c->ids;
}

static void case_free(Case *c) {
    void *all[] = {c->key_counts, c->positions, c->qkv, c->dout, c->out, c->lse, c->scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

/** out [queries, width], then lse [queries, heads]. */
static void forward(float *out, const void *with) {
    const Case *c = with;
    attention_forward(out, out + c->queries * c->width, c->qkv, c->stride, c->qkv + c->width, c->qkv + 2 * c->width,
                      c->stride, &c->shape, c->dropout, c->scratch);
}

static void forward_ref(float *out, const void *with) {
    const Case *c = with;
    attention_forward_ref(out, out + c->queries * c->width, c->qkv, c->stride, c->qkv + c->width, c->qkv + 2 * c->width,
                          c->stride, &c->shape, c->dropout, c->scratch);
}

/** gradient [queries + 2 keys rows of stride]: dq's rows, then rows that hold dk and dv. */
static void backward(float *gradient, const void *with) {
    const Case *c = with;
    float *dkv = gradient + c->queries * c->stride;
    memset(gradient, 0, (c->queries + c->keys) * c->stride * sizeof *gradient);
    for (size_t j = 0; j < c->keys; j++) /* what is not written must show */
        for (size_t i = 0; i < 2 * c->width; i++) dkv[j * c->stride + i] = 99.0f;
    attention_backward(gradient, dkv, dkv + c->width, c->dout, c->out, c->lse, c->qkv, c->stride, c->qkv + c->width,
                       c->qkv + 2 * c->width, c->stride, &c->shape, c->dropout, c->scratch);
}

static void backward_ref(float *gradient, const void *with) {
    const Case *c = with;
    float *dkv = gradient + c->queries * c->stride;
    memset(gradient, 0, (c->queries + c->keys) * c->stride * sizeof *gradient);
    attention_backward_ref(gradient, dkv, dkv + c->width, c->dout, c->out, c->lse, c->qkv, c->stride, c->qkv + c->width,
                           c->qkv + 2 * c->width, c->stride, &c->shape, c->dropout, c->scratch);
}

/** Both passes against the reference, and for any number of threads. */
static void check(const int32_t *lengths, size_t samples, size_t heads, size_t head_width, Kind kind, double p) {
    Case c = case_new(lengths, samples, heads, head_width, kind);
    case_tie(&c);
    Dropout dropout = dropout_make(p, 42, 11, 2, DROPOUT_ATTENTION);
    if (p > 0.0) c.dropout = &dropout;
    size_t outs = c.queries * c.width, results = outs + c.queries * heads;
    size_t gradients = (c.queries + c.keys) * c.stride;
    float *actual = floats_new(results + gradients), *expected = floats_new(results + gradients);
    forward(actual, &c);
    forward_ref(expected, &c);
    /* a score is a sum of d products up to 2.25, some √d roundings of it; weights then sum values up to 1.5, at
     * most 1 / (1 − p) of them */
    double score_error = 4.0 * FLOAT_EPSILON * sqrt((double)head_width) + 4.0 * FLOAT_EPSILON;
    assert_near(actual, expected, outs, (3.0 * score_error + 16.0 * FLOAT_EPSILON) / (1.0 - p), 0.0);
    assert_near(actual + outs, expected + outs, c.queries * heads, 2.0 * score_error, 4.0 * FLOAT_EPSILON);
    memcpy(c.out, expected, outs * sizeof(float));
    memcpy(c.lse, expected + outs, c.queries * heads * sizeof(float));
    backward(actual, &c);
    backward_ref(expected, &c);
    /* d scores are weights times sums of d products; dk and dv add one of them for every query, shrinking as weights
     * do */
    double terms = sqrt((double)head_width) * (8.0 + log((double)(c.keys + 1)));
    assert_near(actual, expected, gradients, 8.0 * FLOAT_EPSILON * terms / (1.0 - p), 16.0 * FLOAT_EPSILON);
    assert_threads_agree(forward, &c, results);
    assert_threads_agree(backward, &c, gradients);
    free(actual);
    free(expected);
    case_free(&c);
}

static const int32_t TWEETS[] = {18, 1, 5, 31, 2, 40, 7};

static void test_against_reference_once(void) {
    static const size_t widths[] = {1, 4, 5, 16, 20, 64};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        for (Kind kind = CAUSAL; kind <= END_ROW; kind++) {
            check(TWEETS, 7, 3, widths[i], kind, 0.0);
            check(TWEETS, 7, 3, widths[i], kind, 0.25);
        }
    check(TWEETS, 7, 12, 64, CAUSAL, 0.1); /* enough for several threads */
}
TEST_EVERY_ISA(test_against_reference)

static void test_long_samples_once(void) {
    static const int32_t lengths[] = {1025, 33};
    check(lengths, 2, 2, 20, END_ROW, 0.1);
    check(lengths, 2, 1, 64, LAST_QUERY, 0.1);
}
TEST_EVERY_ISA(test_long_samples)

/** Keys that no query sees get zeros, whatever the array held before. */
static void test_unseen_keys_once(void) {
    static const int32_t lengths[] = {9, 6};
    Case c = case_new(lengths, 2, 2, 8, END_ROW);
    case_tie(&c);
    float *out = floats_new(c.queries * (c.width + 2)), *gradient = floats_new((c.queries + c.keys) * c.stride);
    forward(out, &c);
    memcpy(c.out, out, c.queries * c.width * sizeof(float));
    memcpy(c.lse, out + c.queries * c.width, c.queries * 2 * sizeof(float));
    backward(gradient, &c);
    static const size_t unseen[] = {8, 14};
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < 2 * c.width; i++) assert_true(gradient[(c.queries + unseen[k]) * c.stride + i] == 0.0f);
    free(out);
    free(gradient);
    case_free(&c);
}
TEST_EVERY_ISA(test_unseen_keys)

/** Scores of thousands overflow exp() unless the largest is taken off; the weights are then 1 and 0, or shares of 1. */
static void test_large_scores_once(void) {
    static const int32_t lengths[] = {3};
    Case c = case_new(lengths, 1, 1, 4, CAUSAL);
    case_tie(&c);
    float out[3 * 4 + 3];
    for (size_t r = 0; r < 3; r++)
        for (size_t i = 0; i < 12; i++)
            c.qkv[r * c.stride + i] = i < 4 ? 100.0f : i < 8 ? (r < 2 ? 50.0f : 10.0f) : (float)r;
    forward(out, &c);
    static const float expected[3] = {0.0f, 0.5f, 0.5f};
    for (size_t r = 0; r < 3; r++)
        for (size_t i = 0; i < 4; i++) assert_true(fabsf(out[r * 4 + i] - expected[r]) < 1e-6f);
    assert_true(fabs(out[12] - 10000.0) < 2e-3); /* 100 · 50 · 4 / √4, in float32 */
    c.qkv[2 * c.stride] = NAN;                   /* the last query's alone */
    forward(out, &c);
    assert_true(isnan(out[8]) && isnan(out[14]));
    assert_true(fabsf(out[4] - 0.5f) < 1e-6f);
    case_free(&c);
}
TEST_EVERY_ISA(test_large_scores)

/** The softmax of two keys is a sigmoid of their difference: the vectorised power of two against libm. */
static void test_exponential_once(void) {
    static const int32_t lengths[] = {2};
    Case c = case_new(lengths, 1, 1, 1, LAST_QUERY);
    case_tie(&c);
    c.qkv[0] = 1.0f;
    c.qkv[1] = 0.0f;
    c.qkv[2] = 0.0f;
    c.qkv[c.stride + 2] = 1.0f;
    for (float x = -87.0f; x <= 0.0f; x += 0.001f) {
        float out[2];
        c.qkv[c.stride + 1] = x;
        forward(out, &c);
        double power = exp((double)x), expected = power / (1.0 + power);
        /* 2^y errs by 1.2e-7; x log2(e) has two roundings of up to 126, which is |x| of them in the result */
        assert_true(fabs(out[0] - expected) <= (4.0 + 2.0 * fabs((double)x)) * FLOAT_EPSILON * expected);
    }
    case_free(&c);
}
TEST_EVERY_ISA(test_exponential)

/** Σ out · dout in float64, from the reference. */
static double objective(const Case *c, float *out) {
    forward_ref(out, c);
    double sum = 0.0;
    for (size_t i = 0; i < c->queries * c->width; i++) sum += (double)out[i] * c->dout[i];
    return sum;
}

/** Central differences with h = 2^−6 of a sum of some 60 outputs below 3: h² / 6 · third derivative is below 2e-4,
 *  float32 outputs and scores give 60 · 3 · 6e-8 / 2h = 4e-4 at the very worst. A wrong mask or formula is off by
 *  0.1. */
static void check_gradient(Kind kind, double p) {
    static const int32_t lengths[] = {3, 1, 5};
    Case c = case_new(lengths, 3, 2, 4, kind);
    case_tie(&c);
    Dropout dropout = dropout_make(p, 42, 11, 2, DROPOUT_ATTENTION);
    if (p > 0.0) c.dropout = &dropout;
    size_t outs = c.queries * c.width;
    float *out = floats_new(outs + c.queries * 2), *gradient = floats_new((c.queries + c.keys) * c.stride);
    forward(out, &c);
    memcpy(c.out, out, outs * sizeof(float));
    memcpy(c.lse, out + outs, c.queries * 2 * sizeof(float));
    backward(gradient, &c);
    for (size_t r = 0; r < c.keys; r++)
        for (size_t i = 0; i < 3 * c.width; i++) {
            if (i < c.width && r >= c.queries) continue;
            float *value = c.qkv + r * c.stride + i, before = *value;
            *value = before + 0x1p-6f;
            double up = objective(&c, out);
            *value = before - 0x1p-6f;
            double down = objective(&c, out);
            *value = before;
            size_t row = i < c.width ? r : c.queries + r, column = i < c.width ? i : i - c.width;
            assert_true(fabs((up - down) / 0x1p-5 - gradient[row * c.stride + column]) < 1e-3);
        }
    free(out);
    free(gradient);
    case_free(&c);
}

static void test_gradient_once(void) {
    for (Kind kind = CAUSAL; kind <= END_ROW; kind++) {
        check_gradient(kind, 0.0);
        check_gradient(kind, 0.3);
    }
}
TEST_EVERY_ISA(test_gradient)

static void test_without_lse_once(void) {
    Case c = case_new(TWEETS, 7, 2, 16, CAUSAL);
    case_tie(&c);
    float *expected = floats_new(c.queries * (c.width + 2));
    forward(expected, &c);
    attention_forward(c.out, NULL, c.qkv, c.stride, c.qkv + c.width, c.qkv + 2 * c.width, c.stride, &c.shape, NULL,
                      c.scratch);
    assert_same_bits(c.out, expected, c.queries * c.width);
    free(expected);
    case_free(&c);
}
TEST_EVERY_ISA(test_without_lse)

/** Keys in rows that do not follow one another, as samples that share rows have them: the bits of keys that do. Row i
 *  becomes row i + i / 3, so that some samples' keys stay together and most do not. */
static void check_scattered(size_t head_width, Kind kind) {
    Case c = case_new(TWEETS, 7, 3, head_width, kind);
    case_tie(&c);
    const size_t outs = c.queries * c.width, results = outs + c.queries * 3;
    float *expected = floats_new(results), *actual = floats_new(results), *reference = floats_new(results);
    float *rows = floats_new((c.keys + c.keys / 3) * c.stride);
    int32_t *key_rows = calloc(c.keys, sizeof *key_rows);
    forward(expected, &c);
    forward_ref(reference, &c);
    for (size_t i = 0; i < c.keys; i++) {
        key_rows[i] = (int32_t)(i + i / 3);
        memcpy(rows + (i + i / 3) * c.stride, c.qkv + i * c.stride, c.stride * sizeof *rows);
    }
    c.shape.key_rows = key_rows;
    attention_forward(actual, actual + outs, c.qkv, c.stride, rows + c.width, rows + 2 * c.width, c.stride, &c.shape,
                      NULL, c.scratch);
    assert_same_bits(actual, expected, results);
    attention_forward_ref(actual, actual + outs, c.qkv, c.stride, rows + c.width, rows + 2 * c.width, c.stride,
                          &c.shape, NULL, c.scratch);
    assert_same_bits(actual, reference, results);
    free(expected);
    free(actual);
    free(reference);
    free(rows);
    free(key_rows);
    case_free(&c);
}

static void test_scattered_keys_once(void) {
    static const size_t widths[] = {1, 5, 16, 64};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        for (Kind kind = CAUSAL; kind <= END_ROW; kind++) check_scattered(widths[i], kind);
}
TEST_EVERY_ISA(test_scattered_keys)

/** A value of each sample's last key that is not finite: where rows are shared, the queries before it keep their bits. */
static void test_value_that_overflows_once(void) {
    Case c = case_new(TWEETS, 7, 3, 16, CAUSAL);
    case_tie(&c);
    const size_t results = c.queries * (c.width + c.shape.heads);
    float *expected = floats_new(results), *actual = floats_new(results);
    int32_t *key_rows = calloc(c.keys, sizeof *key_rows);
    for (size_t i = 0; i < c.keys; i++) key_rows[i] = (int32_t)i;
    c.shape.key_rows = key_rows;
    forward(expected, &c);
    for (size_t b = 0; b < c.shape.samples; b++)
        c.qkv[((size_t)c.cu_seqlens_k[b + 1] - 1) * c.stride + 2 * c.width] = INFINITY;
    forward(actual, &c);
    for (size_t b = 0; b < c.shape.samples; b++) {
        const size_t first = (size_t)c.cu_seqlens_q[b], last = (size_t)c.cu_seqlens_q[b + 1] - 1;
        assert_same_bits(actual + first * c.width, expected + first * c.width, (last - first) * c.width);
        assert_true(actual[last * c.width] == INFINITY);
    }
    free(expected);
    free(actual);
    free(key_rows);
    case_free(&c);
}
TEST_EVERY_ISA(test_value_that_overflows)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_reference),    cmocka_unit_test(test_long_samples),
        cmocka_unit_test(test_unseen_keys),          cmocka_unit_test(test_large_scores),
        cmocka_unit_test(test_exponential),          cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_without_lse),          cmocka_unit_test(test_scattered_keys),
        cmocka_unit_test(test_value_that_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
