/* An order without memory: permutations that are computed entry by entry. See order.h. */
#include "linnet/data/order.h"

#include "linnet/core/random.h"
#include <math.h>

/* Philox keyed by the seed also gives dropout and new weights: the last word of the counter keeps the orders apart. */
#define ORDER_DOMAIN 0x6f726465u

/* What a permutation is for. */
enum { STREAM_START, STREAM_BLOCKS, STREAM_GROUPS };

/* Four rounds would do against an observer (Luby and Rackoff, 1988); more, since a group may have few samples. One draw
 * behind them settles the parity. */
#define ROUNDS 12

static uint64_t draw(uint64_t seed, uint64_t stream, uint32_t round, uint32_t half) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {half, round, (uint32_t)stream, ORDER_DOMAIN + (uint32_t)(stream >> 32)};
    uint32_t words[4];
    philox4x32(counter, key, words);
    return (uint64_t)words[1] << 32 | words[0];
}

/* The smallest side with side² ≥ n. */
static uint64_t side_of(uint64_t n) {
    uint64_t side = (uint64_t)sqrt((double)n);
    while (side * side < n) side++;
    while (side > 1 && (side - 1) * (side - 1) >= n) side--;
    return side;
}

/* Where a keyed permutation of 0…n−1 puts x: a generalized Feistel network over pairs of numbers below √n, walked along
 * its cycle until it is below n (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002); at most some
 * 2 √n of the pairs are not. The network alone gives even permutations of the pairs, or odd ones, by their number: a
 * coin decides whether the first two of its inputs change places. */
static uint64_t permute(uint64_t x, uint64_t n, uint64_t seed, uint64_t stream) {
    const uint64_t side = side_of(n);
    if (x < 2 && n > 1) x ^= draw(seed, stream, ROUNDS, 0) & 1;
    do {
        uint64_t left = x / side, right = x % side;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            const uint64_t mixed = (left + draw(seed, stream, round, (uint32_t)right) % side) % side;
            left = right;
            right = mixed;
        }
        x = left * side + right;
    } while (x >= n);
    return x;
}

BlockOrder block_order(int64_t n, uint64_t seed) {
    const uint64_t start = draw(seed, STREAM_START, 0, 0) % (uint64_t)n;
    return (BlockOrder){.n = n, .blocks = n / ORDER_BLOCK, .start = (int64_t)start, .seed = seed};
}

int64_t block_order_at(const BlockOrder *order, int64_t position) {
    const int64_t group = position / ORDER_GROUP, first = group * ORDER_GROUP;
    const int64_t samples = order->n - first < ORDER_GROUP ? order->n - first : ORDER_GROUP;
    const int64_t inside =
        (int64_t)permute((uint64_t)(position - first), (uint64_t)samples, order->seed, STREAM_GROUPS + (uint64_t)group);
    int64_t block = (first + inside) / ORDER_BLOCK;
    if (block < order->blocks) /* else left over, and last */
        block = (int64_t)permute((uint64_t)block, (uint64_t)order->blocks, order->seed, STREAM_BLOCKS);
    return (block * ORDER_BLOCK + inside % ORDER_BLOCK + order->start) % order->n;
}
