/* Biases: calls of the kernels, and the plain references. bias.h has the contract. */
#include "linnet/kernels/bias.h"
#include "kernels/kernels.h"

void bias_add(float *y, size_t y_stride, const float *bias, size_t rows, size_t columns) {
    kernels()->bias_add(y, y_stride, bias, rows, columns);
}

void bias_gradient(float *out, const float *x, size_t stride, size_t rows, size_t columns, bool accumulate) {
    kernels()->bias_gradient(out, x, stride, rows, columns, accumulate);
}

void bias_add_ref(float *y, size_t y_stride, const float *bias, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) y[r * y_stride + c] += bias[c];
}

void bias_gradient_ref(float *out, const float *x, size_t stride, size_t rows, size_t columns, bool accumulate) {
    for (size_t c = 0; c < columns; c++) {
        double sum = accumulate ? out[c] : 0.0;
        for (size_t r = 0; r < rows; r++) sum += x[r * stride + c];
        out[c] = (float)sum;
    }
}
