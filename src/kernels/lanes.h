#ifndef LINNET_KERNELS_LANES_H
#define LINNET_KERNELS_LANES_H
/** What the kernels share: operations on the instruction set's widest vector of float32, 2^x, and sums of 16 lanes.
 *
 *  Results have the same bits with every instruction set that has a fused multiply-add, whatever the width of its
 *  vectors. So the compiler fuses nothing by itself (-ffp-contract=off); what is to be rounded once is written
 *  floats_fma() or float_fma(). And a sum of which each vector adds its own lanes is a Wide. */
#include "linnet/core/integers.h"
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#elif defined __ARM_NEON
#include <arm_neon.h>
#endif
#if defined __ARM_FEATURE_SVE_BITS && __ARM_FEATURE_SVE_BITS > 128 /* the length that the Makefile fixes */
#include <arm_sve.h>
#define SVE_BYTES (__ARM_FEATURE_SVE_BITS / 8)
#endif

#if defined __AVX512F__
#define LANE_BYTES 64
#elif defined __AVX2__
#define LANE_BYTES 32
#elif defined SVE_BYTES
#define LANE_BYTES SVE_BYTES
#else
#define LANE_BYTES 16
#endif
#define LANES ((size_t)LANE_BYTES / sizeof(float))

typedef float Floats __attribute__((vector_size(LANE_BYTES)));
typedef uint32_t Bits __attribute__((vector_size(LANE_BYTES)));
#ifdef SVE_BYTES
/** Floats as the intrinsics of SVE have them. */
typedef svfloat32_t SveFloats __attribute__((arm_sve_vector_bits(__ARM_FEATURE_SVE_BITS)));
#endif

/** The lanes that the constant indices name: those of b follow those of a. Order is an integer vector type with as many
 *  lanes. */
#ifdef __clang__
#define SHUFFLE(Order, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(Order, a, b, ...) __builtin_shuffle(a, b, (Order){__VA_ARGS__})
#endif

/** SHUFFLE with indices that the compiler works out: cheap where they are constant after unrolling. */
static inline Floats floats_shuffle(Floats a, Floats b, Bits order) {
#ifdef __clang__
    Bits from_b = (Bits)(order >= (uint32_t)LANES);
    return (Floats)(((Bits)__builtin_shufflevector(a, order) & ~from_b) |
                    ((Bits)__builtin_shufflevector(b, order) & from_b));
#else
    return __builtin_shuffle(a, b, order);
#endif
}

