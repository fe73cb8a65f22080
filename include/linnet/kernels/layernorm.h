#ifndef LINNET_KERNELS_LAYERNORM_H
#define LINNET_KERNELS_LAYERNORM_H
/** LayerNorm over the last axis (arXiv:1607.06450, eq. 3). Not collective; cannot fail. */
#include "linnet/core/segments.h"
#include <stdint.h>

/** out = (x − mean) · rstd · gamma + beta. out [n, width] written, may be x; x [n, width]; gamma, beta [width];
 *  mean, rstd [n] written, kept for the backward pass (both may be NULL in inference). Two passes (mean, then
 *  variance about it) in float32 lanes, in one fixed order. */
void layernorm_forward(float *out, float *mean, float *rstd, const float *x, const float *gamma, const float *beta,
                       size_t n, size_t width, float epsilon);
void layernorm_forward_ref(float *out, float *mean, float *rstd, const float *x, const float *gamma, const float *beta,
                           size_t n, size_t width, float epsilon);

/** The gradient of layernorm_forward. dx [n, width] read and written: dx += gradient by x (the residual stream's
 *  gradient passes by on the same buffer); dgamma, dbeta [width]: written, or, of one segment alone, added to when
 *  `accumulate`; dout [n, width], x, mean, rstd, gamma as in the forward pass, n the rows of all leaves; scratch
 *  [LAYERNORM_SCRATCH · width] floats. Column sums over a segment's rows go by LAYERNORM_PARTS fixed runs of rows, then
 *  over the parts in order, so that the bits depend on the number of rows and not on the threads; then the leaves' along
 *  the tree. */
#define LAYERNORM_PARTS 16
#define LAYERNORM_SCRATCH (2 * (LAYERNORM_PARTS + SEGMENT_LEVELS))
void layernorm_backward(float *dx, float *dgamma, float *dbeta, const float *dout, const float *x, const float *mean,
                        const float *rstd, const float *gamma, const Segments *segments, size_t width, int accumulate,
                        float *scratch);
void layernorm_backward_ref(float *dx, float *dgamma, float *dbeta, const float *dout, const float *x,
                            const float *mean, const float *rstd, const float *gamma, const Segments *segments,
                            size_t width, int accumulate, float *scratch);
#endif
