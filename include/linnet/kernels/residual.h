#ifndef LINNET_KERNELS_RESIDUAL_H
#define LINNET_KERNELS_RESIDUAL_H
/** The residual branch: a branch's output, through dropout, onto the stream. Not collective; cannot fail. */
#include "linnet/kernels/dropout.h"

/** out[r] = stream[r] + dropout(branch[r]). out [rows, width] written, may be stream; stream, branch [rows, width]
 *  borrowed; positions, samples [rows] name each row for dropout, which may be NULL. Parallel over rows. */
void residual_forward(float *out, const float *stream, const float *branch, const int32_t *positions,
                      const uint64_t *samples, size_t rows, size_t width, const Dropout *dropout);
void residual_forward_ref(float *out, const float *stream, const float *branch, const int32_t *positions,
                          const uint64_t *samples, size_t rows, size_t width, const Dropout *dropout);

/** dbranch[r] = dropout factors · dout[r]: the gradient that enters the branch (the stream's own is dout itself).
 *  dbranch [rows, width] written, may be dout. */
void residual_backward(float *dbranch, const float *dout, const int32_t *positions, const uint64_t *samples,
                       size_t rows, size_t width, const Dropout *dropout);
void residual_backward_ref(float *dbranch, const float *dout, const int32_t *positions, const uint64_t *samples,
                           size_t rows, size_t width, const Dropout *dropout);
#endif
