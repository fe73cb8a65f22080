/* LayerNorm, for each instruction set. layernorm.h has the contract. */
#include "kernels/kernels.h"
#include "kernels/lanes.h"

/* Columns of dgamma and dbeta that one thread sums over the parts. */
#define SUM_COLUMNS ((size_t)64)

/* Σ (x − shift)² or, with `power` 1, Σ (x − shift). Four vectors of partial sums, so that an addition does not wait for
 * the one before. */
static inline __attribute__((always_inline)) float sum_powers(const float *x, size_t width, float shift, int power) {
    Floats sums[4] = {{0}};
    size_t i = 0;
    for (; i + 4 * LANES <= width; i += 4 * LANES)
#pragma GCC unroll 4
        for (size_t v = 0; v < 4; v++) {
            Floats d = floats_load(x + i + v * LANES) - shift;
            sums[v] += power == 2 ? d * d : d;
        }
    float sum = floats_sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
    for (; i < width; i++) {
        float d = x[i] - shift;
        sum += power == 2 ? d * d : d;
    }
    return sum;
}

void KERNEL(layernorm_forward)(float *out, float *mean, float *rstd, const float *x, const float *gamma,
                               const float *beta, size_t n, size_t width, float epsilon) {
#pragma omp parallel for schedule(static) if (n * width > PARALLEL_ELEMENTS)
    for (size_t r = 0; r < n; r++) {
        const float *row = x + r * width;
        float *to = out + r * width;
        float centre = sum_powers(row, width, 0.0f, 1) / (float)width;
        float variance = sum_powers(row, width, centre, 2) / (float)width;
        /* The product with 0 makes NaN, not zeros, of a row whose variance overflows, and changes no other bits. */
        float scale = 1.0f / __builtin_sqrtf(variance + epsilon) + 0.0f * variance;
#pragma omp simd
        for (size_t c = 0; c < width; c++) to[c] = (row[c] - centre) * scale * gamma[c] + beta[c];
        if (mean) mean[r] = centre;
        if (rstd) rstd[r] = scale;
    }
}

/* One row: adds to dx, and to the sums of dgamma and dbeta. */
static void backward_row(float *dx, float *dgamma, float *dbeta, const float *dout, const float *x, const float *gamma,
                         size_t width, float mean, float rstd) {
    float sum = 0.0f, sum_normal = 0.0f;
#pragma omp simd reduction(+ : sum, sum_normal)
    for (size_t c = 0; c < width; c++) {
        float normal = (x[c] - mean) * rstd, dnormal = dout[c] * gamma[c];
        sum += dnormal;
        sum_normal += dnormal * normal;
        dgamma[c] += dout[c] * normal;
        dbeta[c] += dout[c];
    }
    float average = sum / (float)width, average_normal = sum_normal / (float)width;
#pragma omp simd
    for (size_t c = 0; c < width; c++) {
        float normal = (x[c] - mean) * rstd, dnormal = dout[c] * gamma[c];
        dx[c] += rstd * (dnormal - average - normal * average_normal);
    }
}

/* For columns first … end − 1: sum a segment's `count` parts, `stride` floats apart, in order, and put the result on
 * the stack [SEGMENT_LEVELS, stride] of the segments' sums (segments.h). */
static void sum_parts(float *stack, const float *parts, size_t count, size_t stride, size_t first, size_t end,
                      size_t segment, size_t segments) {
    float *top = stack + segment_height(segment) * stride;
    for (size_t c = first; c < end; c++) {
        float sum = parts[c];
        for (size_t part = 1; part < count; part++) sum += parts[part * stride + c];
        top[c] = sum;
    }
    for (size_t j = segment_joins(segment, segments); j > 0; j--, top -= stride)
        KERNEL(vector_add)(top - stride + first, top - stride + first, top + first, end - first);
}

/* out[first … end) = or += sums. */
static void put_sums(float *out, const float *sums, size_t first, size_t end, int accumulate) {
    for (size_t c = first; c < end; c++) out[c] = accumulate ? out[c] + sums[c] : sums[c];
}

void KERNEL(layernorm_backward)(float *dx, float *dgamma, float *dbeta, const float *dout, const float *x,
                                const float *mean, const float *rstd, const float *gamma, const Segments *segments,
                                size_t width, int accumulate, float *scratch) {
    size_t stride = 2 * width; /* a column sum of dgamma, then of dbeta */
    float *stack = scratch + LAYERNORM_PARTS * stride;
#pragma omp parallel if (segments_rows(segments) * width > PARALLEL_ELEMENTS)
    for (size_t segment = 0; segment < segments->count; segment++) {
        size_t start = segments->starts[segment], end = segments->starts[segment + 1];
        size_t run = (end - start + LAYERNORM_PARTS - 1) / LAYERNORM_PARTS;
        size_t parts = (end - start + run - 1) / run; /* those that have rows */
#pragma omp for schedule(static)
        for (size_t part = 0; part < parts; part++) {
            float *sums = scratch + part * stride;
            memset(sums, 0, stride * sizeof *sums);
            for (size_t r = start + part * run; r < size_min(start + (part + 1) * run, end); r++)
                backward_row(dx + r * width, sums, sums + width, dout + r * width, x + r * width, gamma, width, mean[r],
                             rstd[r]);
        }
#pragma omp for schedule(static)
        for (size_t first = 0; first < width; first += SUM_COLUMNS) {
            size_t last = size_min(first + SUM_COLUMNS, width);
            sum_parts(stack, scratch, parts, stride, first, last, segment, segments->count);
            sum_parts(stack + width, scratch + width, parts, stride, first, last, segment, segments->count);
            if (segment + 1 < segments->count) continue;
            put_sums(dgamma, stack, first, last, accumulate);
            put_sums(dbeta, stack + width, first, last, accumulate);
        }
    }
}
