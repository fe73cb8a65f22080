#ifndef LINNET_KERNELS_GELU_H
#define LINNET_KERNELS_GELU_H
/** GELU, tanh form (`gelu_new`, arXiv:1606.08415): 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))). Not collective;
 *  cannot fail. The error bounds below are checked against libm in the unit test. */
#include <stddef.h>

/** out [n] = gelu(x [n]); out may be x. Computed as x / (1 + e^−2u), u = √(2/π) (x + 0.044715 x³), with a
 *  polynomial for 2^y (relative error 1.2e-7). Relative error at most 2.4e-7 for x ≥ −1 and (4 + 10 |u|) · 6e-8
 *  below, where the value itself sinks to nothing; left of −10 the result is −1.2e-37 in place of values between
 *  that and −0. gelu(∞) = ∞, gelu(−∞) ≈ −0 (the limit; PyTorch says NaN), NaN gives NaN. */
void gelu_forward(float *out, const float *x, size_t n);
void gelu_forward_ref(float *out, const float *x, size_t n);

/** dx [n] = dout [n] · gelu'(x [n]); dx may be dout. gelu' errs by at most 1e-6; it is 1 at ∞, 0 at −∞ (to 1e-34). */
void gelu_backward(float *dx, const float *dout, const float *x, size_t n);
void gelu_backward_ref(float *dx, const float *dout, const float *x, size_t n);
#endif
