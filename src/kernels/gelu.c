/* GELU: calls of the kernels, and the plain references. gelu.h has the contract. */
#include "linnet/kernels/gelu.h"
#include "kernels/kernels.h"
#include <math.h>

#define ROOT 0.79788456080286535588 /* √(2/π) */
#define CUBIC 0.044715

void gelu_forward(float *out, const float *x, size_t n) {
    kernels()->gelu_forward(out, x, n);
}

void gelu_backward(float *dx, const float *dout, const float *x, size_t n) {
    kernels()->gelu_backward(dx, dout, x, n);
}

void gelu_forward_ref(float *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double v = x[i];
        out[i] = (float)(0.5 * v * (1.0 + tanh(ROOT * (v + CUBIC * v * v * v))));
    }
}

void gelu_backward_ref(float *dx, const float *dout, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double v = x[i];
        double t = tanh(ROOT * (v + CUBIC * v * v * v));
        double du = ROOT * (1.0 + 3.0 * CUBIC * v * v);
        dx[i] = (float)(dout[i] * (0.5 * (1.0 + t) + 0.5 * v * (1.0 - t * t) * du));
    }
}
