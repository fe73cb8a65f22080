#ifndef LINNET_LINEAR_H
#define LINNET_LINEAR_H
/** Linear layers with weights [in, out] (GPT-2's Conv1D) by BLAS products over fixed tiles: each tile is one
 *  single-threaded call from one of linnet's OpenMP threads, and the tiles depend on the shapes alone, so the bits
 *  do not depend on the number of threads (OpenBLAS's own threads may change them). Not collective; cannot fail.
 *
 *  Strides (in floats) let a layer use some columns of a wider weight, as the last block does with its queries. */
#include <stddef.h>

typedef struct {
    size_t in, out;       /**< K, N */
    size_t weight_stride; /**< of weight rows: N, or more for a slice */
    size_t x_stride;      /**< of x rows: K, or more */
    size_t y_stride;      /**< of y rows: N, or more */
} LinearShape;

/** y [rows, out] = x [rows, in] · weight [in, out] + bias [out] (bias may be NULL). */
void linear_forward(float *y, const float *x, const float *weight, const float *bias, size_t rows,
                    const LinearShape *shape);
void linear_forward_ref(float *y, const float *x, const float *weight, const float *bias, size_t rows,
                        const LinearShape *shape);

/** dx [rows, in] = dy [rows, out] · weightᵀ. */
void linear_backward_input(float *dx, const float *dy, const float *weight, size_t rows, const LinearShape *shape);
void linear_backward_input_ref(float *dx, const float *dy, const float *weight, size_t rows, const LinearShape *shape);

/** dweight [in, out] = xᵀ · dy and dbias [out] = Σ rows of dy (NULL: none), added to what is there when
 *  `accumulate`. */
void linear_backward_weight(float *dweight, float *dbias, const float *x, const float *dy, size_t rows,
                            const LinearShape *shape, int accumulate);
void linear_backward_weight_ref(float *dweight, float *dbias, const float *x, const float *dy, size_t rows,
                                const LinearShape *shape, int accumulate);
#endif
