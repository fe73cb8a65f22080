#include "linnet/kernels/embedding.h"
#include "kernels/kernels.h"

void embedding_forward(float *out, const float *token, const float *position, const int32_t *ids,
                       const int32_t *positions, const uint64_t *samples, size_t rows, size_t width,
                       const Dropout *dropout) {
    kernels()->embedding_forward(out, token, position, ids, positions, samples, rows, width, dropout);
}

void embedding_gather(float *out, const float *x, const int32_t *slots, size_t count, const Leaves *leaves,
                      size_t width, int32_t *scratch) {
    kernels()->embedding_gather(out, x, slots, count, leaves, width, scratch);
}

/** The same as what happens to the gradient of a residual branch; the site is in the dropout. */
void embedding_backward_dropout(float *x, const int32_t *positions, const uint64_t *samples, size_t rows, size_t width,
                                const Dropout *dropout) {
    kernels()->residual_backward(x, x, positions, samples, rows, width, dropout);
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

void embedding_gather_ref(float *out, const float *x, const int32_t *slots, size_t count, const Leaves *leaves,
                          size_t width) {
    float sums[LEAVES_LEVELS];
    for (size_t slot = 0; slot < count; slot++)
        for (size_t c = 0; c < width; c++) {
            for (size_t i = 0; i < leaves->count; i++) {
                size_t top = leaf_height(i);
                sums[top] = i == 0 ? out[slot * width + c] : 0.0f;
                for (size_t r = leaves->starts[i]; r < leaves->starts[i + 1]; r++)
                    if ((size_t)slots[r] == slot) sums[top] += x[r * width + c];
                leaf_join(sums, i, leaves->count);
            }
            out[slot * width + c] = sums[0];
        }
}
