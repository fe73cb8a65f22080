/* Sums over plain arrays, compiled once for each instruction set. */
#include "kernels/kernels.h"
#include "kernels/lanes.h"

typedef double Doubles __attribute__((vector_size(LANE_BYTES)));
#ifndef SVE_BYTES
typedef float HalfFloats __attribute__((vector_size(LANE_BYTES / 2)));
#endif
#define DOUBLE_LANES ((size_t)LANE_BYTES / sizeof(double))
#define SUMS ((size_t)32) /* partial sums, as many with every instruction set */
#define VECTORS (SUMS / DOUBLE_LANES)

static inline Doubles doubles_of_floats(const float *from) {
#ifdef SVE_BYTES /* the compiler would convert halves of vectors by way of memory */
    typedef svfloat64_t SveDoubles __attribute__((arm_sve_vector_bits(__ARM_FEATURE_SVE_BITS)));
    svuint32_t narrow = svreinterpret_u32_f32(svld1_f32(svwhilelt_b32_u64(0, DOUBLE_LANES), from));
    svfloat32_t even = svreinterpret_f32_u64(svunpklo_u64(narrow));
    return (Doubles)(SveDoubles)svcvt_f64_f32_x(svptrue_b64(), even);
#else
    HalfFloats narrow;
    memcpy(&narrow, from, sizeof narrow);
    return __builtin_convertvector(narrow, Doubles);
#endif
}

/* The square of a float32 is exact in float64, so that a fused multiply-add would change nothing. */
double KERNEL(sum_of_squares)(const float *x, size_t n) {
    Doubles sums[VECTORS] = {{0}};
    size_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
#pragma GCC unroll 16
        for (size_t k = 0; k < VECTORS; k++) {
            Doubles wide = doubles_of_floats(x + i + k * DOUBLE_LANES);
            sums[k] += wide * wide;
        }
    double lanes[SUMS];
    memcpy(lanes, sums, sizeof lanes);
    for (; i < n; i++) lanes[i % SUMS] += (double)x[i] * x[i];
    for (size_t half = SUMS / 2; half > 0; half /= 2)
        for (size_t k = 0; k < half; k++) lanes[k] += lanes[k + half];
    return lanes[0];
}

void KERNEL(vector_add)(float *out, const float *a, const float *b, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) out[i] = a[i] + b[i];
}

void KERNEL(vector_scale)(float *out, const float *x, float factor, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) out[i] = factor * x[i];
}

bool KERNEL(all_finite)(const float *x, size_t n) {
    enum { PIECE = 4096 };                /* floats; after each the loop can end early */
    const uint32_t exponent = 0x7f800000; /* all ones in NaN and infinity alone */
    uint32_t found = 0;
    for (size_t first = 0; first < n && !found; first += PIECE) {
        const size_t end = size_min(first + PIECE, n);
#pragma omp simd reduction(| : found)
        for (size_t i = first; i < end; i++) {
            uint32_t bits;
            memcpy(&bits, x + i, sizeof bits);
            found |= (bits & exponent) == exponent;
        }
    }
    return !found;
}
