/* bf16 conversions, for each instruction set. bf16.h has the contract. */
#include "kernels/kernels.h"
#include "kernels/lanes.h"

void KERNEL(bf16_from_floats)(uint16_t *out, const float *x, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) out[i] = (uint16_t)(bf16_round(x[i]) >> 16);
}

void KERNEL(floats_from_bf16)(float *out, const uint16_t *x, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(&out[i], &bits, sizeof bits);
    }
}
