#ifndef LINNET_KERNELS_BF16_ROUND_H
#define LINNET_KERNELS_BF16_ROUND_H
#include <stdint.h>
#include <string.h>

/** Round to nearest even, as bf16 in the upper half; a NaN stays one. The lower half is not cleared. */
static inline __attribute__((always_inline)) uint32_t bf16_round(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return x != x ? bits | 0x00400000U : bits + 0x7fffU + (bits >> 16 & 1U);
}

#endif
