#ifndef LINNET_KERNELS_EMBEDDING_H
#define LINNET_KERNELS_EMBEDDING_H
/** Token and position embedding, and the gradient of the rows they touch. Not collective; cannot fail. */
#include "linnet/core/segments.h"
#include "linnet/kernels/dropout.h"

/** out[r] = dropout(token[ids[r]] + position[positions[r]]). out [rows, width] written; token [vocabulary, width],
 *  position [positions, width] borrowed, any alignment; samples [rows]: the sample's identity for dropout; dropout
 *  may be NULL. */
void embedding_forward(float *out, const float *token, const float *position, const int32_t *ids,
                       const int32_t *positions, const uint64_t *samples, size_t rows, size_t width,
                       const Dropout *dropout);
void embedding_forward_ref(float *out, const float *token, const float *position, const int32_t *ids,
                           const int32_t *positions, const uint64_t *samples, size_t rows, size_t width,
                           const Dropout *dropout);

/** Sum the rows of a gradient by slot: out[slots[r]] += x[r]. out [count, width] read and written, nothing in it −0;
 *  x [rows, width] borrowed; slots [rows]; rows those of all leaves; scratch [count + rows]. A segment's rows are added in
 *  the order of r, the first segment's to what is there, and then the leaves' sums along the tree. Parallel over columns. */
void embedding_index_add(float *out, const float *x, const int32_t *index, size_t count, const Segments *segments,
                         size_t width, int32_t *scratch);
void embedding_index_add_ref(float *out, const float *x, const int32_t *index, size_t count, const Segments *segments,
                             size_t width);

/** x[r] *= dropout factors, in place: the backward of embedding_forward's dropout. x [rows, width]. */
void embedding_backward_dropout(float *x, const int32_t *positions, const uint64_t *samples, size_t rows, size_t width,
                                const Dropout *dropout);
#endif
