/* Embeddings with dropout, forward and backward, against the reference. */
#include "linnet/kernels/embedding.h"
#include "linnet/kernels/residual.h"
#include "unit/ops_support.h"

#define VOCABULARY 50
#define POSITIONS 40
#define TARGETS ((size_t)12) /* the last one without rows */

typedef struct {
    size_t rows, width;
    float *token, *position, *gradient;
    int32_t *ids, *positions, *index, *scratch;
    size_t starts[SEGMENTS_MAX + 1];
    Segments segments;
    uint64_t *samples;
    Dropout dropout;
} Texts;

static Texts texts_new(size_t rows, size_t width) {
    Texts made = {
        .rows = rows,
        .width = width,
        .token = floats_random(VOCABULARY * width, 1.0, 1),
        .position = floats_random(POSITIONS * width, 1.0, 2),
        .gradient = floats_random(rows * width, 1.0, 3),
        .ids = calloc(rows, sizeof(int32_t)),
        .positions = calloc(rows, sizeof(int32_t)),
        .index = calloc(rows, sizeof(int32_t)),
        .scratch = calloc(TARGETS + rows, sizeof(int32_t)),
        .samples = calloc(rows, sizeof(uint64_t)),
        .dropout = dropout_make(0.2, 42, 3, 0, DROPOUT_EMBEDDING),
    };
    for (size_t r = 0; r < rows; r++) {
        made.ids[r] = (int32_t)(r * 17 % VOCABULARY);
        made.positions[r] = (int32_t)(r % POSITIONS);
        made.index[r] = (int32_t)(r * r % 11);
        made.samples[r] = r / POSITIONS;
    }
    return made;
}

static void texts_free(Texts *texts) {
    free(texts->token);
    free(texts->position);
    free(texts->gradient);
    free(texts->ids);
    free(texts->positions);
    free(texts->index);
    free(texts->scratch);
    free(texts->samples);
}

static void forward(float *out, const void *with) {
    const Texts *t = with;
    embedding_forward(out, t->token, t->position, t->ids, t->positions, t->samples, t->rows, t->width, &t->dropout);
}

/** out [TARGETS, width] */
static void index_add(float *out, const void *with) {
    const Texts *t = with;
    floats_fill(out, TARGETS * t->width, 1.0, 9);
    embedding_index_add(out, t->gradient, t->index, TARGETS, &t->segments, t->width, t->scratch);
}

static void gather_ref(float *out, const Texts *t) {
    floats_fill(out, TARGETS * t->width, 1.0, 9);
    embedding_index_add_ref(out, t->gradient, t->index, TARGETS, &t->segments, t->width);
}

/** The order of a sum is part of the contract, for any number of segments. */
static void check_gather(Texts *t, float *actual, float *expected) {
    static const size_t counts[] = {1, 2, 3, 8, 33, SEGMENTS_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof *counts && counts[i] <= t->rows; i++) {
        t->segments = (Segments){counts[i], t->starts};
        for (size_t segment = 0; segment <= counts[i]; segment++)
            t->starts[segment] = segment + (t->rows - counts[i]) * segment * segment / (counts[i] * counts[i]);
        index_add(actual, t);
        gather_ref(expected, t);
        assert_same_bits(actual, expected, TARGETS * t->width);
        assert_threads_agree(index_add, t, TARGETS * t->width);
    }
}

static void check(size_t rows, size_t width) {
    Texts t = texts_new(rows, width);
    float *actual = floats_new((rows + TARGETS) * width), *expected = floats_new((rows + TARGETS) * width);
    forward(actual, &t);
    embedding_forward_ref(expected, t.token, t.position, t.ids, t.positions, t.samples, rows, width, &t.dropout);
    assert_same_bits(actual, expected, rows * width); /* a sum and a product, each rounded */
    embedding_forward(actual, t.token, t.position, t.ids, t.positions, t.samples, rows, width, NULL);
    embedding_forward_ref(expected, t.token, t.position, t.ids, t.positions, t.samples, rows, width, NULL);
    assert_same_bits(actual, expected, rows * width);
    assert_threads_agree(forward, &t, rows * width);
    check_gather(&t, actual, expected);
    free(actual);
    free(expected);
    texts_free(&t);
}

static void test_against_reference_once(void) {
    check(1, 1);
    check(5, 3);
    check(33, 67);
    check(70, 768); /* enough for several threads */
}
TEST_EVERY_ISA(test_against_reference)

/** The gradient passes where the forward pass did, with the same factors. */
static void test_backward_dropout_once(void) {
    Texts t = texts_new(20, 45);
    float *factors = floats_new(20 * 45), *gradient = floats_copy(t.gradient, 20 * 45);
    residual_backward(gradient, gradient, t.positions, t.samples, 20, 45, &t.dropout);
    size_t dropped = 0;
    for (size_t r = 0; r < 20; r++) {
        dropout_row_ref(factors, 45, &t.dropout, t.samples[r], t.positions[r], 0);
        for (size_t c = 0; c < 45; c++) {
            dropped += factors[c] == 0.0f;
            assert_true(gradient[r * 45 + c] == t.gradient[r * 45 + c] * factors[c]);
        }
    }
    assert_in_range(dropped, 1, 20 * 45 - 1);
    floats_fill(gradient, 20 * 45, 1.0, 3);
    residual_backward(gradient, gradient, NULL, NULL, 20, 45, NULL);
    assert_same_bits(gradient, t.gradient, 20 * 45);
    free(factors);
    free(gradient);
    texts_free(&t);
}
TEST_EVERY_ISA(test_backward_dropout)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_reference),
        cmocka_unit_test(test_backward_dropout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
