/* Philox, MT19937 and PCG64 against published numbers and those of NumPy; the normal distribution. */
#include "linnet/core/random.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* kat_vectors of the Random123 distribution, "philox4x32 10". */
static void test_philox_gives_the_published_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } answers[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        uint32_t out[4];
        philox4x32(answers[i].counter, answers[i].key, out);
        assert_memory_equal(out, answers[i].out, sizeof out);
    }
}

/* numpy: m = MT19937(); m._legacy_seeding(seed); m.random_raw(1000), entries 0, 1, 2, 623, 624 and 999. */
static void test_mt19937_gives_numpys_words(void **state) {
    (void)state;
    static const struct {
        uint64_t seed;
        uint32_t words[6];
    } answers[] = {
        {5489, {3499211612u, 581869302u, 3890346734u, 4020325887u, 4178893912u, 1341017984u}},
        {42, {1608637542u, 3421126067u, 4083286876u, 1077437785u, 108880612u, 1946654618u}},
        /* PyTorch takes the low 32 bits of a seed. */
        {((uint64_t)7 << 32) + 42, {1608637542u, 3421126067u, 4083286876u, 1077437785u, 108880612u, 1946654618u}},
    };
    static const int places[6] = {0, 1, 2, 623, 624, 999};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        Mt19937 generator;
        mt19937_seed(&generator, answers[i].seed);
        uint32_t words[1000];
        for (int k = 0; k < 1000; k++) words[k] = mt19937_next(&generator);
        for (int k = 0; k < 6; k++) assert_int_equal(words[places[k]], answers[i].words[k]);
    }
}

/* numpy: default_rng(seed).bit_generator.random_raw(4). */
static void test_pcg64_gives_numpys_words(void **state) {
    (void)state;
    static const struct {
        uint64_t seed, words[4];
    } answers[] = {
        {0, {0xa30febcfd9c2825f, 0x4510bdf882d9d721, 0x0a7d3da94ecde8b8, 0x043b27b61342f01d}},
        {42, {0xc621fbcd16d92688, 0x705a5661a791ffc1, 0xdbcd12c26eda1624, 0xb286b60e1600888d}},
        {((uint64_t)1 << 40) + 17, {0x56703574d2f3c38a, 0x439dbdb0c9800c33, 0x8694a167c6beed0b, 0x2efd0ee70bd03190}},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        Pcg64 generator;
        pcg64_seed(&generator, answers[i].seed);
        for (int k = 0; k < 4; k++) assert_true(pcg64_interval(&generator, UINT64_MAX) == answers[i].words[k]);
    }
}

/* numpy: r = RandomState(PCG64(42)); r.randint(0, limit + 1, dtype=uint64) five times: the same mask-and-reject
 * draw. */
static void test_pcg64_interval_gives_numpys_draws(void **state) {
    (void)state;
    static const struct {
        uint64_t limit, draws[5];
    } answers[] = {
        {6, {0, 5, 1, 1, 4}},
        {3221225472u, {383329928u, 2811363265u, 1884968545u, 1859786276u, 369133709u}},
        {UINT32_MAX, {383329928u, 3324115917u, 2811363265u, 1884968545u, 1859786276u}},
        {(uint64_t)UINT32_MAX + 1, {1859786276u, 369133709u, 2204291347u, 784044719u, 2342600227u}},
        {13835058055282163712u,
         {8095878257575067585u, 12864169557245331597u, 1737265434024182251u, 2363279394319028499u,
          8308154130757172590u}},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        Pcg64 generator;
        pcg64_seed(&generator, 42);
        for (int k = 0; k < 5; k++) assert_true(pcg64_interval(&generator, answers[i].limit) == answers[i].draws[k]);
    }
}

static void test_pcg64_interval_of_one_draws_nothing(void **state) {
    (void)state;
    Pcg64 generator;
    pcg64_seed(&generator, 42);
    assert_true(pcg64_interval(&generator, 0) == 0);
    assert_true(pcg64_interval(&generator, UINT64_MAX) == 0xc621fbcd16d92688);
}

#define DRAWS 1000000

/* With n draws of N(0, 1) the k-th sample moment has standard error sqrt(var(x^k) / n): 1 for the mean, √2 for
 * the square, √15 for the cube and √96 for the fourth power, each over √n. Five of them is one chance in a
 * million, and the draws are fixed, so the test always passes or always fails. */
