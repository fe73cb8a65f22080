/* AdamW's update, compiled once for each instruction set. Nothing is fused: an update has the same bits on every CPU,
 * those of adamw_update_ref(). It costs nothing, since memory is what limits these loops. */
#include "kernels/adamw_factors.h"
#include "kernels/kernels.h"

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
