#ifndef LINNET_KERNELS_LAYERNORM_H
#define LINNET_KERNELS_LAYERNORM_H
/** LayerNorm over the last axis (arXiv:1607.06450, eq. 3). Not collective; cannot fail. */
#include "linnet/core/segments.h"
#include <stdint.h>

/** out = (x − mean) · rstd · gamma + beta, rstd = 1 / √(variance + epsilon).
 *  out [n, width]        written; may be x
 *  mean, rstd [n]        written, for the backward pass; NULL in inference
 *  x [n, width], gamma, beta [width]   borrowed
 *  Two passes over a row (mean, then the variance about it) with sums in float32 lanes, in one fixed order. A row whose
 *  variance overflows float32, from values of about 1e19 on, becomes NaN. (In PyTorch it becomes beta up to about 1e21,
 *  and NaN above.) Parallel over rows. */
void layernorm_forward(float *out, float *mean, float *rstd, const float *x, const float *gamma, const float *beta,
                       size_t n, size_t width, float epsilon);
__typeof__(layernorm_forward) layernorm_forward_ref;

/** The gradient of layernorm_forward().
 *  dx [n, width]          read and written: the gradient by x is added, since the residual stream's gradient is there
 *  dgamma, dbeta [width]  written; with one segment and `accumulate`, added to; both NULL: not wanted
 *  dout, x [n, width], mean, rstd [n], gamma [width]   borrowed; n rows of all segments
 *  scratch [LAYERNORM_SCRATCH · width]
 *  Sums in float32. A segment's rows are cut into at most LAYERNORM_PARTS runs; a column is summed over each run, over
 *  the runs in order, then over the segments along the tree (segments.h). So the bits depend on the numbers of rows and
 *  not on the threads. */
#define LAYERNORM_PARTS 16
#define LAYERNORM_SCRATCH (2 * (LAYERNORM_PARTS + SEGMENT_LEVELS))
void layernorm_backward(float *dx, float *dgamma, float *dbeta, const float *dout, const float *x, const float *mean,
                        const float *rstd, const float *gamma, const Segments *segments, size_t width, int accumulate,
                        float *scratch);
__typeof__(layernorm_backward) layernorm_backward_ref;
#endif
