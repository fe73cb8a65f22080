#ifndef LINNET_KERNELS_PRODUCT_H
#define LINNET_KERNELS_PRODUCT_H
/** What the large matrix products read and write: blocks, their packing, and where sums begin and end. The inner loop is
 *  in product_vectors.h or, for AMX, in product_tiles.h.
 *
 *  A product is out [rows, columns] = left [rows, inner] · right [inner, columns]. It is cut as in Goto and van de
 *  Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), and BLIS: STRIP rows of `left` times PANEL
 *  columns of `right` keep their sums in registers while they walk along BLOCK steps of `inner`; a panel of a block
 *  stays in the L1 cache, the strips that pass by it in L2.
 *
 *  A **step** of `inner` is one float32, or where PAIRS is 1 two bf16 in the same 32 bits (the earlier one low), as the
 *  dot product instructions of AVX512-BF16 and AMX-BF16 take them: so strips and panels have one layout for both kinds.
 *
 *      strip    [steps / GROUP] pieces of [STRIP, GROUP], the last of them narrower; [steps, STRIP] where GROUP is 1
 *      panel    [steps, PANEL]
 *
 *  Each element of a product is one sum in the order of `inner`, wherever it lies in a tile; of a weight's gradient,
 *  one such sum a segment (segments.h); except that AMX sums a group apart (product_tiles.h). (What the gradient of one segment
 *  is added to comes first in that sum or last: it depends on the shape and the instruction set, not on threads.) */
#include "kernels/bf16_round.h"
#include "kernels/transpose.h"
#include <stdbool.h>

#if PAIRS && (defined __AMX_BF16__ || defined __AMXBF16__) /* the second is the name of clang before 16 */
#define TILES 1 /* the sums of a strip and a panel in AMX's tiles, not in vector registers */
#else
#define TILES 0
#endif

/* What bounds the inner loop is often not the multiply-add units but the instructions that feed them, above all where
 * another hyperthread takes half of the decoder. So the shape of a tile is the one with the fewest loads a
 * multiply-add that the registers allow. */
#if TILES
#define STRIP ((size_t)16)  /* rows of a tile */
#define GROUP ((size_t)16)  /* steps of a tile */
#define VECTORS ((size_t)3) /* tiles of sums; a fourth would hide a product's latency, but has no place */
#define BLOCK ((size_t)128)
#elif defined __AVX512F__
#define STRIP ((size_t)8)
#define GROUP ((size_t)1)
#define VECTORS ((size_t)3) /* 8 × 3 sums, 3 loads and a broadcast in 32 registers */
#define BLOCK ((size_t)128) /* steps: a panel of a block is 24 KB of an L1 cache of 32 or 48 KB */
#else
#define STRIP ((size_t)6)
#define GROUP ((size_t)1)
#define VECTORS ((size_t)2) /* 6 × 2 sums, 2 loads and a broadcast in 16 registers */
#define BLOCK ((size_t)256) /* steps: a panel of a block is at most 16 KB, half of the L1 cache */
#endif
#define PANEL (VECTORS * LANES)
#define BLOCK_INNER (PAIRS ? 2 * BLOCK : BLOCK) /* elements of `inner` in a block */

#define INLINE static inline __attribute__((always_inline))

/** One step: `low` alone, or both as a pair. */
INLINE float step_of(float low, float high) {
    if (!PAIRS) return low;
    uint32_t bits = bf16_round(low) >> 16 | (bf16_round(high) & 0xffff0000U);
    float step;
    memcpy(&step, &bits, sizeof step);
    return step;
}

#ifdef __AVX512BF16__
typedef uint16_t Halves __attribute__((vector_size(LANE_BYTES)));

/** Rounded as by step_of(), `low` before `high`; but all subnormal numbers become zero, as which the product takes
 *  them, also the largest, which step_of() rounds up to a normal one. */
INLINE Halves halves_of(Floats low, Floats high) {
    return (Halves)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
}

