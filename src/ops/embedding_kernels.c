#include "ops/dropout_lanes.h"
#include "ops/kernels.h"

/** Columns whose factors are made at once: they stay in the L1 cache until they are used. */
#define CHUNK ((size_t)256)
/** Columns of a gradient that one thread sums at a time: few enough to share, enough to fill cache lines. */
#define GATHER_COLUMNS ((size_t)64)

static void add_row(float *out, const float *token, const float *position, size_t width) {
#pragma omp simd
    for (size_t c = 0; c < width; c++) out[c] = token[c] + position[c];
}

static void drop_row(float *x, size_t width, const DropoutLanes *lanes, uint64_t sample, int32_t position) {
    float factors[CHUNK];
    for (size_t first = 0; first < width; first += CHUNK) {
        size_t count = smaller(CHUNK, width - first);
        dropout_factors(factors, first, count, lanes, sample, position, 0);
#pragma omp simd
        for (size_t c = 0; c < count; c++) x[first + c] *= factors[c];
    }
}

void KERNEL(embedding_forward)(float *out, const float *token, const float *position, const int32_t *ids,
                               const int32_t *positions, const uint64_t *samples, size_t rows, size_t width,
                               const Dropout *dropout) {
    bool dropping = dropout && dropout->threshold;
    DropoutLanes lanes = {0};
    if (dropping) lanes = dropout_lanes(dropout);
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_ELEMENTS)
    for (size_t r = 0; r < rows; r++) {
        float *row = out + r * width;
        add_row(row, token + (size_t)ids[r] * width, position + (size_t)positions[r] * width, width);
        if (dropping) drop_row(row, width, &lanes, samples[r], positions[r]);
    }
}

void KERNEL(embedding_gather)(float *out, const float *x, const int32_t *slots, size_t rows, size_t width) {
#pragma omp parallel for schedule(static) if (rows * width > PARALLEL_ELEMENTS)
    for (size_t first = 0; first < width; first += GATHER_COLUMNS) {
        size_t end = smaller(first + GATHER_COLUMNS, width);
        for (size_t r = 0; r < rows; r++) {
            float *to = out + (size_t)slots[r] * width;
            const float *from = x + r * width;
#pragma omp simd
            for (size_t c = first; c < end; c++) to[c] += from[c];
        }
    }
}
