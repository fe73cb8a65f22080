/* The kernels against plain C, bit for bit: sums of 16 lanes whatever the vectors are, and fmaf() where a set has a fused
 * multiply-add. So all sets that have one give the same bits. The Makefile compiles this without contraction, too.
 * Matrix products are in linear_bits_test.c, AdamW's update in adamw_test.c. */
#include "linnet/kernels/attention.h"
#include "linnet/kernels/gelu.h"
#include "linnet/kernels/layernorm.h"
#include "linnet/kernels/residual.h"
#include "linnet/kernels/vector.h"
#include "unit/ops_support.h"

#define LOG2_E 1.44269504f

/** a · b + c, as the set in use rounds it. */
static float fused(float a, float b, float c) {
    return strcmp(isa_arithmetic(), "fused") == 0 ? fmaf(a, b, c) : a * b + c;
}

/* --- Sums and functions --- */

#define LANES ((size_t)16)

/** Halves upon halves. */
static float sum_lanes(float lanes[LANES]) {
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++) lanes[i] += lanes[i + half];
    return lanes[0];
}

/** Σ a · b. */
static float dot(const float *a, const float *b, size_t n) {
    float lanes[LANES] = {0};
    for (size_t i = 0; i < n; i++) lanes[i % LANES] = fused(a[i], b[i], lanes[i % LANES]);
    return sum_lanes(lanes);
}

/** Chain of n products from 0. */
static float chain(const float *a, size_t a_stride, const float *b, size_t b_stride, size_t n) {
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++) sum = fused(a[i * a_stride], b[i * b_stride], sum);
    return sum;
}

static float power_of_two(float x) {
    static const float coefficients[] = {0x1.5f3e52p-10f, 0x1.3b2d4cp-7f, 0x1.c6aee8p-5f,
                                         0x1.ebfbdcp-3f,  0x1.62e430p-1f, 1.0f};
    x = fminf(128.0f, fmaxf(-127.0f, x));
    float nearest = (x + 0x1.8p23f) - 0x1.8p23f, power = 0x1.41fbbcp-13f;
    for (size_t i = 0; i < 6; i++) power = fused(power, x - nearest, coefficients[i]);
    return nearest < -126.0f ? 0.0f : power * ldexpf(1.0f, (int)nearest);
}

static float logarithm(float x) {
    int exponent;
    float m = frexpf(x, &exponent);
    if (m < 0x1.6a09e6p-1f) m *= 2.0f, exponent--;
    float s = (m - 1.0f) / (m + 1.0f), square = s * s;
    float sum = fused(square, fused(square, fused(square, 1.0f / 9, 1.0f / 7), 1.0f / 5), 1.0f / 3);
    return fused((float)exponent, 0.693147181f, fused(2.0f * s * square, sum, 2.0f * s));
}

/* --- LayerNorm --- */

/** Σ (x − shift)^power in four sums of 16 lanes; what is behind the last complete 64 elements goes to the first. */
static float sum_powers(const float *x, size_t n, float shift, int power) {
    float sums[4][LANES] = {0};
    for (size_t i = 0; i < n; i++) {
        float *to = &sums[i < n / 64 * 64 ? i % 64 / LANES : 0][i % LANES], d = x[i] - shift;
        *to = power == 2 ? fused(d, d, *to) : *to + d;
    }
    for (size_t i = 0; i < LANES; i++) sums[0][i] = (sums[0][i] + sums[1][i]) + (sums[2][i] + sums[3][i]);
    return sum_lanes(sums[0]);
}

static void normalize(float *out, float *mean, float *rstd, const float *x, const float *gamma, const float *beta,
                      size_t n, float epsilon) {
    *mean = sum_powers(x, n, 0.0f, 1) / (float)n;
    *rstd = 1.0f / sqrtf(sum_powers(x, n, *mean, 2) / (float)n + epsilon);
    for (size_t c = 0; c < n; c++) out[c] = fused((x[c] - *mean) * *rstd, gamma[c], beta[c]);
}

