/* Linear layers: the choice of who multiplies, and the plain references. linear.h has the contract. */
#include "kernels/blas.h"
#include "kernels/kernels.h"
#include "kernels/linear_scratch.h"
#include "linnet/core/environment.h"
#include "linnet/core/log.h"
#include "linnet/kernels/isa.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

size_t linear_scratch(size_t rows, size_t in, size_t out, size_t threads) {
    return linear_shared(rows, in, out) + threads * LINEAR_PART;
}

const char *linear_blas(Error *error) {
    const Blas *blas = blas_open(error);
    return blas ? blas->config : NULL;
}

/* Whether the BLAS is there; a process that wants it and cannot have it says so. */
static bool have_blas(void) {
    Error error = {0};
    if (linear_blas(&error)) return true;
    log_warning("multiplying without a BLAS, which is slower: %s", error.message);
    return false;
}

enum { OWN, BLAS };
static const char *const PRODUCTS[] = {[OWN] = "own", [BLAS] = "blas", NULL};

/* An index of PRODUCTS; -1 before the first use. Several threads may be first at once; all find the same value. */
static atomic_int chosen = -1;

int linear_choose(const char *products) {
    for (int i = 0; PRODUCTS[i]; i++) {
        if (strcmp(products, PRODUCTS[i]) != 0) continue;
        if (i == BLAS && !have_blas()) return 0;
        atomic_store(&chosen, i);
        return 1;
    }
    return 0;
}

/* The base kernels are plain C for any CPU; a BLAS that is tuned for the CPU is faster. */
static void choose(void) {
    bool tuned = strcmp(isa_name(), "base") != 0;
    int wanted = environment_word("LINNET_PRODUCTS", PRODUCTS, tuned ? "using own" : "using blas");
    if (wanted < 0) wanted = tuned ? OWN : BLAS;
    if (!linear_choose(PRODUCTS[wanted])) linear_choose(PRODUCTS[OWN]);
}

static bool use_blas(const LinearWork *work) {
    if (atomic_load_explicit(&chosen, memory_order_relaxed) < 0) choose();
    return atomic_load_explicit(&chosen, memory_order_relaxed) == BLAS && !work->bf16;
}

/* Also after each product, since a BLAS does not poll while it runs. */
static void poll(const LinearWork *work) {
    if (work->poll) work->poll(work->poll_context);
}

const char *linear_bf16(void) {
    static const char *const WORDS[] = {"emulate", NULL};
    if (isa_bf16()) return strcmp(isa_name(), "amx") == 0 ? "bf16 by AMX" : "bf16";
    return environment_word("LINNET_BF16", WORDS, "not emulating") == 0 ? "bf16 emulated" : NULL;
}

bool linear_batch_invariant(bool bf16) {
    return !use_blas(&(LinearWork){.bf16 = bf16});
}

const char *linear_products(void) {
    return PRODUCTS[use_blas(&(LinearWork){0})];
}

void linear_forward(float *y, const float *x, const float *weight, const float *bias, size_t rows,
                    const LinearShape *shape, const LinearWork *work) {
    __typeof__(linear_forward) *own = work->bf16 ? kernels()->linear_forward_bf16 : kernels()->linear_forward;
    (use_blas(work) ? linear_forward_blas : own)(y, x, weight, bias, rows, shape, work);
    poll(work);
}

void linear_backward_input(float *dx, const float *dy, const float *weight, size_t rows, const LinearShape *shape,
                           const LinearWork *work) {
    __typeof__(linear_backward_input) *own =
        work->bf16 ? kernels()->linear_backward_input_bf16 : kernels()->linear_backward_input;
    (use_blas(work) ? linear_backward_input_blas : own)(dx, dy, weight, rows, shape, work);
    poll(work);
}

void linear_backward_weight(float *dweight, float *dbias, const float *x, const float *dy, const Segments *segments,
                            const LinearShape *shape, bool accumulate, const LinearWork *work) {
    __typeof__(linear_backward_weight) *own =
        work->bf16 ? kernels()->linear_backward_weight_bf16 : kernels()->linear_backward_weight;
    (use_blas(work) ? linear_backward_weight_blas : own)(dweight, dbias, x, dy, segments, shape, accumulate, work);
    poll(work);
}

void linear_forward_ref(float *y, const float *x, const float *weight, const float *bias, size_t rows,
                        const LinearShape *shape) {
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < shape->out; o++) {
            double sum = bias ? (double)bias[o] : 0.0;
            for (size_t i = 0; i < shape->in; i++)
                sum += (double)x[r * shape->x_stride + i] * (double)weight[i * shape->weight_stride + o];
            y[r * shape->y_stride + o] = (float)sum;
        }
}

void linear_backward_input_ref(float *dx, const float *dy, const float *weight, size_t rows, const LinearShape *shape) {
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < shape->in; i++) {
            double sum = 0.0;
            for (size_t o = 0; o < shape->out; o++)
                sum += (double)dy[r * shape->y_stride + o] * (double)weight[i * shape->weight_stride + o];
            dx[r * shape->x_stride + i] = (float)sum;
        }
}

/* One element of a weight's gradient; where x is NULL, of a bias's. */
static float segments_sum_ref(float start, const float *x, size_t x_stride, const float *dy, size_t dy_stride,
                              const Segments *segments) {
    float sums[SEGMENT_LEVELS] = {0};
    for (size_t i = 0; i < segments->count; i++) {
        double sum = i == 0 ? (double)start : 0.0;
        for (size_t r = segments->starts[i]; r < segments->starts[i + 1]; r++)
            sum += (x ? (double)x[r * x_stride] : 1.0) * (double)dy[r * dy_stride];
        sums[segment_height(i)] = (float)sum;
        segment_join(sums, i, segments->count);
    }
    return sums[0];
}

void linear_backward_weight_ref(float *dweight, float *dbias, const float *x, const float *dy, const Segments *segments,
                                const LinearShape *shape, bool accumulate) {
    for (size_t i = 0; i < shape->in; i++)
        for (size_t o = 0; o < shape->out; o++) {
            float *element = dweight + i * shape->weight_stride + o;
            *element = segments_sum_ref(accumulate ? *element : 0.0F, x + i, shape->x_stride, dy + o, shape->y_stride,
                                        segments);
        }
    for (size_t o = 0; dbias && o < shape->out; o++)
        dbias[o] = segments_sum_ref(accumulate ? dbias[o] : 0.0F, NULL, 0, dy + o, shape->y_stride, segments);
}
