/* An order that needs no memory: permutations computed entry by entry. See order.h. */
#include "linnet/core/random.h"
#include "linnet/data/order.h"
#include <math.h>

/* The last word of Philox's counter: different from those of dropout and new weights, which use the same key. */
#define ORDER_DOMAIN 0x6f726465u

/* The use of a permutation. */
enum { STREAM_START, STREAM_BLOCKS, STREAM_GROUPS };

/* Four rounds suffice in theory (Luby and Rackoff, 1988); more, because a group may have few samples. One more draw
 * decides the parity. */
#define ROUNDS 12

static uint64_t draw(uint64_t seed, uint64_t stream, uint32_t round, uint32_t half) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {half, round, (uint32_t)stream, ORDER_DOMAIN + (uint32_t)(stream >> 32)};
    uint32_t words[4];
    philox4x32(counter, key, words);
    return (uint64_t)words[1] << 32 | words[0];
}

/* The smallest number with side² ≥ n. */
static uint64_t side_of(uint64_t n) {
    uint64_t side = (uint64_t)sqrt((double)n);
    while (side * side < n) side++;
    while (side > 1 && (side - 1) * (side - 1) >= n) side--;
    return side;
}

/* The value at x of a keyed permutation of 0…n−1: a generalized Feistel network over pairs of numbers below √n,
 * applied until the result is below n (cycle walking: Black and Rogaway, "Ciphers with Arbitrary Finite Domains",
 * CT-RSA 2002); about 2 √n of the pairs, at most, are not. The network alone gives only even or only odd permutations
 * of the pairs, so a random bit decides whether its first two inputs are swapped. */
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
    if (block < order->blocks) /* else after the last full block */
        block = (int64_t)permute((uint64_t)block, (uint64_t)order->blocks, order->seed, STREAM_BLOCKS);
    return (block * ORDER_BLOCK + inside % ORDER_BLOCK + order->start) % order->n;
}