/** One row: adds to dx, dgamma and dbeta. */
static void denormalize(float *dx, float *dgamma, float *dbeta, const float *dout, const float *x, const float *gamma,
                        size_t n, float mean, float rstd) {
    float sums[LANES] = {0}, with_normal[LANES] = {0};
    for (size_t c = 0; c < n; c++) {
        float normal = (x[c] - mean) * rstd, dnormal = dout[c] * gamma[c];
        sums[c % LANES] += dnormal;
        with_normal[c % LANES] = fused(dnormal, normal, with_normal[c % LANES]);
        dgamma[c] = fused(dout[c], normal, dgamma[c]);
        dbeta[c] += dout[c];
    }
    float average = sum_lanes(sums) / (float)n, average_normal = sum_lanes(with_normal) / (float)n;
    for (size_t c = 0; c < n; c++) {
        float normal = (x[c] - mean) * rstd, dnormal = dout[c] * gamma[c];
        dx[c] = fused(rstd, fused(-normal, average_normal, dnormal - average), dx[c]);
    }
}

/** At most LAYERNORM_PARTS rows, of which each is a part of its own. */
static void check_layernorm(size_t rows, size_t width) {
    size_t count = rows * width, starts[] = {0, rows};
    float *x = floats_random(count, 2.0, 1), *dout = floats_random(count, 1.0, 2),
          *gamma = floats_random(width, 1.0, 3);
    float *beta = floats_random(width, 1.0, 4), *scratch = floats_new(LAYERNORM_SCRATCH * width);
    float *out = floats_new(2 * count), *dx = floats_random(2 * count, 1.0, 5), *sums = floats_new(4 * width);
    float statistics[4][LAYERNORM_PARTS], *expected_dx = dx + count, *row_sums = floats_new(2 * width);
    memcpy(expected_dx, dx, count * sizeof *dx);
    layernorm_forward(out, statistics[0], statistics[1], x, gamma, beta, rows, width, 1e-5f);
    layernorm_backward(dx, sums, sums + width, dout, x, statistics[0], statistics[1], gamma, &(Segments){1, starts},
                       width, 0, scratch);
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * width;
        normalize(out + count + r * width, &statistics[2][r], &statistics[3][r], row, gamma, beta, width, 1e-5f);
        memset(row_sums, 0, 2 * width * sizeof *row_sums);
        denormalize(expected_dx + r * width, row_sums, row_sums + width, dout + r * width, row, gamma, width,
                    statistics[2][r], statistics[3][r]);
        for (size_t c = 0; c < 2 * width; c++)
            sums[2 * width + c] = r == 0 ? row_sums[c] : sums[2 * width + c] + row_sums[c];
    }
    assert_same_bits(out, out + count, count);
    assert_same_bits(statistics[0], statistics[2], rows);
    assert_same_bits(statistics[1], statistics[3], rows);
    assert_same_bits(dx, expected_dx, count);
    assert_same_bits(sums, sums + 2 * width, 2 * width);
    float *all[] = {x, dout, gamma, beta, scratch, out, dx, sums, row_sums};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static void test_layernorm_once(void) {
    static const size_t widths[] = {1, 5, 16, 20, 63, 64, 100, 200, 768};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) check_layernorm(3 + i, widths[i]);
}
TEST_EVERY_ISA(test_layernorm)

/* --- Attention --- */

/** One head of one sample, in rows of `width` floats: q, k and v next to one another, and what belongs to them. */
typedef struct {
    size_t tokens, width;
    float scale;
    const Dropout *dropout;
    float *qkv, *dout, *out, *lse, *dqkv;
} Head;

static float factor_of(const Head *h, size_t query, size_t key) {
    return dropout_factor_ref(h->dropout, key, 7, (int32_t)query, 0);
}

