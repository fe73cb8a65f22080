#ifndef LINNET_ORDER_H
#define LINNET_ORDER_H
/** The two orders in which the peer visits rows. Both fill order [n] with a permutation of 0…n−1 that depends on n
 *  and seed alone, so every rank computes it for itself. Nothing here fails or is collective. */
#include <stdint.h>

/** `torch.randperm(n, generator=torch.Generator().manual_seed(seed))`: the order of an epoch in Trainer. */
void order_randperm(int64_t *order, int64_t n, uint64_t seed);

/** `numpy.random.default_rng(seed).permutation(n)`: what `datasets`' shuffle(seed) visits; its first N entries are
 *  shuffle(seed).select(range(N)). */
void order_shuffle(int64_t *order, int64_t n, uint64_t seed);

#endif
