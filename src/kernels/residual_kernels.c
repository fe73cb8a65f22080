#include "kernels/dropout_lanes.h"
#include "kernels/kernels.h"

/** Columns whose factors are made at once: they stay in the L1 cache until they are used. */
#define CHUNK ((size_t)256)

typedef struct {
    const DropoutLanes *lanes;
    const int32_t *positions;
    const uint64_t *samples;
} RowDropout;

/** out = factors · x, and + stream where there is one; one row. */
static void drop_row(float *out, const float *stream, const float *x, size_t width, const RowDropout *dropout,
                     size_t row) {
    float factors[CHUNK];
    for (size_t first = 0; first < width; first += CHUNK) {
        size_t count = smaller(CHUNK, width - first);
        dropout_factors(factors, first, count, dropout->lanes, dropout->samples[row], dropout->positions[row], 0);
        if (stream) {
#pragma omp simd
            for (size_t c = 0; c < count; c++) out[first + c] = stream[first + c] + factors[c] * x[first + c];
        } else {
#pragma omp simd
            for (size_t c = 0; c < count; c++) out[first + c] = factors[c] * x[first + c];
        }
    }
}

void KERNEL(residual_forward)(float *out, const float *stream, const float *branch, const int32_t *positions,
                              const uint64_t *samples, size_t rows, size_t width, const Dropout *dropout) {
    bool dropping = dropout && dropout->threshold;
    DropoutLanes lanes = {0};
    if (dropping) lanes = dropout_lanes(dropout);
    RowDropout by_row = {&lanes, positions, samples};
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_ELEMENTS)
    for (size_t r = 0; r < rows; r++) {
        size_t at = r * width;
        if (dropping) {
            drop_row(out + at, stream + at, branch + at, width, &by_row, r);
        } else {
#pragma omp simd
            for (size_t c = at; c < at + width; c++) out[c] = stream[c] + branch[c];
        }
    }
}

void KERNEL(residual_backward)(float *dbranch, const float *dout, const int32_t *positions, const uint64_t *samples,
                               size_t rows, size_t width, const Dropout *dropout) {
    bool dropping = dropout && dropout->threshold;
    if (!dropping && dbranch == dout) return;
    DropoutLanes lanes = {0};
    if (dropping) lanes = dropout_lanes(dropout);
    RowDropout by_row = {&lanes, positions, samples};
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_ELEMENTS)
    for (size_t r = 0; r < rows; r++) {
        if (dropping)
            drop_row(dbranch + r * width, NULL, dout + r * width, width, &by_row, r);
        else
            memcpy(dbranch + r * width, dout + r * width, width * sizeof *dout);
    }
}
