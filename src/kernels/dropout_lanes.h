#ifndef LINNET_KERNELS_DROPOUT_LANES_H
#define LINNET_KERNELS_DROPOUT_LANES_H
/** Dropout factors of a row, computed from many Philox blocks at a time; the same bits as dropout_row_ref(). */
#include "kernels/lanes.h"
#include "linnet/kernels/dropout.h"

#define PHILOX_ROUNDS 10

/** One word of LANE_BYTES / 8 Philox blocks, in the low half of each 64-bit lane. The high half may hold anything,
 *  since the widening multiplication does not read it; full 32-bit lanes would need extra shuffles. */
typedef uint64_t Words __attribute__((vector_size(LANE_BYTES)));
#define WORD_LANES ((size_t)LANE_BYTES / 8)
#define DROPOUT_VECTORS 2 /* computed at once, to hide the latency of the multiplication */
/** Columns that one step fills; the length of a buffer of factors is a multiple of it. */
#define DROPOUT_STEP (DROPOUT_VECTORS * WORD_LANES * 4)

/** A Dropout with its constants in vectors; the threads of a call share it. */
typedef struct {
    Words keys[PHILOX_ROUNDS][2];
    Bits threshold, scale_bits;
    uint32_t layer, site;
} DropoutLanes;

static inline Words words_all(uint32_t value) {
    return (Words){0} + value;
}

static inline Words words_multiply(Words a, Words b) {
#if defined __AVX512F__
    return (Words)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined __AVX2__
    return (Words)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined __SSE2__
    return (Words)_mm_mul_epu32((__m128i)a, (__m128i)b);
#elif defined __ARM_NEON && !defined SVE_BYTES
    return (Words)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
#else
    return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

/** Fill *lanes and return it; NULL where nothing is dropped. */
static inline const DropoutLanes *dropout_prepare(DropoutLanes *lanes, const Dropout *dropout) {
    if (!dropout || !dropout->threshold) return NULL;
    *lanes = (DropoutLanes){.layer = dropout->layer << 16, .site = (uint32_t)dropout->site << 16};
    uint32_t scale_bits;
    memcpy(&scale_bits, &dropout->scale, sizeof scale_bits);
    lanes->threshold = (Bits){0} + dropout->threshold;
    lanes->scale_bits = (Bits){0} + scale_bits;
    for (uint32_t round = 0; round < PHILOX_ROUNDS; round++) {
        lanes->keys[round][0] = words_all(dropout->key[0] + round * 0x9E3779B9u);
        lanes->keys[round][1] = words_all(dropout->key[1] + round * 0xBB67AE85u);
    }
    return lanes;
}

/** The numbers of the first step's Philox blocks, relative to the first one, in such an order that words_to_factors(),
 *  which interleaves even and odd lanes, leaves neighbouring columns next to one another. */
static inline Words dropout_block_order(void) {
    Words order = {0};
    for (size_t i = 0; i < WORD_LANES; i++) order[i] = i / 2 + (i % 2) * (WORD_LANES / 2);
    return order;
}

#if LANE_BYTES == 64
#define EVEN_LANES 0, 8, 2, 10, 4, 12, 6, 14
#define ODD_LANES 1, 9, 3, 11, 5, 13, 7, 15
#elif LANE_BYTES == 32
#define EVEN_LANES 0, 4, 2, 6
#define ODD_LANES 1, 5, 3, 7
#else
#define EVEN_LANES 0, 2
#define ODD_LANES 1, 3
#endif

/** out [4 · WORD_LANES] from the four words of a vector of Philox blocks. */
static inline void words_to_factors(float *out, const Words word[4], const DropoutLanes *lanes) {
    Words first = (word[0] & 0xffffffffu) | word[1] << 32, second = (word[2] & 0xffffffffu) | word[3] << 32;
    Words even = SHUFFLE(Words, first, second, EVEN_LANES);
    Words odd = SHUFFLE(Words, first, second, ODD_LANES);
    Bits low = (Bits)((Bits)even >= lanes->threshold) & lanes->scale_bits;
    Bits high = (Bits)((Bits)odd >= lanes->threshold) & lanes->scale_bits;
    memcpy(out, &low, sizeof low);
    memcpy(out + LANES, &high, sizeof high);
}

/** One step: out [DROPOUT_STEP] = the factors from Philox block number `block` on. */
static inline void dropout_step(float *out, const DropoutLanes *lanes, Words block, uint32_t place, uint64_t sample) {
    Words word[DROPOUT_VECTORS][4];
    const Words multiplier0 = words_all(0xD2511F53u), multiplier1 = words_all(0xCD9E8D57u);
    for (size_t v = 0; v < DROPOUT_VECTORS; v++) {
        word[v][0] = (block + v * WORD_LANES) | lanes->layer;
        word[v][1] = words_all(place);
        word[v][2] = words_all((uint32_t)sample);
        word[v][3] = words_all((uint32_t)(sample >> 32));
    }
#pragma GCC unroll 10
    for (size_t round = 0; round < PHILOX_ROUNDS; round++)
#pragma GCC unroll 4
        for (size_t v = 0; v < DROPOUT_VECTORS; v++) {
            Words product0 = words_multiply(word[v][0], multiplier0);
            Words product1 = words_multiply(word[v][2], multiplier1);
            word[v][0] = (word[v][1] ^ lanes->keys[round][0]) ^ (product1 >> 32);
            word[v][2] = (word[v][3] ^ lanes->keys[round][1]) ^ (product0 >> 32);
            word[v][1] = product1;
            word[v][3] = product0;
        }
    for (size_t v = 0; v < DROPOUT_VECTORS; v++) words_to_factors(out + v * WORD_LANES * 4, word[v], lanes);
}

/** factors[i] = the factor of column first + i, for i < count; `first` is a multiple of 4. Writes complete steps:
 *  factors [count rounded up to DROPOUT_STEP]. */
static inline void dropout_factors(float *factors, size_t first, size_t count, const DropoutLanes *lanes,
                                   uint64_t sample, int32_t position, size_t head) {
    uint32_t place = (uint32_t)position | lanes->site | (uint32_t)head << 20;
    Words block = dropout_block_order() + (uint64_t)(first / 4);
    for (size_t i = 0; i < count; i += DROPOUT_STEP) {
        dropout_step(factors + i, lanes, block, place, sample);
        block += (uint64_t)(DROPOUT_STEP / 4);
    }
}

/** Columns whose factors are computed at once, so that they are still in the L1 cache when they are used. */
#define DROPOUT_CHUNK ((size_t)256)

/** out [width] = factors · x, and + stream unless it is NULL: one row. out may be x. */
static inline void dropout_row(float *out, const float *stream, const float *x, size_t width, const DropoutLanes *lanes,
                               uint64_t sample, int32_t position) {
    float factors[DROPOUT_CHUNK];
    for (size_t first = 0; first < width; first += DROPOUT_CHUNK) {
        size_t count = size_min(DROPOUT_CHUNK, width - first);
        dropout_factors(factors, first, count, lanes, sample, position, 0);
        if (stream) {
#pragma omp simd
            for (size_t c = 0; c < count; c++) out[first + c] = float_fma(factors[c], x[first + c], stream[first + c]);
        } else {
#pragma omp simd
            for (size_t c = 0; c < count; c++) out[first + c] = factors[c] * x[first + c];
        }
    }
}
#endif
