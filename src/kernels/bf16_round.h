#ifndef LINNET_KERNELS_BF16_ROUND_H
#define LINNET_KERNELS_BF16_ROUND_H
/** The one place where the kernels round to bf16. */
#include <stdint.h>
#include <string.h>

/** The upper half of the result is x as bf16, rounded to nearest, ties to even; a NaN stays a NaN. The lower half holds
 *  anything. */
static inline __attribute__((always_inline)) uint32_t bf16_round(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return x != x ? bits | 0x00400000U : bits + 0x7fffU + (bits >> 16 & 1U);
}
#endif
