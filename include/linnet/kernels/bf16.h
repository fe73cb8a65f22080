#ifndef LINNET_KERNELS_BF16_H
#define LINNET_KERNELS_BF16_H
/** bfloat16: the upper half of a float32. Serial. Not collective; cannot fail. */
#include <stddef.h>
#include <stdint.h>

/** out [n] = x [n] rounded to nearest, ties to even, as PyTorch does; a NaN stays a NaN. */
void bf16_from_floats(uint16_t *out, const float *x, size_t n);
void bf16_from_floats_ref(uint16_t *out, const float *x, size_t n);

/** out [n] = x [n]; exact. */
void floats_from_bf16(float *out, const uint16_t *x, size_t n);
#endif
