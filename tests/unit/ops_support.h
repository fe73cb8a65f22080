#ifndef LINNET_TESTS_OPS_SUPPORT_H
#define LINNET_TESTS_OPS_SUPPORT_H
/** What the tests of the kernels share: repeatable numbers, every instruction set, any number of threads. */
#include "linnet/kernels/isa.h"
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FLOAT_EPSILON 6e-8 /* 2^−24, the relative error of one rounding to float32 */

static inline float *floats_new(size_t count) {
    float *values = calloc(count + 1, sizeof *values);
    assert_non_null(values);
    return values;
}

/** Uniform in [−size, size), the same for the same seed. */
static inline void floats_fill(float *values, size_t count, double size, uint32_t seed) {
    uint64_t state = seed * 2654435761u + 12345u;
    for (size_t i = 0; i < count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        values[i] = (float)(size * ((double)(state >> 40) * 0x1p-23 - 1.0));
    }
}

static inline float *floats_random(size_t count, double size, uint32_t seed) {
    float *values = floats_new(count);
    floats_fill(values, count, size, seed);
    return values;
}

static inline float *floats_copy(const float *values, size_t count) {
    return memcpy(floats_new(count), values, count * sizeof *values);
}

/** |actual − expected| ≤ absolute + relative · |expected| everywhere. */
static inline void assert_near(const float *actual, const float *expected, size_t count, double absolute,
                               double relative) {
    for (size_t i = 0; i < count; i++) {
        double limit = absolute + relative * fabs((double)expected[i]);
        if (!(fabs((double)actual[i] - (double)expected[i]) <= limit))
            fail_msg("%s: element %zu of %zu is %.9g, should be %.9g, within %.2g", isa_name(), i, count,
                     (double)actual[i], (double)expected[i], limit);
    }
}

static inline void assert_same_bits(const float *actual, const float *expected, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (memcmp(actual + i, expected + i, sizeof *actual) != 0)
            fail_msg("%s: element %zu of %zu is %.9g, should be %.9g to the bit", isa_name(), i, count,
                     (double)actual[i], (double)expected[i]);
}

/** One computation, as a function of nothing but `with`; it writes out [count]. */
typedef void (*Computation)(float *out, const void *with);

/** The same bits with 1, 2 and 3 threads. */
static inline void assert_threads_agree(Computation compute, const void *with, size_t count) {
    float *expected = floats_new(count), *actual = floats_new(count);
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    compute(expected, with);
    for (int threads = 2; threads <= 3; threads++) {
        omp_set_num_threads(threads);
        memset(actual, 0xff, count * sizeof *actual);
        compute(actual, with);
        assert_same_bits(actual, expected, count);
    }
    omp_set_num_threads(before);
    free(expected);
    free(actual);
}

/** Run a test once for every instruction set that this machine has. */
static inline void with_every_isa(void (*test)(void)) {
    static const char *const names[] = {"base", "neon", "sve256", "sve512", "avx2", "avx512", "avx512bf16", "amx"};
    const char *before = isa_name();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (isa_choose(names[i])) test();
    isa_choose(before);
}

/** Define the cmocka test `name` as `name_once` under every instruction set. */
#define TEST_EVERY_ISA(name)                                                                                           \
    static void name(void **state) {                                                                                   \
        (void)state;                                                                                                   \
        with_every_isa(name##_once);                                                                                   \
    }
#endif
