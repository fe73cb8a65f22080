/* Cross-entropy over a vocabulary, for each instruction set. language_head.h has the contract. */
#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "linnet/core/elementary.h"
#include <math.h>

#define PIECE ((size_t)1024) /* logits that are summed in float32: a few dozen in each lane */

static Wide wide_max(Wide a, Wide b) {
    EACH_PART a.part[p] = floats_max(a.part[p], b.part[p]);
    return a;
}

/* The largest logit of a row. A NaN may be lost: it shows in the sum. */
static float largest_of(const float *x, size_t n) {
    Wide most;
    EACH_PART most.part[p] = floats_all(x[0]);
    size_t i = 0;
    for (; i + WIDE <= n; i += WIDE) most = wide_max(most, wide_load(x + i));
    Floats lanes = most.part[0];
    for (size_t p = 1; p < WIDE_PARTS; p++) lanes = floats_max(lanes, most.part[p]);
    float largest = floats_max_all(lanes)[0];
    for (; i < n; i++)
        if (x[i] > largest) largest = x[i];
    return largest;
}

/* e^(x − largest), for values up to 0. */
static Wide exponentials(Wide x, float largest) {
    EACH_PART x.part[p] = floats_exp2_any((x.part[p] - floats_all(largest)) * floats_all(LOG2_E));
    return x;
}

/* x = e^(x − largest) in place; returns their sum. */
static double exponentiate(float *x, size_t n, float largest) {
    double total = 0.0;
    for (size_t first = 0; first < n; first += PIECE) {
        const size_t end = size_min(first + PIECE, n);
        Wide sum = {{{0}}};
        size_t i = first;
        for (; i + WIDE <= end; i += WIDE) {
            Wide powers = exponentials(wide_load(x + i), largest);
            wide_store(x + i, powers);
            sum = wide_add(sum, powers);
        }
        if (i < end) {
            wide_store_part(x + i, exponentials(wide_load_part(x + i, end - i), largest), end - i);
            sum = wide_add(sum, wide_load_part(x + i, end - i));
        }
        total += (double)wide_sum(sum);
    }
    return total;
}

static double row_loss(float *x, size_t n, int32_t target, double weight, bool gradient) {
    const float largest = largest_of(x, n), wanted = x[target];
    const double total = exponentiate(x, n, largest);
    const float factor = (float)(weight / total);
    const double own = weight * ((double)x[target] / total - 1.0);
    if (gradient) {
#pragma omp simd
        for (size_t k = 0; k < n; k++) x[k] *= factor;
        x[target] = (float)own;
    }
    return ((double)largest - (double)wanted) + elementary_log(total);
}

void KERNEL(vocabulary_loss)(double *losses, float *logits, const int32_t *targets, size_t rows, size_t vocabulary,
                             double weight, bool gradient) {
#pragma omp parallel for schedule(dynamic) if (rows * vocabulary > PARALLEL_ELEMENTS)
    for (size_t r = 0; r < rows; r++) {
        float *row = logits + r * vocabulary;
        losses[r] = 0.0;
        if (targets[r] >= 0)
            losses[r] = row_loss(row, vocabulary, targets[r], weight, gradient);
        else if (gradient)
            memset(row, 0, vocabulary * sizeof *row);
    }
}
