#ifndef LINNET_KERNELS_LINEAR_H
#define LINNET_KERNELS_LINEAR_H
/** Linear layers with weights [in, out] (GPT-2's Conv1D): y = x · W + b and its gradients, by linnet's own packed
 *  products, where each element is one sum in the order of the inner extent in whatever tile it lies, or, on a CPU that
 *  it has no tuned kernels for, by BLAS calls over tiles that depend on the shapes alone: so the bits do not depend on
 *  the number of threads (OpenBLAS's own threads may change them). The environment's LINNET_PRODUCTS=own or blas
 *  overrides the choice, once for a process; products in bf16 are always linnet's own. Rows, in and out are at least 1.
 *  Not collective; cannot fail; called outside of parallel regions.
 *
 *  With `bf16` both factors of every product are rounded to bf16 (to nearest even) and their products summed in
 *  float32, as PyTorch's autocast does; biases, results and what is added to stay float32.
 *
 *  Strides (in floats) let a layer use some columns of a wider weight, as the last block does with its queries. */
#include "linnet/core/segments.h"
#include <stdbool.h>

typedef struct {
    size_t in, out;       /**< K, N */
    size_t weight_stride; /**< of weight rows: N, or more for a slice */
    size_t x_stride;      /**< of x rows: K, or more */
    size_t y_stride;      /**< of y rows: N, or more */
} LinearShape;

/** How products are computed. `poll` (NULL: nobody) is called by the calling thread now and then while products run, also
 *  within their parallel regions, and after each. */
typedef struct {
    float *scratch; /**< linear_scratch() floats of the caller's; holds nothing between calls */
    int threads;    /**< that the scratch has room for: no more are used */
    bool bf16;      /**< factors in bf16: faster where isa_bf16(), slower elsewhere */
    void (*poll)(void *context);
    void *poll_context;
} LinearWork;

/** Floats of scratch for products of up to `rows` rows in layers where the sum of `in` and `out` is at most that of
 *  these, on up to `threads` threads. */
size_t linear_scratch(size_t rows, size_t in, size_t out, size_t threads);

/** Who computes products in float32: "own" or "blas". */
const char *linear_products(void);

/** How this process multiplies in bf16: "bf16" where isa_bf16(), "bf16 emulated" where the environment's
 *  LINNET_BF16=emulate wants it at any speed, to compare numbers; else NULL: float32 is faster. */
const char *linear_bf16(void);

/** Whether a row of y and of dx has the same bits whatever rows are multiplied with it, so that units may be put
 *  together. Not with a BLAS, which may take another way for another number of rows. */
bool linear_rows_alone(bool bf16);

/** Use "own" or "blas" from now on; 0 for any other word. For tests; not while products run. */
int linear_choose(const char *products);

/** y [rows, out] = x [rows, in] · weight [in, out] + bias [out] (bias may be NULL). */
void linear_forward(float *y, const float *x, const float *weight, const float *bias, size_t rows,
                    const LinearShape *shape, const LinearWork *work);
void linear_forward_ref(float *y, const float *x, const float *weight, const float *bias, size_t rows,
                        const LinearShape *shape);

/** dx [rows, in] = dy [rows, out] · weightᵀ. */
void linear_backward_input(float *dx, const float *dy, const float *weight, size_t rows, const LinearShape *shape,
                           const LinearWork *work);
void linear_backward_input_ref(float *dx, const float *dy, const float *weight, size_t rows, const LinearShape *shape);

/** dweight [in, out] = xᵀ · dy and dbias [out] = Σ rows of dy (NULL: none), by leaves: each segment's rows apart, and
 *  their sums along the tree. Of one segment alone: added to what is there when `accumulate`. Several segments are for
 *  products whose rows stand alone (linear_rows_alone()). */
void linear_backward_weight(float *dweight, float *dbias, const float *x, const float *dy, const Segments *segments,
                            const LinearShape *shape, bool accumulate, const LinearWork *work);
void linear_backward_weight_ref(float *dweight, float *dbias, const float *x, const float *dy, const Segments *segments,
                                const LinearShape *shape, bool accumulate);
#endif
