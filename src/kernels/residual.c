/* Residual connections: calls of the kernels, and the plain references. residual.h has the contract. */
#include "linnet/kernels/residual.h"
#include "kernels/kernels.h"

void residual_forward(float *out, const float *stream, const float *branch, const int32_t *positions,
                      const uint64_t *samples, size_t rows, size_t width, const Dropout *dropout) {
    kernels()->residual_forward(out, stream, branch, positions, samples, rows, width, dropout);
}

void residual_backward(float *dbranch, const float *dout, const int32_t *positions, const uint64_t *samples,
                       size_t rows, size_t width, const Dropout *dropout) {
    kernels()->residual_backward(dbranch, dout, positions, samples, rows, width, dropout);
}

void residual_forward_ref(float *out, const float *stream, const float *branch, const int32_t *positions,
                          const uint64_t *samples, size_t rows, size_t width, const Dropout *dropout) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < width; c++) {
            size_t i = r * width + c;
            out[i] = stream[i] + branch[i] * dropout_factor_ref(dropout, c, samples[r], positions[r], 0);
        }
}

void residual_backward_ref(float *dbranch, const float *dout, const int32_t *positions, const uint64_t *samples,
                           size_t rows, size_t width, const Dropout *dropout) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < width; c++) {
            size_t i = r * width + c;
            dbranch[i] = dout[i] * dropout_factor_ref(dropout, c, samples[r], positions[r], 0);
        }
}
