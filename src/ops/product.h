#ifndef LINNET_OPS_PRODUCT_H
#define LINNET_OPS_PRODUCT_H
/** The inner loop of the large matrix products, and the packing it reads from.
 *
 *  A product is out [rows, columns] = left [rows, inner] · right [inner, columns]. It is cut as in Goto and van de
 *  Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), and BLIS: STRIP rows of `left` times PANEL
 *  columns of `right` keep their sums in registers while they walk along BLOCK steps of `inner`; a panel of a block
 *  stays in the L1 cache, the strips that pass by it in L2.
 *
 *  A **step** of `inner` is one float32, or with `pairs` two bf16 in the same 32 bits (the earlier one low), as the dot
 *  product instruction of AVX512-BF16 takes them: so strips and panels have one layout for both kinds.
 *
 *      strip    [steps, STRIP]     or rows as they lie: see Left
 *      panel    [steps, PANEL]
 *
 *  Each element of a product is one sum in the order of `inner`, wherever it lies in a tile. (What a weight's gradient
 *  is added to comes first in that sum or last: it depends on the shape and the instruction set, not on threads.) */
#include "ops/bf16_round.h"
#include "ops/transpose.h"
#include <stdbool.h>

#if defined __AVX512F__
#define STRIP ((size_t)12) /* 12 × 2 sums, 2 loads and a broadcast in 32 registers */
#else
#define STRIP ((size_t)6) /* 6 × 2 sums, 2 loads and a broadcast in 16 registers */
#endif
#define PANEL (2 * LANES)
/* Steps: a panel of a block is 16 KB, half of a small L1 cache. */
#define BLOCK ((size_t)4096 / PANEL < 256 ? (size_t)4096 / PANEL : (size_t)256)

#define INLINE static inline __attribute__((always_inline))

/** Step s of row r is at[r · row + s · step]; constants after inlining where they can be. */
typedef struct {
    const float *at;
    size_t row, step;
} Left;

/** One step: `low` alone, or both as a pair. */
INLINE float step_of(float low, float high, const bool pairs) {
    if (!pairs) return low;
    uint32_t bits = bf16_round(low) >> 16 | (bf16_round(high) & 0xffff0000U);
    float step;
    memcpy(&step, &bits, sizeof step);
    return step;
}

/** Steps that `inner` elements make. */
INLINE size_t steps_of(size_t inner, const bool pairs) {
    return pairs ? (inner + 1) / 2 : inner;
}

/** sum + left · right for one step of a row, `left` the same for all lanes. Pairs: as the instruction does, the later
 *  element's product is added first, then the earlier one's; but it takes subnormal numbers for zero, which the
 *  emulation does not. */
INLINE Floats step_add(Floats sum, float left, Floats right, const bool pairs) {
    if (!pairs) return sum + left * right;
#ifdef __AVX512BF16__
    uint32_t bits;
    memcpy(&bits, &left, sizeof bits);
    return (Floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32((int)bits), (__m512bh)(__m512)right);
#else
    uint32_t bits;
    memcpy(&bits, &left, sizeof bits);
    uint32_t halves[2] = {bits << 16, bits & 0xffff0000U};
    float low, high;
    memcpy(&low, &halves[0], sizeof low);
    memcpy(&high, &halves[1], sizeof high);
    sum += high * (Floats)((Bits)right & 0xffff0000U);
    return sum + low * (Floats)((Bits)right << 16);
#endif
}

/** sums += left · panel over one step. */
INLINE void step_multiply(Floats sums[STRIP][2], const float *const a[STRIP / 3], size_t row, const float *panel,
                          const size_t rows, const bool pairs) {
    Floats first = floats_load(panel), second = floats_load(panel + LANES);
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++) {
        float value = a[r / 3][r % 3 * row];
        sums[r][0] = step_add(sums[r][0], value, first, pairs);
        sums[r][1] = step_add(sums[r][1], value, second, pairs);
    }
}

