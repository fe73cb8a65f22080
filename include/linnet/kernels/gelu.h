#ifndef LINNET_KERNELS_GELU_H
#define LINNET_KERNELS_GELU_H
/** GELU in its tanh form (`gelu_new` of Transformers; arXiv:1606.08415): 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))).
 *  Element-wise in float32; parallel over elements. Not collective; cannot fail. A unit test checks the error bounds
 *  below against libm. */
#include <stddef.h>

/** out [n] = gelu(x [n]); out may be x. Computed as x / (1 + e^−2u), u = √(2/π) (x + 0.044715 x³), with a
 *  polynomial for 2^y (relative error 1.2e-7). Relative error at most 2.4e-7 for x ≥ −1 and (4 + 10 |u|) · 6e-8
 *  below −1, where the value itself approaches 0; below −10 the result is −1.2e-37, and the exact value lies between
 *  that and −0. gelu(∞) = ∞; −∞ gives NaN, as in PyTorch, and so does NaN. */
void gelu_forward(float *out, const float *x, size_t n);
void gelu_forward_ref(float *out, const float *x, size_t n);

/** dx [n] = dout [n] · gelu'(x [n]); dx may be dout. The absolute error of gelu' is at most 1e-6; gelu'(∞) = 1, and
 *  gelu'(−∞) = 0 to within 1e-34. */
void gelu_backward(float *dx, const float *dout, const float *x, size_t n);
void gelu_backward_ref(float *dx, const float *dout, const float *x, size_t n);
#endif