/** Any alignment. */
static inline Floats floats_load(const float *from) {
    Floats value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline void floats_store(float *to, Floats value) {
    memcpy(to, &value, sizeof value);
}

/** Store past the caches, for values that are not read soon. `to` is aligned to a vector. Call floats_streamed() before
 *  other threads read them. */
static inline void floats_stream(float *to, Floats value) {
#if defined __AVX512F__
    _mm512_stream_ps(to, (__m512)value);
#elif defined __AVX2__
    _mm256_stream_ps(to, (__m256)value);
#else
    floats_store(to, value);
#endif
}

static inline void floats_streamed(void) {
#ifdef __AVX2__
    _mm_sfence();
#endif
}

/* Whether the set has a fused multiply-add. The first name is GCC's for any processor. */
#if defined __FP_FAST_FMAF || defined __FMA__ || defined __ARM_FEATURE_FMA
#define FUSED 1
#else
#define FUSED 0 /* product and sum are rounded each */
#endif

/** a · b + c, rounded once where FUSED. */
static inline float float_fma(float a, float b, float c) {
    return FUSED ? __builtin_fmaf(a, b, c) : a * b + c;
}

/** float_fma() of each lane. */
static inline Floats floats_fma(Floats a, Floats b, Floats c) {
#if defined __AVX512F__
    return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined __FMA__ && defined __AVX2__
    return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined SVE_BYTES
    return (Floats)(SveFloats)svmla_f32_x(svptrue_b32(), (SveFloats)c, (SveFloats)a, (SveFloats)b);
#elif defined __ARM_NEON
    return (Floats)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#elif FUSED
    for (size_t i = 0; i < LANES; i++) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
#else
    return a * b + c;
#endif
}

/** 0, 1, 2 … */
static inline Bits lane_numbers(void) {
    Bits numbers = {0};
    for (uint32_t i = 0; i < LANES; i++) numbers[i] = i;
    return numbers;
}

/** The sum of the lanes, in every lane: halves upon halves. */
static inline Floats floats_sum_all(Floats value) {
#pragma GCC unroll 4
    for (uint32_t half = LANES / 2; half > 0; half /= 2) value += floats_shuffle(value, value, lane_numbers() ^ half);
    return value;
}

static inline float floats_sum(Floats value) {
    return floats_sum_all(value)[0];
}

static inline size_t round_up(size_t value, size_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

/** The first `count` < LANES elements, and zeros in the other lanes. */
static inline Floats floats_load_part(const float *from, size_t count) {
#ifdef SVE_BYTES
    return (Floats)(SveFloats)svld1_f32(svwhilelt_b32_u64(0, count), from);
#else
    Floats value = {0};
    memcpy(&value, from, count * sizeof *from);
    return value;
#endif
}

static inline void floats_store_part(float *to, Floats value, size_t count) {
#ifdef SVE_BYTES
    svst1_f32(svwhilelt_b32_u64(0, count), to, (SveFloats)value);
#else
    memcpy(to, &value, count * sizeof *to);
#endif
}

/** The smaller of both, lane by lane; b where either is NaN. So a NaN in b passes through a limit in a. */
static inline Floats floats_min(Floats a, Floats b) {
#if defined __AVX512F__
    return (Floats)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined __AVX2__
    return (Floats)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined __SSE2__
    return (Floats)_mm_min_ps((__m128)a, (__m128)b);
#elif defined SVE_BYTES
    svbool_t from_a = svcmplt_f32(svptrue_b32(), (SveFloats)a, (SveFloats)b);
    return (Floats)(SveFloats)svsel_f32(from_a, (SveFloats)a, (SveFloats)b);
#else
    Bits from_a = (Bits)(a < b);
    return (Floats)(((Bits)a & from_a) | ((Bits)b & ~from_a));
#endif
}

/** The larger of both, as floats_min(). */
static inline Floats floats_max(Floats a, Floats b) {
#if defined __AVX512F__
    return (Floats)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined __AVX2__
    return (Floats)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined __SSE2__
    return (Floats)_mm_max_ps((__m128)a, (__m128)b);
#elif defined SVE_BYTES
    svbool_t from_a = svcmpgt_f32(svptrue_b32(), (SveFloats)a, (SveFloats)b);
    return (Floats)(SveFloats)svsel_f32(from_a, (SveFloats)a, (SveFloats)b);
#else
    Bits from_a = (Bits)(a > b);
    return (Floats)(((Bits)a & from_a) | ((Bits)b & ~from_a));
#endif
}

/** The largest lane, in every lane. */
static inline Floats floats_max_all(Floats value) {
#pragma GCC unroll 4
    for (uint32_t half = LANES / 2; half > 0; half /= 2)
        value = floats_max(value, floats_shuffle(value, value, lane_numbers() ^ half));
    return value;
}

/** `value` in lanes 0 … count − 1, `other` in the rest. */
static inline Floats floats_first(Floats value, size_t count, Floats other) {
#ifdef SVE_BYTES
    return (Floats)(SveFloats)svsel_f32(svwhilelt_b32_u64(0, count), (SveFloats)value, (SveFloats)other);
#else
    Bits mask = (Bits)(lane_numbers() < (uint32_t)count);
    return (Floats)(((Bits)value & mask) | ((Bits)other & ~mask));
#endif
}

static inline Floats floats_all(float value) {
    return value - (Floats){0}; /* x − 0 is x, also for −0: the compiler drops it */
}

/** The lanes of a sum along a row: as many with every instruction set, so that it adds in the same order. */
#define WIDE ((size_t)16)
#define WIDE_PARTS (WIDE / LANES)

typedef struct {
    Floats part[WIDE_PARTS];
} Wide;

/* The loops over the parts have a constant number of turns; they are unrolled so that the parts stay in registers. */
#define EACH_PART _Pragma("GCC unroll 4") for (size_t p = 0; p < WIDE_PARTS; p++)

static inline __attribute__((always_inline)) Wide wide_load(const float *from) {
    Wide value;
    EACH_PART value.part[p] = floats_load(from + p * LANES);
    return value;
}

static inline __attribute__((always_inline)) void wide_store(float *to, Wide value) {
    EACH_PART floats_store(to + p * LANES, value.part[p]);
}

/** How many of the first `count` elements are in part p. */
static inline size_t wide_part_count(size_t count, size_t p) {
    return count > p * LANES ? size_min(count - p * LANES, LANES) : 0;
}

/** The first `count` < WIDE elements, and zeros in the other lanes. */
static inline __attribute__((always_inline)) Wide wide_load_part(const float *from, size_t count) {
    float room[WIDE] = {0};
    memcpy(room, from, count * sizeof *from);
    return wide_load(room);
}

static inline __attribute__((always_inline)) void wide_store_part(float *to, Wide value, size_t count) {
    float room[WIDE];
    wide_store(room, value);
    memcpy(to, room, count * sizeof *to);
}

static inline __attribute__((always_inline)) Wide wide_add(Wide a, Wide b) {
    EACH_PART a.part[p] += b.part[p];
    return a;
}

static inline __attribute__((always_inline)) Wide wide_fma(Wide a, Wide b, Wide c) {
    EACH_PART c.part[p] = floats_fma(a.part[p], b.part[p], c.part[p]);
    return c;
}

/** The sum of the lanes: halves upon halves. */
static inline __attribute__((always_inline)) float wide_sum(Wide value) {
#pragma GCC unroll 2
    for (size_t half = WIDE_PARTS / 2; half > 0; half /= 2)
#pragma GCC unroll 2
        for (size_t p = 0; p < half; p++) value.part[p] += value.part[p + half];
    return floats_sum(value.part[0]);
}

#define LOG2_E 1.44269504f /* e^x = 2^(x · LOG2_E) */

/** 2^x for x in [−126, 127.5): 2^n · 2^r with n = round(x) and a minimax polynomial for 2^r, |r| ≤ ½, whose own
 *  relative error is 1.6e-8. Relative error with roundings at most 1.2e-7. NaN gives NaN. */
static inline Floats floats_exp2(Floats x) {
    static const float COEFFICIENTS[] = {0x1.5f3e52p-10f, 0x1.3b2d4cp-7f, 0x1.c6aee8p-5f,
                                         0x1.ebfbdcp-3f,  0x1.62e430p-1f, 1.0f};
    const float rounder = 0x1.8p23f; /* adding it puts the nearest integer in the low bits */
    Floats shifted = x + rounder;
    Floats r = x - (shifted - rounder);
    Floats power = floats_all(0x1.41fbbcp-13f);
#pragma GCC unroll 6
    for (size_t i = 0; i < 6; i++) power = floats_fma(power, r, floats_all(COEFFICIENTS[i]));
    Bits scale = ((Bits)shifted + 127u) << 23; /* n + 127 is the exponent of 2^n: 0 makes zero, 255 infinity */
    return power * (Floats)scale;
}

/** 2^x for any x: below −126 it approaches 0 and is 0 below −126.5; infinity from 127.5 on; NaN gives NaN. */
static inline Floats floats_exp2_any(Floats x) {
    return floats_exp2(floats_min(floats_all(128.0f), floats_max(floats_all(-127.0f), x)));
}

/** The natural logarithm of x > 0, a normal number: within 2e-7 of it or of its size. NaN for infinity and NaN.
 *  x = 2^n · m with m between √½ and √2, and log m = 2 (s + s³/3 + s⁵/5 + …) with s = (m − 1) / (m + 1). */
static inline float float_log(float x) {
    const float infinite = 0.0f * x;  /* or NaN; else 0 */
    const uint32_t root = 0x3f3504f3; /* the bits of √½ */
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits -= root;
    const float n = (float)((int32_t)bits >> 23);
    bits = (bits & 0x7fffff) + root;
    memcpy(&x, &bits, sizeof x);
    const float s = (x - 1.0f) / (x + 1.0f), square = s * s;
    float sum = float_fma(square, 1.0f / 9, 1.0f / 7);
    sum = float_fma(square, sum, 1.0f / 5);
    sum = float_fma(square, sum, 1.0f / 3);
    sum = float_fma(2.0f * s * square, sum, 2.0f * s);
    return float_fma(n, 0.693147181f, sum) + infinite;
}

/** The upper half of the result is x as bf16, rounded to nearest, ties to even; a NaN stays a NaN. The lower half holds
 *  anything. The one place where the kernels round to bf16. */
static inline __attribute__((always_inline)) uint32_t bf16_round(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return x != x ? bits | 0x00400000U : bits + 0x7fffU + (bits >> 16 & 1U);
}
#endif
