#ifndef LINNET_KERNELS_MICRO_KERNEL_H
#define LINNET_KERNELS_MICRO_KERNEL_H
/** The micro-kernel with its sums in vector registers: part of product.h. */

/** sum + left · right, rounded once. */
INLINE Floats multiply_add(Floats sum, Floats left, Floats right) {
#if defined __AVX512F__
    /* The compiler would choose a form that overwrites a factor, and copy that factor first. */
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(left), "v"(right));
    return sum;
#else
    return floats_fma(left, right, sum);
#endif
}

/** sum + left · right for one step of a row; all lanes of `left` are the same. For pairs the product of the later
 *  elements is added first, then that of the earlier ones, as the instruction VDPBF16PS does. The instruction treats
 *  subnormal numbers as zero, its emulation does not. */
INLINE Floats step_add(Floats sum, Floats left, Floats right) {
    if (!PAIRS) return multiply_add(sum, left, right);
#ifdef __AVX512BF16__
    return (Floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)(__m512)left, (__m512bh)(__m512)right);
#else
    sum = floats_fma((Floats)((Bits)left & 0xffff0000U), (Floats)((Bits)right & 0xffff0000U), sum);
    return floats_fma((Floats)((Bits)left << 16), (Floats)((Bits)right << 16), sum);
#endif
}

/* Four factors, and a multiply-add that takes one of them from its lane; with SVE each 128 bits have the same four. */
#if defined SVE_BYTES
typedef SveFloats Factors;
#define factors_load(from) svld1rq_f32(svptrue_b32(), from)
#define FACTOR_MULTIPLY_ADD(sum, vector, factors, lane)                                                                \
    (Floats)(SveFloats) svmla_lane_f32((SveFloats)(sum), (SveFloats)(vector), factors, lane)
#elif defined __ARM_NEON
typedef float32x4_t Factors;
#define factors_load(from) vld1q_f32(from)
#define FACTOR_MULTIPLY_ADD(sum, vector, factors, lane)                                                                \
    (Floats) vfmaq_laneq_f32((float32x4_t)(sum), (float32x4_t)(vector), factors, lane)
#endif

/** sums += a · b for one step of both micro-panels: a rank-1 update, or rank-2 of pairs. */
INLINE void step_update(Floats sums[MR][VECTORS], const float *a, const float *b, const size_t rows) {
    Floats right[VECTORS];
#pragma GCC unroll 3
    for (size_t v = 0; v < VECTORS; v++) right[v] = floats_load(b + v * LANES);
#if defined __ARM_NEON && !PAIRS
    /* Two loads of factors for eight rows. The compiler would load each row's. */
    Factors upper = factors_load(a), lower = factors_load(a + 4);
#define ROW(R, FACTORS)                                                                                                \
    for (size_t v = 0; v < VECTORS && R < rows; v++)                                                                   \
    sums[R][v] = FACTOR_MULTIPLY_ADD(sums[R][v], right[v], FACTORS, R % 4)
    ROW(0, upper);
    ROW(1, upper);
    ROW(2, upper);
    ROW(3, upper);
    ROW(4, lower);
    ROW(5, lower);
    ROW(6, lower);
    ROW(7, lower);
#undef ROW
    __asm__ volatile("" ::: "memory"); /* else the compiler loads ahead for later steps, and spills sums for it */
#else
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++) {
        Floats left = floats_all(a[r]);
#pragma GCC unroll 3
        for (size_t v = 0; v < VECTORS; v++) sums[r][v] = step_add(sums[r][v], left, right[v]);
    }
#endif
}

/** sums += a · b for all steps of both micro-panels. */
INLINE void panels_multiply(Floats sums[MR][VECTORS], const float *a, const float *b, size_t steps, const size_t rows,
                            Fetch *next) {
#define STEP(I) step_update(sums, a + (I)*MR, b + (I)*NR, rows)
#ifdef __SANITIZE_ADDRESS__ /* the compiler would take minutes to check this much straight-line code */
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
        a += FETCH_STEPS * MR;
        b += FETCH_STEPS * NR;
    }
#endif
#pragma GCC unroll 1
    for (; steps > 0; steps--) {
        STEP(0);
        a += MR;
        b += NR;
    }
#undef STEP
}

INLINE void micro_kernel_rows(const Sums *at, const float *a, const float *b, size_t steps, const size_t rows,
                              Fetch *next) {
    Floats sums[MR][VECTORS];
    sums_begin(sums, at, rows);
    panels_multiply(sums, a, b, steps, rows, next);
    sums_end(sums, at, rows);
}

static __attribute__((noinline)) void micro_kernel(const Sums *at, const float *a, const float *b, size_t steps,
                                                   size_t rows, Fetch *next) {
    switch (rows) {
#define ROWS(N)                                                                                                        \
    case N:                                                                                                            \
        micro_kernel_rows(at, a, b, steps, N, next);                                                                   \
        break
        ROWS(1);
        ROWS(2);
        ROWS(3);
        ROWS(4);
        ROWS(5);
        ROWS(6);
#if defined __AVX512F__ || defined __ARM_NEON
        ROWS(7);
        ROWS(8);
#endif
#undef ROWS
    }
}

INLINE void products_end(void) {}
#endif
