#ifndef LINNET_KERNELS_TRANSPOSE_H
#define LINNET_KERNELS_TRANSPOSE_H
/** Transposing small pieces of a matrix, for packing and attention. */
#include "kernels/lanes.h"

typedef float Four __attribute__((vector_size(16)));
typedef uint32_t FourBits __attribute__((vector_size(16)));

/** out[c][j] = row[j][c]. */
static inline __attribute__((always_inline)) void transpose_rows(float *out, size_t out_stride, const Four row[4]) {
    Four a = SHUFFLE(FourBits, row[0], row[1], 0, 4, 1, 5), b = SHUFFLE(FourBits, row[2], row[3], 0, 4, 1, 5);
    Four c = SHUFFLE(FourBits, row[0], row[1], 2, 6, 3, 7), d = SHUFFLE(FourBits, row[2], row[3], 2, 6, 3, 7);
    Four column[4] = {
        SHUFFLE(FourBits, a, b, 0, 1, 4, 5),
        SHUFFLE(FourBits, a, b, 2, 3, 6, 7),
        SHUFFLE(FourBits, c, d, 0, 1, 4, 5),
        SHUFFLE(FourBits, c, d, 2, 3, 6, 7),
    };
    for (size_t k = 0; k < 4; k++) memcpy(out + k * out_stride, &column[k], sizeof column[k]);
}

/** A 4 × 4 piece: out[c][j] = x[j][c]; with `rows` < 4, columns rows … 3 of out become zero. */
static inline __attribute__((always_inline)) void transpose_four(float *out, size_t out_stride, const float *x,
                                                                 size_t stride, size_t rows) {
    Four row[4] = {{0}};
    for (size_t j = 0; j < rows; j++) memcpy(&row[j], x + j * stride, sizeof row[j]);
    transpose_rows(out, out_stride, row);
}

/** A piece of LANES × LANES: out[c][j] = x[j][c]. For each power of two `half` below LANES, rows that lie `half` apart
 *  swap every other run of `half` lanes. */
static inline __attribute__((always_inline)) void transpose_lanes(float *out, size_t out_stride, const float *x,
                                                                  size_t stride) {
    Floats row[LANES];
#pragma GCC unroll 16
    for (size_t r = 0; r < LANES; r++) row[r] = floats_load(x + r * stride);
#pragma GCC unroll 4
    for (uint32_t half = LANES / 2; half > 0; half /= 2) {
        Bits upper = (Bits)((lane_numbers() & half) != 0) & ((uint32_t)LANES - half);
#pragma GCC unroll 16
        for (size_t r = 0; r < LANES; r++) {
            if (r & half) continue;
            Floats a = row[r], b = row[r | half];
            row[r] = floats_shuffle(a, b, lane_numbers() + upper);
            row[r | half] = floats_shuffle(a, b, lane_numbers() + upper + half);
        }
    }
#pragma GCC unroll 16
    for (size_t c = 0; c < LANES; c++) floats_store(out + c * out_stride, row[c]);
}
#endif