static void attend(const Head *h, size_t query, float *weights) {
    size_t d = h->width, keys = query + 1;
    const float *q = h->qkv + query * 3 * d, *k = h->qkv + d, *v = k + d;
    float largest = -INFINITY, sums[LANES] = {0}, scale = h->scale * LOG2_E;
    for (size_t j = 0; j < keys; j++) weights[j] = chain(q, 1, k + j * 3 * d, 1, d);
    for (size_t j = 0; j < keys; j++) largest = fmaxf(largest, weights[j]);
    largest *= scale;
    for (size_t j = 0; j < keys; j++) {
        weights[j] = power_of_two(fused(weights[j], scale, -largest));
        sums[j % LANES] += weights[j];
    }
    float sum = sum_lanes(sums);
    h->lse[query] = largest / LOG2_E + logarithm(sum);
    for (size_t j = 0; j < keys; j++) weights[j] = weights[j] * (1.0f / sum) * factor_of(h, query, j);
    for (size_t c = 0; c < d; c++) h->out[query * d + c] = chain(weights, 1, v + c, 3 * d, keys);
}

/** dq of one query, and its weights and gradients of the scores [tokens], zeros behind its keys. */
static void unattend(const Head *h, size_t query, float *weights, float *scores) {
    size_t d = h->width;
    const float *q = h->qkv + query * 3 * d, *k = h->qkv + d, *v = k + d, *dout = h->dout + query * d;
    float delta = dot(dout, h->out + query * d, d), lse = h->lse[query];
    for (size_t j = 0; j < h->tokens; j++) {
        float score = chain(q, 1, k + j * 3 * d, 1, d), dweight = chain(dout, 1, v + j * 3 * d, 1, d);
        float weight = power_of_two(fused(score, h->scale * LOG2_E, -lse * LOG2_E)), factor = factor_of(h, query, j);
        weights[j] = j <= query ? weight * factor : 0.0f;
        scores[j] = j <= query ? weight * fused(factor, dweight, -delta) * h->scale : 0.0f;
    }
    for (size_t c = 0; c < d; c++) h->dqkv[query * 3 * d + c] = chain(scores, 1, k + c, 3 * d, query + 1);
}

/** dk and dv: chains over 32 queries at a time, which are then added. */
static void unattend_keys(const Head *h, const float *weights, const float *scores) {
    size_t n = h->tokens, d = h->width;
    for (size_t j = 0; j < n; j++)
        for (size_t c = 0; c < d; c++) {
            float *dk = h->dqkv + j * 3 * d + d + c, *dv = dk + d;
            for (size_t first = 0; first < n; first += 32) {
                size_t count = n - first < 32 ? n - first : 32;
                float k = chain(scores + first * n + j, n, h->qkv + first * 3 * d + c, 3 * d, count);
                float v = chain(weights + first * n + j, n, h->dout + first * d + c, d, count);
                *dk = first == 0 ? k : *dk + k;
                *dv = first == 0 ? v : *dv + v;
            }
        }
}

