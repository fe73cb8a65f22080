/* The orders of PyTorch and NumPy. See order.h. */
#include "linnet/data/order.h"
#include "linnet/core/random.h"
#include <stddef.h>

const char *const DATA_ORDER_NAMES[] = {[DATA_ORDER_TORCH] = "torch", [DATA_ORDER_BLOCKS] = "blocks", NULL};

/* PyTorch's own limit (ATen randperm_cpu): from here on 32 bits modulo n − i would be visibly uneven. */
#define RANDPERM_LARGE ((int64_t)(UINT32_MAX / 20))

static void swap(int64_t *order, int64_t a, int64_t b) {
    const int64_t kept = order[a];
    order[a] = order[b];
    order[b] = kept;
}

/* PyTorch's way for large n: the "inside-out" shuffle with 64-bit draws, the first word the upper one. */
static void randperm_large(int64_t *order, int64_t n, Mt19937 *generator) {
    for (int64_t i = 0; i < n; i++) {
        const uint64_t high = mt19937_next(generator);
        const uint64_t draw = high << 32 | mt19937_next(generator);
        const int64_t other = (int64_t)(draw % (uint64_t)(i + 1));
        order[i] = i;
        order[i] = order[other];
        order[other] = i;
    }
}

void order_randperm(int64_t *order, int64_t n, uint64_t seed) {
    Mt19937 generator;
    mt19937_seed(&generator, seed);
    if (n >= RANDPERM_LARGE) {
        randperm_large(order, n, &generator);
        return;
    }
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t i = 0; i < n - 1; i++) swap(order, i, i + (int64_t)(mt19937_next(&generator) % (uint64_t)(n - i)));
}

void order_shuffle(int64_t *order, int64_t n, uint64_t seed) {
    Pcg64 generator;
    pcg64_seed(&generator, seed);
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) swap(order, i, (int64_t)pcg64_interval(&generator, (uint64_t)i));
}
