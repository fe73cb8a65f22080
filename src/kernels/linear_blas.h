#ifndef LINNET_KERNELS_LINEAR_BLAS_H
#define LINNET_KERNELS_LINEAR_BLAS_H
/** The functions of linear.h in float32, by single-threaded BLAS calls over fixed tiles: the same contracts, without
 *  scratch. */
#include "linnet/kernels/linear.h"

void linear_blas_forward(float *y, const float *x, const float *weight, const float *bias, size_t rows,
                         const LinearShape *shape);
void linear_blas_backward_input(float *dx, const float *dy, const float *weight, size_t rows, const LinearShape *shape);
void linear_blas_backward_weight(float *dweight, float *dbias, const float *x, const float *dy, size_t rows,
                                 const LinearShape *shape, bool accumulate);
#endif
