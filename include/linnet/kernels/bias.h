#ifndef LINNET_KERNELS_BIAS_H
#define LINNET_KERNELS_BIAS_H
/** The two row operations of a linear layer that are not a matrix product. Serial (the caller deals out tiles or
 *  runs of columns to its threads); an element's bits depend on nothing but its own column. Not collective; cannot
 *  fail. */
#include <stdbool.h>
#include <stddef.h>

/** y[r, c] += bias[c].  y [rows, columns] with row stride y_stride, read and written; bias [columns]. */
void bias_add(float *y, size_t y_stride, const float *bias, size_t rows, size_t columns);
void bias_add_ref(float *y, size_t y_stride, const float *bias, size_t rows, size_t columns);

/** out[c] = Σ_r x[r, c], or out[c] += … when `accumulate`.  out [columns]; x [rows, columns] with row stride
 *  `stride`. In float32: runs of eight rows as a tree, ((0+1)+(2+3))+((4+5)+(6+7)), then the runs in order, then
 *  the rows left over. */
void bias_gradient(float *out, const float *x, size_t stride, size_t rows, size_t columns, bool accumulate);
void bias_gradient_ref(float *out, const float *x, size_t stride, size_t rows, size_t columns, bool accumulate);
#endif
