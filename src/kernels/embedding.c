/* Embeddings: calls of the kernels, and the plain references. embedding.h has the contract. */
#include "linnet/kernels/embedding.h"
#include "kernels/kernels.h"

void embedding_forward(float *out, const float *token, const float *position, const int32_t *ids,
                       const int32_t *positions, const uint64_t *samples, size_t rows, size_t width,
                       const Dropout *dropout) {
    kernels()->embedding_forward(out, token, position, ids, positions, samples, rows, width, dropout);
}

void embedding_index_add(float *out, const float *x, const int32_t *index, size_t count, const Segments *segments,
                         size_t width, int32_t *scratch) {
    kernels()->embedding_index_add(out, x, index, count, segments, width, scratch);
}

void embedding_forward_ref(float *out, const float *token, const float *position, const int32_t *ids,
                           const int32_t *positions, const uint64_t *samples, size_t rows, size_t width,
                           const Dropout *dropout) {
    for (size_t r = 0; r < rows; r++) {
        const float *word = token + (size_t)ids[r] * width, *place = position + (size_t)positions[r] * width;
        for (size_t c = 0; c < width; c++)
            out[r * width + c] = (word[c] + place[c]) * dropout_factor_ref(dropout, c, samples[r], positions[r], 0);
    }
}

void embedding_index_add_ref(float *out, const float *x, const int32_t *index, size_t count, const Segments *segments,
                             size_t width) {
    float sums[SEGMENT_LEVELS];
    for (size_t target = 0; target < count; target++)
        for (size_t c = 0; c < width; c++) {
            for (size_t i = 0; i < segments->count; i++) {
                size_t top = segment_height(i);
                sums[top] = i == 0 ? out[target * width + c] : 0.0f;
                for (size_t r = segments->starts[i]; r < segments->starts[i + 1]; r++)
                    if ((size_t)index[r] == target) sums[top] += x[r * width + c];
                segment_join(sums, i, segments->count);
            }
            out[target * width + c] = sums[0];
        }
}
