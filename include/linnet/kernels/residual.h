#ifndef LINNET_KERNELS_RESIDUAL_H
#define LINNET_KERNELS_RESIDUAL_H
/** The residual connection: a branch's output passes through dropout and is added to the stream. Element-wise in
 *  float32; parallel over rows. Not collective; cannot fail. */
#include "linnet/kernels/dropout.h"

/** out[r] = stream[r] + dropout(branch[r]).
 *  out [rows, width]      written; may be stream
 *  stream, branch [rows, width]   borrowed
 *  positions, samples [rows]      the row's position and its sample's index in the token file, for dropout
 *  dropout                NULL: none */
void residual_forward(float *out, const float *stream, const float *branch, const int32_t *positions,
                      const uint64_t *samples, size_t rows, size_t width, const Dropout *dropout);
__typeof__(residual_forward) residual_forward_ref;

/** dbranch[r] = dropout factors · dout[r]: the branch's gradient. (The stream's gradient is dout itself.)
 *  dbranch [rows, width]  written; may be dout. The rest as residual_forward(). */
void residual_backward(float *dbranch, const float *dout, const int32_t *positions, const uint64_t *samples,
                       size_t rows, size_t width, const Dropout *dropout);
__typeof__(residual_backward) residual_backward_ref;
#endif
