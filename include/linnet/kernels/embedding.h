#ifndef LINNET_KERNELS_EMBEDDING_H
#define LINNET_KERNELS_EMBEDDING_H
/** Token and position embedding, and the sparse gradient of their rows. Not collective; cannot fail. */
#include "linnet/core/segments.h"
#include "linnet/kernels/dropout.h"

/** out[r] = dropout(token[ids[r]] + position[positions[r]]).
 *  out [rows, width]   written
 *  token [vocabulary, width], position [positions, width]   borrowed; any alignment
 *  ids, positions [rows], samples [rows]   borrowed; samples: index of the row's sample in the token file, for dropout
 *  dropout             NULL: none
 *  float32. Parallel over rows. residual_backward() is the gradient of its dropout, which knows its site. */
void embedding_forward(float *out, const float *token, const float *position, const int32_t *ids,
                       const int32_t *positions, const uint64_t *samples, size_t rows, size_t width,
                       const Dropout *dropout);
__typeof__(embedding_forward) embedding_forward_ref;

/** Sum the rows of a gradient by target row, as PyTorch's index_add_: out[index[r]] += x[r].
 *  out [count, width]   read and written; must hold no −0, if there are several segments
 *  x [rows, width]      borrowed; rows of all segments
 *  index [rows]         borrowed; 0 … count − 1
 *  scratch [count + rows]
 *  Sums in float32, for each target: each segment's rows in the order of r, the first segment's added to the old value;
 *  then the segments' sums along the tree (segments.h). Parallel over columns. */
void embedding_index_add(float *out, const float *x, const int32_t *index, size_t count, const Segments *segments,
                         size_t width, int32_t *scratch);
void embedding_index_add_ref(float *out, const float *x, const int32_t *index, size_t count, const Segments *segments,
                             size_t width);
#endif
