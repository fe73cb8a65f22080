#ifndef LINNET_KERNELS_PRODUCT_H
#define LINNET_KERNELS_PRODUCT_H
/** The large matrix products: how they are cut, prefetching, and where a micro-kernel's sums begin and end. The packing
 *  is in product_packing.h, the micro-kernel in micro_kernel.h or, for AMX, in micro_kernel_amx.h.
 *
 *  The terms are those of BLIS (Van Zee and van de Geijn, "BLIS: A Framework for Rapidly Instantiating BLAS
 *  Functionality", ACM TOMS 41(3), 2015; the cutting goes back to Goto and van de Geijn, "Anatomy of High-Performance
 *  Matrix Multiplication", ACM TOMS 34(3), 2008). A product is
 *  C [rows, columns] = A [rows, inner] · B [inner, columns]:
 *
 *      micro-kernel  computes MR rows times NR columns of C over at most KC steps of `inner`, sums in registers
 *      micro-panel   what it reads: KC steps of MR rows of A, or of NR columns of B, packed in the order of reading. A
 *                    micro-panel of B stays in the L1 cache while the micro-panels of A come from the L2 cache
 *      MC            rows of A that a packed block has (LINEAR_MC_MAX)
 *
 *  A **step** of `inner` is one float32, or where PAIRS is 1 two bf16 in the same 32 bits (the earlier element in the
 *  low half), as the dot product instructions of AVX512-BF16 and AMX-BF16 take them. So both kinds have one layout:
 *
 *      micro-panel of A   [steps, MR] where GROUP is 1; else [steps / GROUP] pieces [MR, GROUP], the last one narrower
 *      micro-panel of B   [steps, NR]
 *
 *  Order of summation: each element of C is one float32 sum in the order of `inner`, wherever it lies in a tile. An
 *  element of a weight's gradient is one such sum for each segment (segments.h). AMX sums groups of steps separately
 *  (micro_kernel_amx.h). The old value that a gradient is added to comes first in the first segment's sum. */
#include "kernels/transpose.h"
#include <stdbool.h>

#if PAIRS && (defined __AMX_BF16__ || defined __AMXBF16__) /* the second is the name of clang before 16 */
#define TILES 1 /* the micro-kernel's sums are in AMX's tiles, not in vector registers */
#else
#define TILES 0
#endif

/* The micro-kernel is often limited by the instructions that feed the multiply-add units, not by these units, above all
 * where another hyperthread takes half of the decoder. So MR × NR has the fewest loads for each multiply-add that the
 * registers allow. */
#if TILES
#define MR ((size_t)16)     /* rows of an AMX tile */
#define GROUP ((size_t)16)  /* steps of an AMX tile */
#define VECTORS ((size_t)3) /* tiles of sums; a fourth would hide the latency of a product, but no tile is left */
#define KC ((size_t)128)
#elif defined __AVX512F__
#define MR ((size_t)8)
#define GROUP ((size_t)1)
#define VECTORS ((size_t)3) /* 8 × 3 sums, 3 loads and a broadcast in 32 registers */
#define KC ((size_t)128)    /* a micro-panel of B is 24 KB of an L1 cache of 32 or 48 KB */
#elif defined __ARM_NEON
#define MR ((size_t)8)
#define GROUP ((size_t)1)
#define VECTORS ((size_t)3)                         /* 8 × 3 sums, 3 loads and 2 vectors of factors in 32 registers */
#define KC ((size_t)(LANE_BYTES == 64 ? 128 : 256)) /* a micro-panel of B is at most 24 KB of an L1 cache of 64 KB */
#else
#define MR ((size_t)6)
#define GROUP ((size_t)1)
#define VECTORS ((size_t)2) /* 6 × 2 sums, 2 loads and a broadcast in 16 registers */
#define KC ((size_t)256)    /* a micro-panel of B is at most 16 KB, half of the L1 cache */
#endif
#define NR (VECTORS * LANES)
#define KC_INNER (PAIRS ? 2 * KC : KC) /* elements of `inner` in KC steps */

#define INLINE static inline __attribute__((always_inline))

/** Steps that `inner` elements make. */
INLINE size_t steps_of(size_t inner) {
    return PAIRS ? (inner + 1) / 2 : inner;
}

/** Part of a matrix that is prefetched while something else is computed: a few cache lines at a time, since a core
 *  stalls when it has more requests to memory open than it can track. */
typedef struct {
    const float *row;
    size_t stride, columns, rows; /* still to come */
    size_t column;
    size_t portion; /* lines that one fetch() asks for */
} Fetch;

#define LINE ((size_t)16)       /* floats of a cache line */
#define FETCH_STEPS ((size_t)8) /* steps that the micro-kernel takes between two portions */

/** Prefetch the next portion. */
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

/** Where the micro-kernel's sums [rows, NR] begin and end: rows of NR floats, a stride apart. */
typedef struct {
    const float *from; /* the sums start from these values; NULL: from zero; from_stride 0: one row for all rows */
    float *to;         /* may be `from` */
    size_t from_stride, to_stride;
    bool past;           /* write `to` past the caches, since it is not read soon; it is aligned to complete vectors */
    const float *top;    /* `joins` earlier sums [rows, NR] are added at the end: the first lies `level` floats below */
    size_t level, joins; /* `top`, each further one `level` floats below the one before */
} Sums;

/** Load the values that the sums start from, or zeros. */
INLINE void sums_begin(Floats sums[MR][VECTORS], const Sums *at, const size_t rows) {
    if (!at->from) {
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

/** Add the earlier sums and store the result. */
INLINE void sums_end(Floats sums[MR][VECTORS], const Sums *at, const size_t rows) {
    const float *below = at->top;
#pragma GCC unroll 1
    for (size_t j = 0; j < at->joins; j++) {
        below -= at->level;
#pragma GCC unroll 8
        for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 3
            for (size_t v = 0; v < VECTORS; v++) sums[r][v] += floats_load(below + r * NR + v * LANES);
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

/** What both files define:
 *
 *      void micro_kernel(const Sums *at, const float *a, const float *b, size_t steps, size_t rows, Fetch *next)
 *      to [rows, NR] = from + micro-panel a · micro-panel b + the earlier sums, for 1 to MR rows. Prefetches `next` at
 *      the same time, as far as the steps allow. Not inlined, so that the registers go to the sums and not to the
 *      caller's variables.
 *
 *      void products_end(void)
 *      Called by each thread that used the micro-kernel, when it is done. */
#if TILES
#include "kernels/micro_kernel_amx.h"
#else
#include "kernels/micro_kernel.h"
#endif
#endif
