/* The Makefile turns fused multiply-adds off for this file: an update then has the same bits on every CPU, those of
 * adamw_update_ref(). It costs nothing, since memory is what limits these loops. */
#include "kernels/adamw_factors.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"

typedef float HalfFloats __attribute__((vector_size(LANE_BYTES / 2)));
typedef double Doubles __attribute__((vector_size(LANE_BYTES)));
#define DOUBLE_LANES ((size_t)LANE_BYTES / sizeof(double))

void KERNEL(adamw_update)(float *p, float *m, float *v, const float *g, size_t n, const AdamW *adamw) {
    const AdamWFactors f = adamw_factors(adamw);
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float gradient = g[i] * f.grad_scale;
        float mean = m[i] + (gradient - m[i]) * f.mean_share;
        float square = f.square_kept * v[i] + f.square_share * gradient * gradient;
        float root = __builtin_sqrtf(square) / f.root_correction + f.epsilon;
        p[i] = p[i] * f.kept - f.rate * mean / root;
        m[i] = mean;
        v[i] = square;
    }
}

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
