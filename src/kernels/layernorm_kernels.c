/* LayerNorm, for each instruction set. layernorm.h has the contract. */
#include "kernels/kernels.h"
#include "kernels/lanes.h"

/* Columns of dgamma and dbeta that one thread sums over the parts. */
#define SUM_COLUMNS ((size_t)64)

/* Σ (x − shift)² or, with `power` 1, Σ (x − shift), of `count` ≤ WIDE elements, added to sum. */
static inline __attribute__((always_inline)) Wide add_powers(Wide sum, const float *x, size_t count, float shift,
                                                             const int power) {
    Wide value = count == WIDE ? wide_load(x) : wide_load_part(x, count);
    EACH_PART {
        Floats d = value.part[p] - shift;
        if (count < WIDE) d = floats_first(d, wide_part_count(count, p), (Floats){0});
        sum.part[p] = power == 2 ? floats_fma(d, d, sum.part[p]) : sum.part[p] + d;
    }
    return sum;
}

/* The same of a row. Four sums, so that an addition does not wait for the one before. */
static inline __attribute__((always_inline)) float sum_powers(const float *x, size_t width, float shift,
                                                              const int power) {
    Wide sums[4] = {0};
    size_t i = 0;
    for (; i + 4 * WIDE <= width; i += 4 * WIDE)
#pragma GCC unroll 4
        for (size_t v = 0; v < 4; v++) sums[v] = add_powers(sums[v], x + i + v * WIDE, WIDE, shift, power);
    for (; i + WIDE <= width; i += WIDE) sums[0] = add_powers(sums[0], x + i, WIDE, shift, power);
    if (i < width) sums[0] = add_powers(sums[0], x + i, width - i, shift, power);
    return wide_sum(wide_add(wide_add(sums[0], sums[1]), wide_add(sums[2], sums[3])));
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
        for (size_t c = 0; c < width; c++) to[c] = float_fma((row[c] - centre) * scale, gamma[c], beta[c]);
        if (mean) mean[r] = centre;
        if (rstd) rstd[r] = scale;
    }
}

/* A row's sums over its columns. */
typedef struct {
    Wide gradient, with_normal; /* Σ dnormal, Σ dnormal · normal */
} RowSums;

/* `count` ≤ WIDE columns: adds to the sums of dgamma and dbeta, and to the row's. Columns from `count` on are zeros,
 * which change no sum. */
static inline __attribute__((always_inline)) void sum_columns(RowSums *row, float *dgamma, float *dbeta,
                                                              const float *dout, const float *x, const float *gamma,
                                                              size_t count, float mean, float rstd) {
    const bool full = count == WIDE;
    Wide by_out = full ? wide_load(dout) : wide_load_part(dout, count), normal, dnormal;
    Wide values = full ? wide_load(x) : wide_load_part(x, count);
    Wide gammas = full ? wide_load(gamma) : wide_load_part(gamma, count);
    Wide gamma_sums = full ? wide_load(dgamma) : wide_load_part(dgamma, count);
    Wide beta_sums = full ? wide_load(dbeta) : wide_load_part(dbeta, count);
    EACH_PART {
        normal.part[p] = (values.part[p] - mean) * rstd;
        dnormal.part[p] = by_out.part[p] * gammas.part[p];
    }
    row->gradient = wide_add(row->gradient, dnormal);
    row->with_normal = wide_fma(dnormal, normal, row->with_normal);
    gamma_sums = wide_fma(by_out, normal, gamma_sums);
    beta_sums = wide_add(beta_sums, by_out);
    if (full) {
        wide_store(dgamma, gamma_sums);
        wide_store(dbeta, beta_sums);
    } else {
        wide_store_part(dgamma, gamma_sums, count);
        wide_store_part(dbeta, beta_sums, count);
    }
}

/* One row: adds to dx, and to the sums of dgamma and dbeta. */
static void backward_row(float *dx, float *dgamma, float *dbeta, const float *dout, const float *x, const float *gamma,
                         size_t width, float mean, float rstd) {
    RowSums row = {0};
    size_t i = 0;
    for (; i + WIDE <= width; i += WIDE)
        sum_columns(&row, dgamma + i, dbeta + i, dout + i, x + i, gamma + i, WIDE, mean, rstd);
    if (i < width) sum_columns(&row, dgamma + i, dbeta + i, dout + i, x + i, gamma + i, width - i, mean, rstd);
    float average = wide_sum(row.gradient) / (float)width, average_normal = wide_sum(row.with_normal) / (float)width;
#pragma omp simd
    for (size_t c = 0; c < width; c++) {
        float normal = (x[c] - mean) * rstd, dnormal = dout[c] * gamma[c];
        dx[c] = float_fma(rstd, float_fma(-normal, average_normal, dnormal - average), dx[c]);
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
        if (!dgamma) continue; /* on all threads: `for` ends with a barrier */
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
