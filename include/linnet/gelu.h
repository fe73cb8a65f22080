#ifndef LINNET_GELU_H
#define LINNET_GELU_H
/** GELU, tanh form (`gelu_new`, arXiv:1606.08415): 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))). Not
 * collective; cannot fail. The vectorised tanh has a stated error bound (docs/numerics.md), checked against
 * libm in the unit test. */
#include <stddef.h>

/** out [n] = gelu(x [n]); out may be x. */
void gelu_forward(float *out, const float *x, size_t n);
void gelu_forward_ref(float *out, const float *x, size_t n);

/** dx [n] = dout [n] · gelu'(x [n]); dx may be dout. */
void gelu_backward(float *dx, const float *dout, const float *x, size_t n);
void gelu_backward_ref(float *dx, const float *dout, const float *x, size_t n);
#endif
