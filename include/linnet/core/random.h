#ifndef LINNET_CORE_RANDOM_H
#define LINNET_CORE_RANDOM_H
/** Three published random number generators: Philox, and those of PyTorch and NumPy. Nothing here allocates, fails or
 *  is collective. */
#include <stdint.h>

/** Philox4x32-10 (Salmon et al., SC 2011): a pure function of counter and key; used for dropout and new weights. */
void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/** MT19937 (Matsumoto and Nishimura, 1998) as PyTorch seeds it: the low 32 bits of the seed. */
typedef struct {
    uint32_t state[624];
    int next; /**< index of the next word of state; 624: generate new ones first */
} Mt19937;
void mt19937_seed(Mt19937 *generator, uint64_t seed);
uint32_t mt19937_next(Mt19937 *generator);

/** PCG64 (XSL-RR 128/64, O'Neill 2014) seeded through NumPy's SeedSequence: `numpy.random.default_rng(seed)`. */
__extension__ typedef unsigned __int128 Uint128; /* gcc and clang both have the type */
typedef struct {
    Uint128 state, increment;
    uint32_t spare; /**< upper half of the last 64-bit output, for the next 32-bit request */
    int has_spare;
} Pcg64;
void pcg64_seed(Pcg64 *generator, uint64_t seed);
/** Uniform in 0…limit, both included, as NumPy draws it to shuffle an array (mask and reject, in 32 or 64 bits). */
uint64_t pcg64_interval(Pcg64 *generator, uint64_t limit);

/** Fill out [count] with N(0, deviation²) floats: Box–Muller over Philox keyed by seed and `stream`, a number for each
 *  tensor, so that a tensor's values do not depend on others. */
void random_normal(float *out, int64_t count, float deviation, uint64_t seed, uint32_t stream);

/** Fill out [count] with floats uniform in −bound … bound, likewise. */
void random_uniform(float *out, int64_t count, float bound, uint64_t seed, uint32_t stream);

#endif
