#ifndef LINNET_KERNELS_VECTOR_H
#define LINNET_KERNELS_VECTOR_H
/** Sums over plain arrays of floats, products with a number and tests of them, with the same bits on every CPU. Not collective; cannot fail. */
#include <stdbool.h>
#include <stddef.h>

/** Σ x² over x [n], in float64 lanes in one fixed order. Serial. */
double sum_of_squares(const float *x, size_t n);
double sum_of_squares_ref(const float *x, size_t n);

/** out [n] = a [n] + b [n]; out may be either. Serial. The one addition of the ordered reduction. */
void vector_add(float *out, const float *a, const float *b, size_t n);

/** out [n] = factor · x [n]; out may be x. Serial. */
void vector_scale(float *out, const float *x, float factor, size_t n);

/** Whether no x [n] is NaN or infinite. Serial; as fast as memory. */
bool all_finite(const float *x, size_t n);
bool all_finite_ref(const float *x, size_t n);
#endif
