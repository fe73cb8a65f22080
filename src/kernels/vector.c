/* Public functions of the vector sums and tests and their plain references; the kernels are in vector_kernels.c. */
#include "linnet/kernels/vector.h"
#include "kernels/kernels.h"
#include <math.h>

double sum_of_squares(const float *x, size_t n) {
    return kernels()->sum_of_squares(x, n);
}

void vector_add(float *out, const float *a, const float *b, size_t n) {
    kernels()->vector_add(out, a, b, n);
}

void vector_scale(float *out, const float *x, float factor, size_t n) {
    kernels()->vector_scale(out, x, factor, n);
}

bool all_finite(const float *x, size_t n) {
    return kernels()->all_finite(x, n);
}

double sum_of_squares_ref(const float *x, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    return sum;
}

bool all_finite_ref(const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}
