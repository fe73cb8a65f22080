/* Dropout masks: setting up, and the plain references. dropout.h has the contract. */
#include "linnet/kernels/dropout.h"
#include "linnet/core/random.h"
#include <math.h>

Dropout dropout_make(double p, uint64_t seed, int64_t update, int layer, DropoutSite site) {
    double threshold = round(p * 0x1p32);
    return (Dropout){
        .threshold = threshold < (double)UINT32_MAX ? (uint32_t)threshold : UINT32_MAX,
        .scale = (float)(1.0 / (1.0 - p)),
        .key = {(uint32_t)seed, (uint32_t)update},
        .layer = (uint32_t)layer,
        .site = site,
    };
}

float dropout_factor_ref(const Dropout *dropout, size_t column, uint64_t sample, int32_t position, int head) {
    if (!dropout) return 1.0f;
    uint32_t counter[4] = {(uint32_t)(column / 4) | dropout->layer << 16,
                           (uint32_t)position | (uint32_t)dropout->site << 16 | (uint32_t)head << 20, (uint32_t)sample,
                           (uint32_t)(sample >> 32)};
    uint32_t words[4];
    philox4x32(counter, dropout->key, words);
    return words[column % 4] >= dropout->threshold ? dropout->scale : 0.0f;
}

void dropout_row_ref(float *factors, size_t count, const Dropout *dropout, uint64_t sample, int32_t position,
                     int head) {
    for (size_t column = 0; column < count; column++)
        factors[column] = dropout_factor_ref(dropout, column, sample, position, head);
}