/** Steps whose pairs are low[i] and high[i]. */
INLINE Floats steps_of_lanes(Floats low, Floats high) {
    Halves both = halves_of(low, high);
    return (Floats)SHUFFLE(Halves, both, both, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10,
                           26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
#endif

/** Steps of pairs from two rows, one below the other. */
INLINE void steps_down(float *out, const float *low, const float *high, const size_t count) {
    size_t i = 0;
#ifdef __AVX512BF16__
    for (; i + LANES <= count; i += LANES)
        floats_store(out + i, steps_of_lanes(floats_load(low + i), floats_load(high + i)));
    if (i + STRIP <= count) {
        Floats few = steps_of_lanes(floats_load_part(low + i, STRIP), floats_load_part(high + i, STRIP));
        floats_store_part(out + i, few, STRIP);
        i += STRIP;
    }
#endif
    for (; i < count; i++) out[i] = step_of(low[i], high[i]);
}

/** Steps of the pairs of a row. */
INLINE void steps_along(float *out, const float *x, size_t inner) {
    size_t s = 0;
#ifdef __AVX512BF16__
    for (; s + LANES <= inner / 2; s += LANES)
        floats_store(out + s, (Floats)halves_of(floats_load(x + 2 * s), floats_load(x + 2 * s + LANES)));
#endif
    for (; s < inner / 2; s++) out[s] = step_of(x[2 * s], x[2 * s + 1]);
    if (inner % 2 == 1) out[s] = step_of(x[inner - 1], 0.0F);
}

/** Steps that `inner` elements make. */
INLINE size_t steps_of(size_t inner) {
    return PAIRS ? (inner + 1) / 2 : inner;
}

/** Part of a matrix that is asked for while something else is computed: a few lines at a time, since a core waits where
 *  more are on their way than it can keep track of. */
typedef struct {
    const float *row;
    size_t stride, columns, rows; /* still to come */
    size_t column;
    size_t portion; /* lines at a time */
} Fetch;

#define LINE ((size_t)16)       /* floats of a cache line */
#define FETCH_STEPS ((size_t)8) /* of a product, from one portion to the next */

/** One portion. */
INLINE void fetch(Fetch *f) {
    for (size_t i = 0; i < f->portion && f->rows > 0; i++) {
        __builtin_prefetch(f->row + f->column);
        f->column += LINE;
        if (f->column < f->columns) continue;
        f->column = 0;
        f->row += f->stride;
        f->rows--;
    }
}

/** Where the sums of a strip and a panel begin and end: rows of PANEL floats, a stride apart. */
typedef struct {
    const float *from; /* what they are added to, NULL: nothing; stride 0: the same for all rows */
    float *to;         /* may be `from` */
    size_t from_stride, to_stride;
    bool past;           /* `to`, which is aligned to whole vectors, is written past the caches: it is not read soon */
    const float *top;    /* sums of the same form that are added at the end, the last first: each lies `level` floats */
    size_t level, joins; /* below the one before, the first of them below `top` */
} Sums;

/** What sums are added to, or zeros. */
INLINE void sums_begin(Floats sums[STRIP][VECTORS], const Sums *at, const size_t rows) {
    if (at->from == NULL) {
#pragma GCC unroll 8
        for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 3
            for (size_t v = 0; v < VECTORS; v++) sums[r][v] = (Floats){0};
        return;
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (size_t v = 0; v < VECTORS; v++) sums[r][v] = floats_load(at->from + r * at->from_stride + v * LANES);
}

/** Join sums with earlier ones, and put them where they belong. */
INLINE void sums_end(Floats sums[STRIP][VECTORS], const Sums *at, const size_t rows) {
    const float *below = at->top;
#pragma GCC unroll 1
    for (size_t j = 0; j < at->joins; j++) {
        below -= at->level;
#pragma GCC unroll 8
        for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 3
            for (size_t v = 0; v < VECTORS; v++) sums[r][v] += floats_load(below + r * PANEL + v * LANES);
    }
    if (at->past) {
#pragma GCC unroll 8
        for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 3
            for (size_t v = 0; v < VECTORS; v++) floats_stream(at->to + r * at->to_stride + v * LANES, sums[r][v]);
        return;
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (size_t v = 0; v < VECTORS; v++) floats_store(at->to + r * at->to_stride + v * LANES, sums[r][v]);
}

/** multiply(): to [rows, PANEL] = from + strip · panel, joined with earlier sums, for 1 to STRIP rows; meanwhile `next`
 *  is fetched, as far as it comes. A function of its own, not inlined, so that the registers go to the sums and not to
 *  the caller's variables. products_end(): by each thread that multiplied, when it is done. */
#if TILES
#include "kernels/product_tiles.h"
#else
#include "kernels/product_vectors.h"
#endif
#endif
