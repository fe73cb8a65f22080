#ifndef LINNET_CORE_MIX_H
#define LINNET_CORE_MIX_H
/** A bijection of 64 bits in which each bit of the result depends on all of the argument: the last step of SplitMix64
 *  (Steele, Lea and Flood, OOPSLA 2014). For keys by which something is drawn or sorted. Cannot fail. */
#include <stdint.h>

static inline uint64_t mix_bits(uint64_t bits) {
    bits = (bits ^ bits >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94D049BB133111EB);
    return bits ^ bits >> 31;
}

#endif
