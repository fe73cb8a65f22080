/* Dropout masks: the counters of Philox, the share that is kept, and the reference. */
#include "linnet/core/random.h"
#include "linnet/kernels/dropout.h"
#include "linnet/kernels/residual.h"
#include "unit/ops_support.h"

#define COUNT ((size_t)1 << 16)

static void test_make(void **state) {
    (void)state;
    Dropout dropout = dropout_make(0.1, 0x123456789u, 7, 3, DROPOUT_MLP_OUTPUT);
    assert_int_equal(dropout.threshold, 429496730u); /* 0.1 · 2^32 = 429496729.6 */
    assert_true(dropout.scale == (float)(1.0 / 0.9));
    assert_int_equal(dropout.key[0], 0x23456789u);
    assert_int_equal(dropout.key[1], 7);
    assert_int_equal(dropout.layer, 3);
    assert_int_equal(dropout.site, DROPOUT_MLP_OUTPUT);
    assert_int_equal(dropout_make(0.0, 1, 1, 0, DROPOUT_EMBEDDING).threshold, 0);
    assert_int_equal(dropout_make(1.0 - 1e-12, 1, 1, 0, DROPOUT_EMBEDDING).threshold, UINT32_MAX);
}

/** The header's words, one by one: which counter and key an element comes from. */
static void test_counter_layout(void **state) {
    (void)state;
    Dropout dropout = dropout_make(0.5, 42, 9, 5, DROPOUT_ATTENTION_OUTPUT);
    uint64_t sample = 0x1234567890abcdefu;
    uint32_t key[2] = {42, 9}, words[4];
    uint32_t counter[4] = {25u | 5u << 16, 1000u | 2u << 16 | 11u << 20, 0x90abcdefu, 0x12345678u};
    philox4x32(counter, key, words);
    float factors[104];
    dropout_row_ref(factors, 104, &dropout, sample, 1000, 11);
    for (size_t i = 0; i < 4; i++) assert_true(factors[100 + i] == (words[i] >= 0x80000000u ? 2.0f : 0.0f));
}

/** A kernel's factors, seen through the gradient of ones. */
static void kernel_factors(float *factors, size_t count, const Dropout *dropout, uint64_t sample, int32_t position) {
    for (size_t i = 0; i < count; i++) factors[i] = 1.0f;
    residual_backward(factors, factors, &position, &sample, 1, count, dropout);
}

static void test_vectors_are_the_reference_once(void) {
    static const size_t counts[] = {1, 3, 4, 5, 31, 32, 33, 64, 100, 255, 256, 257, 768, 1601};
    float actual[1601], expected[1601];
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        Dropout dropout = dropout_make(i % 2 ? 0.1 : 0.9999, i * 77, (int64_t)i, (int)i, (DropoutSite)(i % 4));
        uint64_t sample = i * 0x100000001u + 5;
        kernel_factors(actual, counts[i], &dropout, sample, (int32_t)(i * 73));
        dropout_row_ref(expected, counts[i], &dropout, sample, (int32_t)(i * 73), 0);
        assert_same_bits(actual, expected, counts[i]);
    }
}
TEST_EVERY_ISA(test_vectors_are_the_reference)

/** Kept elements are binomial: the share kept lies within 5 standard deviations (once in 1.7 million by chance). */
static void test_share_kept(void **state) {
    (void)state;
    float *factors = floats_new(COUNT);
    static const double rates[] = {0.01, 0.1, 0.5, 0.9};
    for (size_t k = 0; k < 4; k++) {
        Dropout dropout = dropout_make(rates[k], 42, 1, 0, DROPOUT_EMBEDDING);
        kernel_factors(factors, COUNT, &dropout, 3, 4);
        double kept = 0.0;
        for (size_t i = 0; i < COUNT; i++) {
            assert_true(factors[i] == 0.0f || factors[i] == dropout.scale);
            kept += factors[i] != 0.0f;
        }
        double deviation = sqrt((double)COUNT * rates[k] * (1.0 - rates[k]));
        assert_true(fabs(kept - (double)COUNT * (1.0 - rates[k])) < 5.0 * deviation);
    }
    free(factors);
}

/** Share of equal decisions of two masks at p = ½: ½, within 5 standard deviations, when they are independent. */
static void assert_independent(const float *a, const float *b) {
    double same = 0.0;
    for (size_t i = 0; i < COUNT; i++) same += a[i] == b[i];
    assert_true(fabs(same - COUNT / 2.0) < 5.0 * sqrt(COUNT / 4.0));
}

static void test_every_coordinate_matters(void **state) {
    (void)state;
    Dropout dropout = dropout_make(0.5, 42, 1, 0, DROPOUT_EMBEDDING);
    Dropout others[] = {
        dropout_make(0.5, 43, 1, 0, DROPOUT_EMBEDDING),
        dropout_make(0.5, 42, 2, 0, DROPOUT_EMBEDDING),
        dropout_make(0.5, 42, 1, 1, DROPOUT_EMBEDDING),
        dropout_make(0.5, 42, 1, 0, DROPOUT_ATTENTION),
    };
    float *mask = floats_new(COUNT), *other = floats_new(COUNT);
    dropout_row_ref(mask, COUNT, &dropout, 3, 4, 0);
    for (size_t i = 0; i < 4; i++) {
        dropout_row_ref(other, COUNT, &others[i], 3, 4, 0);
        assert_independent(mask, other);
    }
    static const struct {
        uint64_t sample;
        int32_t position;
        int head;
    } places[] = {{4, 4, 0}, {3 + ((uint64_t)1 << 32), 4, 0}, {3, 5, 0}, {3, 4, 1}};
    for (size_t i = 0; i < 4; i++) {
        dropout_row_ref(other, COUNT, &dropout, places[i].sample, places[i].position, places[i].head);
        assert_independent(mask, other);
    }
    free(mask);
    free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_counter_layout),
        cmocka_unit_test(test_vectors_are_the_reference),
        cmocka_unit_test(test_share_kept),
        cmocka_unit_test(test_every_coordinate_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
