#ifndef LINNET_KERNELS_SMALL_PRODUCT_H
#define LINNET_KERNELS_SMALL_PRODUCT_H
/** The small matrix products of attention: up to TILE_ROWS rows of out = left · right, where the rows of `right` and
 *  `out` are contiguous and `left` may be transposed. Calling a BLAS would take longer than such a product. */
#include "kernels/transpose.h"
#include <stdbool.h>

#define TILE_ROWS ((size_t)4)
#define TILE_VECTORS ((size_t)3) /* 4 × 3 sums, 3 loads and a broadcast fill the 16 registers of AVX2 */

/** Element (r, i) is at[r · row + i · step]. */
typedef struct {
    const float *at;
    size_t row, step;
} Left;

/** Always inlined, so that `rows` and `vectors` are constants and the sums stay in registers. */
static inline __attribute__((always_inline)) void tile(float *out, size_t out_stride, Left left, const float *right,
                                                       size_t right_stride, size_t inner, bool accumulate,
                                                       const size_t rows, const size_t vectors) {
    Floats sums[4][3];
#pragma GCC unroll 4
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (size_t v = 0; v < vectors; v++) sums[r][v] = (Floats){0};
    for (size_t i = 0; i < inner; i++) {
        Floats b[3];
#pragma GCC unroll 3
        for (size_t v = 0; v < vectors; v++) b[v] = floats_load(right + v * LANES);
#pragma GCC unroll 4
        for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 3
            for (size_t v = 0; v < vectors; v++)
                sums[r][v] = floats_fma(floats_all(left.at[r * left.row]), b[v], sums[r][v]);
        left.at += left.step;
        right += right_stride;
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (size_t v = 0; v < vectors; v++) {
            float *to = out + r * out_stride + v * LANES;
            floats_store(to, accumulate ? floats_load(to) + sums[r][v] : sums[r][v]);
        }
}

/** The last columns, where the head width is not a multiple of LANES. */
static void tile_rest(float *out, size_t out_stride, Left left, const float *right, size_t right_stride, size_t rows,
                      size_t inner, size_t columns, bool accumulate) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            float *to = out + r * out_stride + c, sum = 0.0f;
            for (size_t i = 0; i < inner; i++)
                sum = float_fma(left.at[r * left.row + i * left.step], right[i * right_stride + c], sum);
            *to = accumulate ? *to + sum : sum;
        }
}

/** out [rows, columns] = left [rows, inner] · right [inner, columns], or += when `accumulate`; rows ≤ TILE_ROWS. Each
 *  element is one float32 sum of fused multiply-adds, from zero, in the order of `inner`. TILE_ROWS is the same with
 *  every instruction set: it says which queries share the hidden keys of a tile, whose zeros may change the sign of a
 *  zero. */
static void tile_product(float *out, size_t out_stride, Left left, const float *right, size_t right_stride, size_t rows,
                         size_t inner, size_t columns, bool accumulate) {
    size_t c = 0;
    while (c + LANES <= columns) {
        size_t vectors = size_min((columns - c) / LANES, TILE_VECTORS);
#define TILE(R, V)                                                                                                     \
    case R * 4 + V:                                                                                                    \
        tile(out + c, out_stride, left, right + c, right_stride, inner, accumulate, R, V);                             \
        break
#define TILES(R)                                                                                                       \
    TILE(R, 3);                                                                                                        \
    TILE(R, 2);                                                                                                        \
    TILE(R, 1)
        switch (rows * 4 + vectors) {
            TILES(4);
            TILES(3);
            TILES(2);
            TILES(1);
        }
#undef TILES
#undef TILE
        c += vectors * LANES;
    }
    if (c < columns)
        tile_rest(out + c, out_stride, left, right + c, right_stride, rows, inner, columns - c, accumulate);
}

/** out [width, rows] = the transpose of x [rows, width]. The rows of out must have room for a multiple of four floats;
 *  the values from `rows` on are undefined. */
static void transpose(float *out, size_t out_stride, const float *x, size_t stride, size_t rows, size_t width) {
    for (size_t j = 0; j < rows; j += 4) {
        const float *from = x + j * stride;
        size_t c = 0, count = size_min(4, rows - j);
        if (count == 4)
            for (; c + 4 <= width; c += 4) transpose_four(out + c * out_stride + j, out_stride, from + c, stride, 4);
        else
            for (; c + 4 <= width; c += 4)
                transpose_four(out + c * out_stride + j, out_stride, from + c, stride, count);
        for (; c < width; c++)
            for (size_t k = 0; k < count; k++) out[c * out_stride + j + k] = from[k * stride + c];
    }
}
#endif
