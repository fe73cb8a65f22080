/* Sums over plain arrays, compiled once for each instruction set. The Makefile turns fused multiply-adds off for this
 * file, so that a sum of squares rounds alike on every CPU with lanes of one width. */
#include "kernels/kernels.h"
#include "kernels/lanes.h"

typedef float HalfFloats __attribute__((vector_size(LANE_BYTES / 2)));
typedef double Doubles __attribute__((vector_size(LANE_BYTES)));
#define DOUBLE_LANES ((size_t)LANE_BYTES / sizeof(double))

double KERNEL(sum_of_squares)(const float *x, size_t n) {
    Doubles sums[4] = {{0}};
    size_t i = 0;
    for (; i + 4 * DOUBLE_LANES <= n; i += 4 * DOUBLE_LANES)
#pragma GCC unroll 4
        for (size_t k = 0; k < 4; k++) {
            HalfFloats narrow;
            memcpy(&narrow, x + i + k * DOUBLE_LANES, sizeof narrow);
            Doubles wide = __builtin_convertvector(narrow, Doubles);
            sums[k] += wide * wide;
        }
    Doubles lanes = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    double sum = 0.0;
    for (size_t k = 0; k < DOUBLE_LANES; k++) sum += lanes[k];
    for (; i < n; i++) sum += (double)x[i] * x[i];
    return sum;
}

void KERNEL(vector_add)(float *out, const float *a, const float *b, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) out[i] = a[i] + b[i];
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
