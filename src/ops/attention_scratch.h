#ifndef LINNET_OPS_ATTENTION_SCRATCH_H
#define LINNET_OPS_ATTENTION_SCRATCH_H
/** One thread's scratch of the attention kernels; the same for every instruction set. */
#include <stddef.h>

/** Queries whose weights are held at once in the backward pass: bounds the scratch of long samples. */
#define ATTENTION_QUERIES ((size_t)32)

typedef struct {
    size_t stride;        /**< floats between rows of the arrays below: keys, padded */
    float *keys, *values; /**< [head width, stride] transposed */
    float *weights;       /**< [ATTENTION_QUERIES, stride] probabilities, with dropout */
    float *scores;        /**< [ATTENTION_QUERIES, stride] gradients of the scores */
    float *factors;       /**< [stride] dropout factors of one query */
} AttentionScratch;

/** Whole steps of 64 floats, which is whole vectors and whole dropout steps; and one more cache line, so that a column's
 *  elements do not all fall on the same few sets of the L1 cache when the length is a power of two. */
static inline size_t attention_stride(size_t keys) {
    return (keys + 63) / 64 * 64 + 16;
}

/** Cut a thread's part of the caller's scratch; its size in floats. `base` may be NULL when only that is wanted. */
static inline size_t attention_scratch_cut(AttentionScratch *scratch, float *base, size_t keys, size_t head_width) {
    size_t stride = attention_stride(keys), transposed = head_width * stride, block = ATTENTION_QUERIES * stride;
    if (base)
        *scratch = (AttentionScratch){
            .stride = stride,
            .keys = base,
            .values = base + transposed,
            .weights = base + 2 * transposed,
            .scores = base + 2 * transposed + block,
            .factors = base + 2 * transposed + 2 * block,
        };
    return 2 * transposed + 2 * block + stride;
}
#endif
