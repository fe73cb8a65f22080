#ifndef LINNET_KERNELS_LINEAR_H
#define LINNET_KERNELS_LINEAR_H
/** Linear layers with weights [in, out] (GPT-2's Conv1D): y = x · W + b, and the gradients.
 *
 *  linnet has packed products of its own (src/kernels/product.h), whose bits depend neither on the number of threads
 *  nor on the tile that an element lies in. On a CPU without tuned kernels for it ("base", isa.h) single-threaded calls
 *  of a BLAS are faster: their tiles depend only on the shapes, since OpenBLAS's own threads can change the bits. The
 *  environment variable LINNET_PRODUCTS (own, blas) overrides the choice, once for a process. Products in bf16 are
 *  always linnet's own.
 *
 *  With `bf16` both factors of every product are rounded to bf16 (to nearest, ties to even) and the products are summed
 *  in float32, as with PyTorch's autocast. Biases, results and the values that gradients are added to stay float32.
 *
 *  Strides, in floats, let a layer use some columns of a wider weight, as the model's last block does with its queries.
 *  rows, in and out are at least 1. Parallel over tiles; not to be called inside a parallel region. Not collective;
 *  cannot fail. */
#include "linnet/core/error.h"
#include "linnet/core/segments.h"
#include <stdbool.h>

typedef struct {
    size_t in, out;       /**< K, N */
    size_t weight_stride; /**< of weight rows: N, or more for some columns of a wider weight */
    size_t x_stride;      /**< of x rows: K, or more */
    size_t y_stride;      /**< of y rows: N, or more */
} LinearShape;

/** How products are computed. The calling thread calls `poll` (NULL: nothing is called) between tiles, inside the
 *  parallel region, and after each product. */
typedef struct {
    float *scratch; /**< [linear_scratch()] owned by the caller; holds nothing between calls */
    int threads;    /**< the most that are used: the scratch has room for so many */
    bool bf16;      /**< round the factors to bf16: faster where isa_bf16(), slower elsewhere */
    void (*poll)(void *context);
    void *poll_context;
} LinearWork;

/** Floats of scratch for products of up to `rows` rows on up to `threads` threads, in layers whose in + out is at most
 *  this `in` + `out`. */
size_t linear_scratch(size_t rows, size_t in, size_t out, size_t threads);

/** What computes products in float32: "own" or "blas". The first product, or the first call, decides it: a BLAS that
 *  cannot be opened gives a warning and "own". */
const char *linear_products(void);

/** The BLAS itself: its version, options, and the kind of CPU that it detected, as a static text. NULL, with the reason
 *  in *error, where it cannot be opened. */
const char *linear_blas(Error *error);

/** How this process multiplies in bf16: "bf16" or "bf16 by AMX" where isa_bf16(); "bf16 emulated" where the environment
 *  has LINNET_BF16=emulate, to compare numbers, however slow; else NULL, since float32 is faster. */
const char *linear_bf16(void);

/** Whether the products are batch-invariant: a row of y and of dx has the same bits whatever other rows are in the same
 *  call. Reduction units may share a call only then. A BLAS is not: it may sum differently for another number of
 *  rows. */
bool linear_batch_invariant(bool bf16);

/** Use "own" or "blas" from now on; 0 for any other word, and without a BLAS, with a warning. The first product calls it
 *  with LINNET_PRODUCTS or the choice for this CPU. Not while products run. */
int linear_choose(const char *products);

/** y [rows, out] = x [rows, in] · weight [in, out] + bias [out]; bias may be NULL. Each element is one float32 sum that
 *  starts from the bias, in the order of `in`. */
void linear_forward(float *y, const float *x, const float *weight, const float *bias, size_t rows,
                    const LinearShape *shape, const LinearWork *work);
void linear_forward_ref(float *y, const float *x, const float *weight, const float *bias, size_t rows,
                        const LinearShape *shape);

/** dx [rows, in] = dy [rows, out] · weightᵀ. Each element is one float32 sum in the order of `out`. */
void linear_backward_input(float *dx, const float *dy, const float *weight, size_t rows, const LinearShape *shape,
                           const LinearWork *work);
void linear_backward_input_ref(float *dx, const float *dy, const float *weight, size_t rows, const LinearShape *shape);

/** dweight [in, out] = xᵀ · dy and dbias [out] = the sum of dy's rows (NULL: not wanted). Float32 sums over each
 *  segment's rows in their order, then over the segments along the tree (segments.h). With one segment and
 *  `accumulate`, added to the old values. Several segments only where linear_batch_invariant(). */
void linear_backward_weight(float *dweight, float *dbias, const float *x, const float *dy, const Segments *segments,
                            const LinearShape *shape, bool accumulate, const LinearWork *work);
void linear_backward_weight_ref(float *dweight, float *dbias, const float *x, const float *dy, const Segments *segments,
                                const LinearShape *shape, bool accumulate);
#endif
