/* GELU, for each instruction set. gelu.h has the contract. */
#include "kernels/kernels.h"
#include "kernels/lanes.h"

/* Elements that a thread takes at a time. Fixed, so that the ends of the vector loops do not depend on the threads. */
#define CHUNK ((size_t)4096)
/* x is limited to ±10 inside the sigmoid, where the power of two is 2^±125.96, still a normal float32. There the
 * sigmoid is 1 in float32, or 1.2e-38. */
#define LIMIT 10.0f

/* 0.5 (1 + tanh u) = 1 / (1 + e^−2u), without cancellation where tanh u is near −1. */
#define TWICE_ROOT 1.59576912f /* 2 √(2/π) */
#define CUBIC 0.044715f

/* e^−2u. */
static inline Floats power_of(Floats x) {
    const Floats factor = floats_all(-TWICE_ROOT * LOG2_E), cubic = floats_all(-TWICE_ROOT * LOG2_E * CUBIC);
    return floats_exp2(x * floats_fma(cubic, x * x, factor));
}

/* x σ(2u); for large negative x −1.2e-37 instead of −0, but NaN for −∞: the product with 0, which changes no bits of any
 * other result, does not let an overflow pass unseen. */
static inline Floats gelu(Floats x) {
    Floats low = floats_max(floats_all(-LIMIT), x);
    Floats value = low / (1.0f + power_of(floats_min(floats_all(LIMIT), low)));
    return floats_fma(floats_all(0.0f), floats_min(floats_all(0.0f), x), value);
}

/* d/dx x σ(2u) = σ + x σ (1 − σ) 2u', with 1 − σ = σ e^−2u. */
static inline Floats slope(Floats x) {
    Floats y = floats_min(floats_all(LIMIT), floats_max(floats_all(-LIMIT), x)), power = power_of(y);
    Floats sigmoid = 1.0f / (1.0f + power);
    Floats twice_du = floats_fma(floats_all(3.0f * CUBIC * TWICE_ROOT), y * y, floats_all(TWICE_ROOT));
    return floats_fma(y * sigmoid * (sigmoid * power), twice_du, sigmoid);
}

void KERNEL(gelu_forward)(float *out, const float *x, size_t n) {
#pragma omp parallel for schedule(static) if (n > PARALLEL_ELEMENTS)
    for (size_t first = 0; first < n; first += CHUNK) {
        size_t end = size_min(first + CHUNK, n), i = first;
        for (; i + LANES <= end; i += LANES) floats_store(out + i, gelu(floats_load(x + i)));
        floats_store_part(out + i, gelu(floats_load_part(x + i, end - i)), end - i);
    }
}

void KERNEL(gelu_backward)(float *dx, const float *dout, const float *x, size_t n) {
#pragma omp parallel for schedule(static) if (n > PARALLEL_ELEMENTS)
    for (size_t first = 0; first < n; first += CHUNK) {
        size_t end = size_min(first + CHUNK, n), i = first;
        for (; i + LANES <= end; i += LANES) floats_store(dx + i, floats_load(dout + i) * slope(floats_load(x + i)));
        Floats rest = floats_load_part(dout + i, end - i) * slope(floats_load_part(x + i, end - i));
        floats_store_part(dx + i, rest, end - i);
    }
}
