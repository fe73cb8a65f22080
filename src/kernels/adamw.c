/* The Makefile turns fused multiply-adds off for this file, as for adamw_kernels.c. */
#include "linnet/kernels/adamw.h"
#include "kernels/adamw_factors.h"
#include "kernels/kernels.h"

void adamw_update(float *p, float *m, float *v, const float *g, size_t n, const AdamW *adamw) {
    kernels()->adamw_update(p, m, v, g, n, adamw);
}

double sum_of_squares(const float *x, size_t n) {
    return kernels()->sum_of_squares(x, n);
}

void vector_add(float *out, const float *a, const float *b, size_t n) {
    kernels()->vector_add(out, a, b, n);
}

void adamw_update_ref(float *p, float *m, float *v, const float *g, size_t n, const AdamW *adamw) {
    const AdamWFactors f = adamw_factors(adamw);
    for (size_t i = 0; i < n; i++) {
        float gradient = g[i] * f.grad_scale;
        p[i] = p[i] * f.kept;
        m[i] = m[i] + (gradient - m[i]) * f.mean_share;
        v[i] = f.square_kept * v[i] + f.square_share * gradient * gradient;
        float root = sqrtf(v[i]) / f.root_correction + f.epsilon;
        p[i] = p[i] - f.rate * m[i] / root;
    }
}

double sum_of_squares_ref(const float *x, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    return sum;
}
