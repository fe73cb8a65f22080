#ifndef LINNET_DATA_ORDER_H
#define LINNET_DATA_ORDER_H
/** The orders in which rows are visited: PyTorch's and NumPy's, which fill order [n], and one that needs no memory.
 *  Each is a permutation of 0…n−1 that depends only on n and the seed, so every rank computes it for itself. Nothing
 *  here fails or is collective. */
#include <stdint.h>

/** The setting data_order: how an epoch's samples are ordered. */
typedef enum {
    DATA_ORDER_TORCH, /**< order_randperm(): Trainer's own order; 8 bytes of memory a sample */
    DATA_ORDER_BLOCKS /**< block_order_at(): no memory, and neighbours in it are close together in the file */
} DataOrder;

/** "torch" and "blocks", ended by NULL. */
extern const char *const DATA_ORDER_NAMES[];

/** `torch.randperm(n, generator=torch.Generator().manual_seed(seed))`: the order of an epoch in Trainer. */
void order_randperm(int64_t *order, int64_t n, uint64_t seed);

/** `numpy.random.default_rng(seed).permutation(n)`: the order of `datasets`' shuffle(seed); its first N entries are
 *  shuffle(seed).select(range(N)). */
void order_shuffle(int64_t *order, int64_t n, uint64_t seed);

/** A permutation whose entries are computed one by one, like the block shuffles of streaming loaders (MosaicML
 *  Streaming's py1b). Blocks of ORDER_BLOCK consecutive samples are permuted; then each group of ORDER_GROUP samples
 *  in the new order is permuted. So consecutive entries read few runs of the file. The row at which the first block
 *  starts is drawn too, with the last row followed by row 0; the samples after the last full block come last. With n ≤
 *  ORDER_GROUP there is one group, which is mixed completely. The permutations are Feistel networks over Philox
 *  (order_blocks.c). */
enum { ORDER_BLOCK = 1 << 12, ORDER_GROUP = 1 << 18 };
typedef struct {
    int64_t n, blocks; /**< full blocks */
    int64_t start;     /**< row at which the first block starts */
    uint64_t seed;
} BlockOrder;
BlockOrder block_order(int64_t n, uint64_t seed); /**< n ≥ 1 */
/** The row at a position, 0 ≤ position < n: about half a microsecond. */
int64_t block_order_at(const BlockOrder *order, int64_t position);

#endif