/** sums += left · panel. Three rows share a pointer: one each would not fit the registers of AVX-512's strips. */
INLINE void strip_times_panel(Floats sums[STRIP][2], Left left, const float *panel, size_t steps, const size_t rows,
                              const bool pairs) {
    const float *a[STRIP / 3];
#pragma GCC unroll 4
    for (size_t g = 0; g < (rows + 2) / 3; g++) a[g] = left.at + 3 * g * left.row;
#define STEP                                                                                                           \
    do {                                                                                                               \
        step_multiply(sums, a, left.row, panel, rows, pairs);                                                          \
        _Pragma("GCC unroll 4") for (size_t g = 0; g < (rows + 2) / 3; g++) a[g] += left.step;                         \
        panel += PANEL;                                                                                                \
    } while (0)
    size_t s = 0;
#ifndef __SANITIZE_ADDRESS__ /* whose checks of so much straight code take the compiler minutes */
    for (; s + 8 <= steps; s += 8) {
        STEP;
        STEP;
        STEP;
        STEP;
        STEP;
        STEP;
        STEP;
        STEP;
    }
#endif
#pragma GCC unroll 1
    for (; s < steps; s++) STEP;
#undef STEP
}

/** out [rows, PANEL] = or, unless `begin`, += left · panel. */
INLINE void product_rows(float *out, size_t out_stride, Left left, const float *panel, size_t steps, bool begin,
                         const size_t rows, const bool pairs) {
    Floats sums[STRIP][2];
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (size_t v = 0; v < 2; v++) sums[r][v] = begin ? (Floats){0} : floats_load(out + r * out_stride + v * LANES);
    strip_times_panel(sums, left, panel, steps, rows, pairs);
#pragma GCC unroll 12
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (size_t v = 0; v < 2; v++) floats_store(out + r * out_stride + v * LANES, sums[r][v]);
}

/** The same for any number of rows from 1 to STRIP. */
INLINE void product_some(float *out, size_t out_stride, Left left, const float *panel, size_t steps, bool begin,
                         size_t rows, const bool pairs) {
    switch (rows) {
#define ROWS(N)                                                                                                        \
    case N:                                                                                                            \
        product_rows(out, out_stride, left, panel, steps, begin, N, pairs);                                            \
        break
        ROWS(1);
        ROWS(2);
        ROWS(3);
        ROWS(4);
        ROWS(5);
        ROWS(6);
#if defined __AVX512F__
        ROWS(7);
        ROWS(8);
        ROWS(9);
        ROWS(10);
        ROWS(11);
        ROWS(12);
#endif
#undef ROWS
    }
}

/* Functions of their own, not inlined, so that the registers go to the sums and not to the caller's variables. */
#define OWN static __attribute__((noinline))

/** A packed strip times a panel. */
OWN void product_packed(float *out, size_t out_stride, const float *strip, const float *panel, size_t steps, bool begin,
                        size_t rows) {
    product_some(out, out_stride, (Left){strip, 1, STRIP}, panel, steps, begin, rows, false);
}
OWN void product_packed_pairs(float *out, size_t out_stride, const float *strip, const float *panel, size_t steps,
                              bool begin, size_t rows) {
    product_some(out, out_stride, (Left){strip, 1, STRIP}, panel, steps, begin, rows, true);
}

/** Rows as they lie, `row` floats apart, times a panel. */
OWN void product_lying(float *out, size_t out_stride, const float *left, size_t row, const float *panel, size_t steps,
                       bool begin, size_t rows) {
    product_some(out, out_stride, (Left){left, row, 1}, panel, steps, begin, rows, false);
}
OWN void product_lying_pairs(float *out, size_t out_stride, const float *left, size_t row, const float *panel,
                             size_t steps, bool begin, size_t rows) {
    product_some(out, out_stride, (Left){left, row, 1}, panel, steps, begin, rows, true);
}
#endif
