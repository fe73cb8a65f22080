#ifndef LINNET_KERNELS_BIAS_H
#define LINNET_KERNELS_BIAS_H
/** Adding a linear layer's bias, and its gradient. Serial: the caller gives tiles or runs of columns to its threads.
 *  The bits of an element depend only on its own column. Not collective; cannot fail. */
#include <stdbool.h>
#include <stddef.h>

/** y[r, c] += bias[c].  y [rows, columns] with row stride y_stride, read and written; bias [columns]. */
void bias_add(float *y, size_t y_stride, const float *bias, size_t rows, size_t columns);
void bias_add_ref(float *y, size_t y_stride, const float *bias, size_t rows, size_t columns);

/** out[c] = Σ_r x[r, c], or out[c] += … when `accumulate`.  out [columns] written; x [rows, columns] with row stride
 *  `stride`, borrowed. Sums in float32: eight rows at a time as a tree, ((0+1)+(2+3))+((4+5)+(6+7)), in the order of
 *  the rows; then the remaining rows one by one. */
void bias_gradient(float *out, const float *x, size_t stride, size_t rows, size_t columns, bool accumulate);
void bias_gradient_ref(float *out, const float *x, size_t stride, size_t rows, size_t columns, bool accumulate);
#endif
