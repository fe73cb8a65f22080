/* AdamW's public function and its plain reference; the kernels are in adamw_kernels.c. */
#include "linnet/kernels/adamw.h"
#include "kernels/adamw_factors.h"
#include "kernels/kernels.h"

void adamw_update(float *p, float *m, float *v, const float *g, size_t n, const AdamW *adamw) {
    kernels()->adamw_update(p, m, v, g, n, adamw);
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
