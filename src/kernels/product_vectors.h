#ifndef LINNET_KERNELS_PRODUCT_VECTORS_H
#define LINNET_KERNELS_PRODUCT_VECTORS_H
/** A product with its sums in vector registers: part of product.h. */

/** sum + left · right, rounded once. */
INLINE Floats multiply_add(Floats sum, Floats left, Floats right) {
#if defined __AVX512F__
    /* Left to itself the compiler takes forms that overwrite a factor, and copies it before. */
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(left), "v"(right));
    return sum;
#else
    return sum + left * right;
#endif
}

/** sum + left · right for one step of a row, `left` the same for all lanes. Pairs: as the instruction does, the later
 *  element's product is added first, then the earlier one's; but it takes subnormal numbers for zero, which the
 *  emulation does not. */
INLINE Floats step_add(Floats sum, Floats left, Floats right) {
    if (!PAIRS) return multiply_add(sum, left, right);
#ifdef __AVX512BF16__
    return (Floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)(__m512)left, (__m512bh)(__m512)right);
#else
    sum += (Floats)((Bits)left & 0xffff0000U) * (Floats)((Bits)right & 0xffff0000U);
    return sum + (Floats)((Bits)left << 16) * (Floats)((Bits)right << 16);
#endif
}

/** sums += strip · panel over one step. */
INLINE void step_multiply(Floats sums[STRIP][VECTORS], const float *strip, const float *panel, const size_t rows) {
    Floats right[VECTORS];
#pragma GCC unroll 3
    for (size_t v = 0; v < VECTORS; v++) right[v] = floats_load(panel + v * LANES);
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++) {
        Floats left = floats_all(strip[r]);
#pragma GCC unroll 3
        for (size_t v = 0; v < VECTORS; v++) sums[r][v] = step_add(sums[r][v], left, right[v]);
    }
}

/** sums += strip · panel. */
INLINE void strip_times_panel(Floats sums[STRIP][VECTORS], const float *strip, const float *panel, size_t steps,
                              const size_t rows, Fetch *next) {
#define STEP(I) step_multiply(sums, strip + (I)*STRIP, panel + (I)*PANEL, rows)
#ifdef __SANITIZE_ADDRESS__ /* whose checks of so much straight code take the compiler minutes */
    (void)next;
#else
#pragma GCC unroll 1
    for (; steps >= FETCH_STEPS; steps -= FETCH_STEPS) {
        fetch(next);
        STEP(0);
        STEP(1);
        STEP(2);
        STEP(3);
        STEP(4);
        STEP(5);
        STEP(6);
        STEP(7);
        strip += FETCH_STEPS * STRIP;
        panel += FETCH_STEPS * PANEL;
    }
#endif
#pragma GCC unroll 1
    for (; steps > 0; steps--) {
        STEP(0);
        strip += STRIP;
        panel += PANEL;
    }
#undef STEP
}

INLINE void product_rows(const Sums *at, const float *strip, const float *panel, size_t steps, const size_t rows,
                         Fetch *next) {
    Floats sums[STRIP][VECTORS];
    sums_begin(sums, at, rows);
    strip_times_panel(sums, strip, panel, steps, rows, next);
    sums_end(sums, at, rows);
}

static __attribute__((noinline)) void multiply(const Sums *at, const float *strip, const float *panel, size_t steps,
                                               size_t rows, Fetch *next) {
    switch (rows) {
#define ROWS(N)                                                                                                        \
    case N:                                                                                                            \
        product_rows(at, strip, panel, steps, N, next);                                                                \
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
#endif
#undef ROWS
    }
}

INLINE void products_end(void) {}
#endif
