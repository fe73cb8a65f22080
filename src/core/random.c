/* Philox, MT19937, PCG64 and normal numbers. See random.h. */
#include "linnet/core/random.h"
#include "linnet/core/elementary.h"
#include <math.h>

/* --- Philox4x32-10 --- */

#define PHILOX_ROUNDS 10
#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u /* the golden ratio */
#define PHILOX_W1 0xBB67AE85u /* √3 − 1 */

void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        const uint64_t p0 = (uint64_t)PHILOX_M0 * c0;
        const uint64_t p1 = (uint64_t)PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* --- MT19937 --- */

#define MT_WORDS 624
#define MT_SHIFT 397

void mt19937_seed(Mt19937 *generator, uint64_t seed) {
    uint32_t *state = generator->state;
    state[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < MT_WORDS; i++) state[i] = 1812433253u * (state[i - 1] ^ (state[i - 1] >> 30)) + i;
    generator->next = MT_WORDS;
}

static void mt19937_refill(Mt19937 *generator) {
    uint32_t *state = generator->state;
    for (int i = 0; i < MT_WORDS; i++) {
        const uint32_t y = (state[i] & 0x80000000u) | (state[(i + 1) % MT_WORDS] & 0x7fffffffu);
        state[i] = state[(i + MT_SHIFT) % MT_WORDS] ^ (y >> 1) ^ ((y & 1u) ? 0x9908b0dfu : 0u);
    }
    generator->next = 0;
}

uint32_t mt19937_next(Mt19937 *generator) {
    if (generator->next >= MT_WORDS) mt19937_refill(generator);
    uint32_t y = generator->state[generator->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

/* --- NumPy's SeedSequence (after O'Neill's seed_seq_fe) --- */

#define POOL_WORDS 4

/* The constant of SeedSequence's hash and the multiplier that advances it. */
typedef struct {
    uint32_t constant, multiplier;
} SeedHash;

static uint32_t seed_hash(SeedHash *hash, uint32_t value) {
    value ^= hash->constant;
    hash->constant *= hash->multiplier;
    value *= hash->constant;
    return value ^ (value >> 16);
}

static uint32_t seed_mix(uint32_t x, uint32_t y) {
    const uint32_t mixed = 0xca01f9ddu * x - 0x4973f715u * y;
    return mixed ^ (mixed >> 16);
}

/* SeedSequence(seed).generate_state(4, uint64). */
static void seed_sequence(uint64_t seed, uint64_t words[4]) {
    /* NumPy takes a seed below 2^32 as one word, but hashes missing words as zero: the pool is the same. */
    const uint32_t entropy[POOL_WORDS] = {(uint32_t)seed, (uint32_t)(seed >> 32), 0, 0};
    uint32_t pool[POOL_WORDS];
    SeedHash hash = {0x43b0d7e5u, 0x931e8875u};
    for (int i = 0; i < POOL_WORDS; i++) pool[i] = seed_hash(&hash, entropy[i]);
    for (int from = 0; from < POOL_WORDS; from++)
        for (int to = 0; to < POOL_WORDS; to++)
            if (from != to) pool[to] = seed_mix(pool[to], seed_hash(&hash, pool[from]));

    hash = (SeedHash){0x8b51f9ddu, 0x58f38dedu};
    for (int i = 0; i < 4; i++) {
        const uint32_t low = seed_hash(&hash, pool[(2 * i) % POOL_WORDS]);
        const uint32_t high = seed_hash(&hash, pool[(2 * i + 1) % POOL_WORDS]);
        words[i] = (uint64_t)high << 32 | low;
    }
}

/* --- PCG64 (XSL-RR 128/64) --- */

static Uint128 wide(uint64_t high, uint64_t low) {
    return (Uint128)high << 64 | low;
}

static Uint128 pcg64_step(Pcg64 *generator) {
    generator->state = generator->state * wide(0x2360ed051fc65da4u, 0x4385df649fccf645u) + generator->increment;
    return generator->state;
}

void pcg64_seed(Pcg64 *generator, uint64_t seed) {
    uint64_t words[4];
    seed_sequence(seed, words);
    *generator = (Pcg64){.increment = wide(words[2], words[3]) << 1 | 1u};
    generator->state = pcg64_step(generator) + wide(words[0], words[1]);
    pcg64_step(generator);
}

static uint64_t pcg64_next(Pcg64 *generator) {
    const Uint128 state = pcg64_step(generator);
    const uint64_t folded = (uint64_t)(state >> 64) ^ (uint64_t)state;
    const unsigned rotation = (unsigned)(state >> 122);
    return folded >> rotation | folded << (-rotation & 63u);
}

/* NumPy serves 32-bit requests from the lower, then the upper half of one 64-bit output. */
static uint32_t pcg64_next32(Pcg64 *generator) {
    generator->has_spare = !generator->has_spare;
    if (!generator->has_spare) return generator->spare;
    const uint64_t both = pcg64_next(generator);
    generator->spare = (uint32_t)(both >> 32);
    return (uint32_t)both;
}

uint64_t pcg64_interval(Pcg64 *generator, uint64_t limit) {
    if (limit == 0) return 0; /* NumPy draws nothing here */
    const uint64_t mask = UINT64_MAX >> __builtin_clzll(limit);
    uint64_t value;
    do value = (limit <= UINT32_MAX ? pcg64_next32(generator) : pcg64_next(generator)) & mask;
    while (value > limit);
    return value;
}

/* --- Normal and uniform numbers --- */

/* Last words of the counter: different from other uses of Philox with the same key. */
#define NORMAL_DOMAIN 0x6e6f726du
#define UNIFORM_DOMAIN 0x756e6966u

/* Two N(0, 1) values from two words; the logarithm's argument is in (0, 1), never 0. */
static void box_muller(uint32_t a, uint32_t b, double pair[2]) {
    const double radius = sqrt(-2.0 * elementary_log(((double)a + 0.5) * 0x1p-32));
    const double turns = 2.0 * ((double)b * 0x1p-32);
    pair[0] = radius * elementary_cos_pi(turns);
    pair[1] = radius * elementary_sin_pi(turns);
}

void random_normal(float *out, int64_t count, float deviation, uint64_t seed, uint32_t stream) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (int64_t first = 0; first < count; first += 4) {
        const uint64_t block = (uint64_t)first / 4;
        const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), stream, NORMAL_DOMAIN};
        uint32_t words[4];
        double values[4];
        philox4x32(counter, key, words);
        box_muller(words[0], words[1], values);
        box_muller(words[2], words[3], values + 2);
        for (int64_t i = 0; i < 4 && first + i < count; i++) out[first + i] = (float)((double)deviation * values[i]);
    }
}

void random_uniform(float *out, int64_t count, float bound, uint64_t seed, uint32_t stream) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (int64_t first = 0; first < count; first += 4) {
        const uint64_t block = (uint64_t)first / 4;
        const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), stream, UNIFORM_DOMAIN};
        uint32_t words[4];
        philox4x32(counter, key, words);
        for (int64_t i = 0; i < 4 && first + i < count; i++)
            out[first + i] = (float)((double)bound * (2.0 * (((double)words[i] + 0.5) * 0x1p-32) - 1.0));
    }
}
