#ifndef LINNET_KERNELS_PRODUCT_PACKING_H
#define LINNET_KERNELS_PRODUCT_PACKING_H
/** Copies matrices into the micro-panels of product.h, which explains the terms and the layouts. */
#include "kernels/linear_scratch.h"
#include "kernels/product.h"

/** One step: `low` itself, or with PAIRS both numbers rounded to bf16. */
INLINE float step_of(float low, float high) {
    if (!PAIRS) return low;
    uint32_t bits = bf16_round(low) >> 16 | (bf16_round(high) & 0xffff0000U);
    float step;
    memcpy(&step, &bits, sizeof step);
    return step;
}

#ifdef __AVX512BF16__
typedef uint16_t Halves __attribute__((vector_size(LANE_BYTES)));

/** Both rounded as by step_of(), `low` before `high`. But VCVTNE2PS2BF16 makes every subnormal number zero, as the
 *  product would; step_of() rounds the largest ones up to a normal number. */
INLINE Halves halves_of(Floats low, Floats high) {
    return (Halves)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
}

/** The steps of the pairs low[i], high[i]. */
INLINE Floats steps_of_lanes(Floats low, Floats high) {
    Halves both = halves_of(low, high);
    return (Floats)SHUFFLE(Halves, both, both, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10,
                           26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
#endif

/** out[i] = the step of the pair low[i], high[i]: two rows, one below the other. */
INLINE void steps_down(float *out, const float *low, const float *high, const size_t count) {
    size_t i = 0;
#ifdef __AVX512BF16__
    for (; i + LANES <= count; i += LANES)
        floats_store(out + i, steps_of_lanes(floats_load(low + i), floats_load(high + i)));
    if (i + MR <= count) {
        Floats few = steps_of_lanes(floats_load_part(low + i, MR), floats_load_part(high + i, MR));
        floats_store_part(out + i, few, MR);
        i += MR;
    }
#endif
    for (; i < count; i++) out[i] = step_of(low[i], high[i]);
}

/** out [steps_of(inner)] = the steps of one row x [inner]; an odd last element is paired with 0. */
INLINE void steps_along(float *out, const float *x, size_t inner) {
    size_t s = 0;
#ifdef __AVX512BF16__
    for (; s + LANES <= inner / 2; s += LANES)
        floats_store(out + s, (Floats)halves_of(floats_load(x + 2 * s), floats_load(x + 2 * s + LANES)));
#endif
    for (; s < inner / 2; s++) out[s] = step_of(x[2 * s], x[2 * s + 1]);
    if (inner % 2 == 1) out[s] = step_of(x[inner - 1], 0.0F);
}

/** x [inner, columns] → micro-panels [columns / width][steps][width], zeros after the last column. */
INLINE void pack_columns(float *out, const float *x, size_t stride, size_t inner, size_t columns, const size_t width) {
    static const float none[LINEAR_TILE_MAX];
    size_t steps = steps_of(inner), full = columns / width * width;
    for (size_t s = 0; s < steps; s++) {
        const float *low = x + (PAIRS ? 2 * s : s) * stride;
        bool odd = !PAIRS || 2 * s + 1 == inner;
        for (size_t c = 0; c < full; c += width) {
            const float *high = odd ? none : low + stride + c;
            float *to = out + c * steps + s * width;
            if (PAIRS)
                steps_down(to, low + c, high, width);
            else
                for (size_t i = 0; i < width; i++) to[i] = low[c + i];
        }
        for (size_t i = 0; full < columns && i < width; i++) {
            bool inside = full + i < columns;
            out[full * steps + s * width + i] =
                inside ? step_of(low[full + i], odd ? 0.0F : low[stride + full + i]) : 0.0F;
        }
    }
}

/** Put `rows` rows, at most `most`, into their places in each step; zeros for the rows from `rows` to `most`. */
INLINE void pack_some_rows(float *out, const float *x, size_t stride, size_t rows, size_t inner, const size_t width,
                           const size_t most) {
    float copies[LANES][KC];
    size_t steps = steps_of(inner), s = 0;
    if (PAIRS || rows < most) {
        for (size_t j = 0; j < most; j++) {
            if (j >= rows)
                memset(copies[j], 0, steps * sizeof copies[j][0]);
            else if (PAIRS)
                steps_along(copies[j], x + j * stride, inner);
            else
                memcpy(copies[j], x + j * stride, inner * sizeof copies[j][0]);
        }
        x = copies[0];
        stride = KC;
    }
    if (most == LANES)
        for (; s + LANES <= steps; s += LANES) transpose_lanes(out + s * width, width, x + s, stride);
    else
        for (; s + 4 <= steps; s += 4) transpose_four(out + s * width, width, x + s, stride, 4);
    for (; s < steps; s++)
        for (size_t j = 0; j < most; j++) out[s * width + j] = x[j * stride + s];
}

/** x [rows ≤ width, inner ≤ KC_INNER] → a micro-panel [steps][width], zeros after the last row. Takes LANES rows at a
 *  time, or four; where `width` is a multiple of neither, the last four overlap those before. */
INLINE void pack_rows(float *out, const float *x, size_t stride, size_t rows, size_t inner, const size_t width) {
    const size_t most = width % LANES == 0 ? LANES : 4;
    for (size_t j = 0; j < width; j += most) {
        size_t first = size_min(j, width - most);
        size_t inside = rows > first ? size_min(most, rows - first) : 0;
        pack_some_rows(out + first, x + first * stride, stride, inside, inner, width, most);
    }
}

/** x [rows ≤ MR, inner ≤ KC_INNER] → a micro-panel of A, zeros after the last row. */
INLINE void pack_a(float *out, const float *x, size_t stride, size_t rows, size_t inner) {
#if TILES
    float row[KC];
    size_t steps = steps_of(inner);
    for (size_t j = 0; j < MR; j++) {
        if (j < rows) steps_along(row, x + j * stride, inner);
        for (size_t s = 0; s < steps; s += GROUP) {
            size_t piece = size_min(GROUP, steps - s);
            float *to = out + s * MR + j * piece;
            if (j < rows)
                memcpy(to, row + s, piece * sizeof *to);
            else
                memset(to, 0, piece * sizeof *to);
        }
    }
#else
    pack_rows(out, x, stride, rows, inner, MR);
#endif
}

/** x [inner, columns] → micro-panels of A whose rows are the columns of x, zeros after the last column. */
INLINE void pack_a_across(float *out, const float *x, size_t stride, size_t inner, size_t columns) {
#if TILES
    size_t steps = steps_of(inner);
    for (size_t c = 0; c < columns; c += MR)
        for (size_t s = 0; s < steps; s += GROUP) {
            float across[GROUP * MR], *to = out + c * steps + s * MR;
            size_t piece = size_min(GROUP, steps - s);
            pack_columns(across, x + 2 * s * stride + c, stride, size_min(2 * GROUP, inner - 2 * s),
                         size_min(MR, columns - c), MR);
            if (piece == GROUP)
                transpose_lanes(to, GROUP, across, MR);
            else
                for (size_t i = 0; i < MR * piece; i++) to[i] = across[i % piece * MR + i / piece];
        }
#else
    pack_columns(out, x, stride, inner, columns, MR);
#endif
}
#endif
