/* Residual connections, for each instruction set. residual.h has the contract. */
#include "kernels/dropout_lanes.h"
#include "kernels/kernels.h"

void KERNEL(residual_forward)(float *out, const float *stream, const float *branch, const int32_t *positions,
                              const uint64_t *samples, size_t rows, size_t width, const Dropout *dropout) {
    DropoutLanes room;
    const DropoutLanes *lanes = dropout_prepare(&room, dropout);
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_ELEMENTS)
    for (size_t r = 0; r < rows; r++) {
        size_t at = r * width;
        if (lanes) {
            dropout_row(out + at, stream + at, branch + at, width, lanes, samples[r], positions[r]);
        } else {
#pragma omp simd
            for (size_t c = at; c < at + width; c++) out[c] = stream[c] + branch[c];
        }
    }
}

void KERNEL(residual_backward)(float *dbranch, const float *dout, const int32_t *positions, const uint64_t *samples,
                               size_t rows, size_t width, const Dropout *dropout) {
    DropoutLanes room;
    const DropoutLanes *lanes = dropout_prepare(&room, dropout);
    if (!lanes && dbranch == dout) return;
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_ELEMENTS)
    for (size_t r = 0; r < rows; r++) {
        if (lanes)
            dropout_row(dbranch + r * width, NULL, dout + r * width, width, lanes, samples[r], positions[r]);
        else
            memcpy(dbranch + r * width, dout + r * width, width * sizeof *dout);
    }
}