static void test_normal_has_the_moments_of_its_law(void **state) {
    (void)state;
    float *values = malloc(DRAWS * sizeof *values);
    assert_non_null(values);
    random_normal(values, DRAWS, 0.02f, 42, 3);
    double sums[5] = {0};
    for (int i = 0; i < DRAWS; i++) {
        const double x = (double)values[i] / 0.02;
        assert_true(isfinite(x));
        sums[1] += x;
        sums[2] += x * x;
        sums[3] += x * x * x;
        sums[4] += x * x * x * x;
    }
    const double expected[5] = {0, 0, 1, 0, 3}, variance[5] = {0, 1, 2, 15, 96};
    for (int k = 1; k <= 4; k++) assert_true(fabs(sums[k] / DRAWS - expected[k]) < 5 * sqrt(variance[k] / DRAWS));
    free(values);
}

/* Both values of a Box–Muller pair are used, and neighbours do not correlate: the standard error of a correlation is
 * 1/√n. */
static void test_normal_neighbours_are_independent(void **state) {
    (void)state;
    float *values = malloc(DRAWS * sizeof *values);
    assert_non_null(values);
    random_normal(values, DRAWS, 1.0f, 7, 0);
    for (int lag = 1; lag <= 4; lag++) {
        double sum = 0, squares = 0;
        for (int i = 0; i + lag < DRAWS; i++) {
            sum += (double)values[i] * values[i + lag];
            squares += (double)values[i] * values[i] * values[i + lag] * values[i + lag];
        }
        assert_true(fabs(sum / DRAWS) < 5 / sqrt(DRAWS));
        /* E x²y² = 1, var(x²y²) = 9 − 1 = 8, and terms share factors: 3 × that is above any such sum's variance. */
        assert_true(fabs(squares / DRAWS - 1) < 5 * sqrt(24.0 / DRAWS));
    }
    free(values);
}

static void test_normal_depends_on_place_seed_and_stream_alone(void **state) {
    (void)state;
    float all[103], start[10], other_seed[103], other_stream[103];
    random_normal(all, 103, 1.0f, 42, 0);
    random_normal(start, 10, 1.0f, 42, 0);
    random_normal(other_seed, 103, 1.0f, (uint64_t)42 + ((uint64_t)1 << 32), 0);
    random_normal(other_stream, 103, 1.0f, 42, 1);
    assert_memory_equal(all, start, sizeof start);
    for (int i = 0; i < 103; i++) {
        assert_true(all[i] != other_seed[i]);
        assert_true(all[i] != other_stream[i]);
    }
    random_normal(start, 0, 1.0f, 43, 0); /* writes nothing */
    assert_memory_equal(all, start, sizeof start);
}

/* Mean 0 and variance 1/3 of its bound's square, within five standard errors; inside the bounds, and near both. */
static void test_uniform_has_the_moments_of_its_law(void **state) {
    (void)state;
    float *values = malloc(DRAWS * sizeof *values), start[10];
    assert_non_null(values);
    random_uniform(values, DRAWS, 0.5f, 42, 3);
    double sum = 0, squares = 0, least = 0, most = 0;
    for (int i = 0; i < DRAWS; i++) {
        const double x = (double)values[i] / 0.5;
        sum += x;
        squares += x * x;
        least = fmin(least, x);
        most = fmax(most, x);
    }
    assert_true(least >= -1 && least < -0.9999 && most <= 1 && most > 0.9999);
    assert_true(fabs(sum / DRAWS) < 5 * sqrt(1.0 / 3 / DRAWS));
    assert_true(fabs(squares / DRAWS - 1.0 / 3) < 5 * sqrt(4.0 / 45 / DRAWS));
    random_uniform(start, 10, 0.5f, 42, 3);
    assert_memory_equal(values, start, sizeof start);
    random_uniform(start, 10, 0.5f, 42, 4);
    assert_memory_not_equal(values, start, sizeof start);
    free(values);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_gives_the_published_answers),
        cmocka_unit_test(test_mt19937_gives_numpys_words),
        cmocka_unit_test(test_pcg64_gives_numpys_words),
        cmocka_unit_test(test_pcg64_interval_gives_numpys_draws),
        cmocka_unit_test(test_pcg64_interval_of_one_draws_nothing),
        cmocka_unit_test(test_normal_has_the_moments_of_its_law),
        cmocka_unit_test(test_normal_neighbours_are_independent),
        cmocka_unit_test(test_normal_depends_on_place_seed_and_stream_alone),
        cmocka_unit_test(test_uniform_has_the_moments_of_its_law),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
