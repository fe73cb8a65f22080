/* bf16: calls of the kernels, and the plain reference. bf16.h has the contract. */
#include "linnet/kernels/bf16.h"
#include "kernels/kernels.h"
#include <math.h>
#include <string.h>

void bf16_from_floats(uint16_t *out, const float *x, size_t n) {
    kernels()->bf16_from_floats(out, x, n);
}

void floats_from_bf16(float *out, const uint16_t *x, size_t n) {
    kernels()->floats_from_bf16(out, x, n);
}

/* Truncates, then goes to the next value where that is nearer, or equally near and even. */
void bf16_from_floats_ref(uint16_t *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        uint32_t low = bits & 0xffffU;
        out[i] = (uint16_t)(bits >> 16);
        if (isnan(x[i]))
            out[i] |= 0x40U;
        else if (low > 0x8000U || (low == 0x8000U && (out[i] & 1U) == 1U))
            out[i]++;
    }
}
