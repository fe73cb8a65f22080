/* Biases, for each instruction set. bias.h has the contract. */
#include "kernels/kernels.h"
#include "kernels/lanes.h"

void KERNEL(bias_add)(float *y, size_t y_stride, const float *bias, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        float *row = y + r * y_stride;
#pragma omp simd
        for (size_t c = 0; c < columns; c++) row[c] += bias[c];
    }
}

/* Reads the rows in the order of memory; `out` stays in the L1 cache. */
void KERNEL(bias_gradient)(float *out, const float *x, size_t stride, size_t rows, size_t columns, bool accumulate) {
    if (!accumulate) memset(out, 0, columns * sizeof *out);
    size_t r = 0;
    for (; r + 8 <= rows; r += 8) {
        const float *a = x + r * stride, *b = a + 4 * stride;
#pragma omp simd
        for (size_t c = 0; c < columns; c++) {
            float upper = (a[c] + a[stride + c]) + (a[2 * stride + c] + a[3 * stride + c]);
            float lower = (b[c] + b[stride + c]) + (b[2 * stride + c] + b[3 * stride + c]);
            out[c] += upper + lower;
        }
    }
    for (; r < rows; r++) {
        const float *row = x + r * stride;
#pragma omp simd
        for (size_t c = 0; c < columns; c++) out[c] += row[c];
    }
}