static void check_attention(size_t tokens, size_t width, const Dropout *dropout) {
    size_t rows = tokens * width;
    Head h = {tokens,
              width,
              (float)(1.0 / sqrt((double)width)),
              dropout,
              floats_random(3 * rows, 1.5, 7),
              floats_random(rows, 1.0, 8),
              floats_new(rows),
              floats_new(tokens),
              floats_new(3 * rows)};
    float *weights = floats_new(tokens * tokens), *scores = floats_new(tokens * tokens);
    float *out = floats_new(rows), *lse = floats_new(tokens), *dqkv = floats_new(3 * rows);
    float *scratch = floats_new(attention_scratch(tokens, width, (size_t)omp_get_max_threads()));
    int32_t cu_seqlens[] = {0, (int32_t)tokens}, counts[128], positions[128];
    for (int32_t i = 0; i < (int32_t)tokens; i++) counts[i] = i + 1, positions[i] = i;
    AttentionShape shape = {.samples = 1,
                            .heads = 1,
                            .head_width = width,
                            .cu_seqlens_q = cu_seqlens,
                            .cu_seqlens_k = cu_seqlens,
                            .key_counts = counts,
                            .positions = positions,
                            .sample_ids = (uint64_t[]){7},
                            .scale = h.scale};
    attention_forward(out, lse, h.qkv, 3 * width, h.qkv + width, h.qkv + 2 * width, 3 * width, &shape, dropout,
                      scratch);
    attention_backward(dqkv, dqkv + width, dqkv + 2 * width, h.dout, out, lse, h.qkv, 3 * width, h.qkv + width,
                       h.qkv + 2 * width, 3 * width, &shape, dropout, scratch);
    for (size_t query = 0; query < tokens; query++) attend(&h, query, weights);
    for (size_t query = 0; query < tokens; query++)
        unattend(&h, query, weights + query * tokens, scores + query * tokens);
    unattend_keys(&h, weights, scores);
    assert_same_bits(out, h.out, rows);
    assert_same_bits(lse, h.lse, tokens);
    assert_same_bits(dqkv, h.dqkv, 3 * rows);
    float *all[] = {h.qkv, h.dout, h.out, h.lse, h.dqkv, weights, scores, out, lse, dqkv, scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static void test_attention_once(void) {
    static const size_t sizes[][2] = {{1, 8}, {3, 64}, {18, 64}, {37, 25}, {70, 48}};
    Dropout dropout = dropout_make(0.2, 5, 3, 1, DROPOUT_ATTENTION);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_attention(sizes[i][0], sizes[i][1], NULL);
        check_attention(sizes[i][0], sizes[i][1], &dropout);
    }
}
TEST_EVERY_ISA(test_attention)

/* --- Element by element, and norms --- */

#define TWICE_ROOT 1.59576912f
#define CUBIC 0.044715f

static float power_for_gelu(float x) {
    return power_of_two(x * fused(-TWICE_ROOT * LOG2_E * CUBIC, x * x, -TWICE_ROOT * LOG2_E));
}

static void test_gelu_once(void) {
    enum { N = 5003 };
    float *x = floats_random(N, 12.0, 1), *dout = floats_random(N, 1.0, 2), *y = floats_new(N), *dx = floats_new(N);
    gelu_forward(y, x, N);
    gelu_backward(dx, dout, x, N);
    for (size_t i = 0; i < N; i++) {
        float low = fmaxf(-10.0f, x[i]), v = fminf(10.0f, low), power = power_for_gelu(v), s = 1.0f / (1.0f + power);
        float slope = fused(v * s * (s * power), fused(3.0f * CUBIC * TWICE_ROOT, v * v, TWICE_ROOT), s);
        assert_true(y[i] == low / (1.0f + power) && dx[i] == dout[i] * slope);
    }
    float *all[] = {x, dout, y, dx};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}
TEST_EVERY_ISA(test_gelu)

static void test_residual_once(void) {
    enum { N = 333 };
    float *stream = floats_random(N, 1.0, 1), *branch = floats_random(N, 1.0, 2), *out = floats_new(N);
    Dropout dropout = dropout_make(0.3, 5, 3, 1, DROPOUT_ATTENTION);
    residual_forward(out, stream, branch, (int32_t[]){9}, (uint64_t[]){4}, 1, N, &dropout);
    for (size_t i = 0; i < N; i++)
        assert_true(out[i] == fused(dropout_factor_ref(&dropout, i, 4, 9, 0), branch[i], stream[i]));
    float *all[] = {stream, branch, out};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}
TEST_EVERY_ISA(test_residual)

/** 32 sums in float64, halves upon halves. */
static void test_sum_of_squares_once(void) {
    float *x = floats_random(5003, 3.0, 1);
    for (size_t n = 0; n < 5003; n = n * 3 + 1) {
        double sums[32] = {0};
        for (size_t i = 0; i < n; i++) sums[i % 32] += (double)x[i] * x[i];
        for (size_t half = 16; half > 0; half /= 2)
            for (size_t i = 0; i < half; i++) sums[i] += sums[i + half];
        assert_true(sum_of_squares(x, n) == sums[0]);
    }
    free(x);
}
TEST_EVERY_ISA(test_sum_of_squares)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layernorm), cmocka_unit_test(test_attention),      cmocka_unit_test(test_gelu),
        cmocka_unit_test(test_residual),  cmocka_unit_test(test_sum_of_squares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
