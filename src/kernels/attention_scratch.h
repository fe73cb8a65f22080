#ifndef LINNET_KERNELS_ATTENTION_SCRATCH_H
#define LINNET_KERNELS_ATTENTION_SCRATCH_H
/** One thread's scratch of the attention kernels, the same for every instruction set. float32 arrays. */
#include <stddef.h>

/** Queries whose attention weights the backward pass holds at once; limits the scratch of long samples. */
#define ATTENTION_QUERIES ((size_t)32)

typedef struct {
    size_t stride;        /**< floats between rows of the arrays below: attention_stride() of the keys */
    float *keys, *values; /**< [head width, stride] transposed; values: also [keys, head width], rows as they are */
    float *weights;       /**< [ATTENTION_QUERIES, stride] attention weights, with dropout */
    float *scores;        /**< [ATTENTION_QUERIES, stride] gradients of the scores */
    float *queries;       /**< [ATTENTION_QUERIES, head width] rows of q, next to one another */
    float *gradients;     /**< [ATTENTION_QUERIES, head width] rows of dout */
    float *deltas;        /**< [ATTENTION_QUERIES] dout · out */
    float *factors;       /**< [stride] dropout factors of one query */
} AttentionScratch;

/** A multiple of 64 floats, which is a multiple of every vector and of DROPOUT_STEP, and one cache line more: so a
 *  column's elements do not all fall on the same few sets of the L1 cache when the length is a power of two. */
static inline size_t attention_stride(size_t keys) {
    return (keys + 63) / 64 * 64 + 16;
}

/** Floats that one thread needs. */
static inline size_t attention_part(size_t keys, size_t head_width) {
    size_t stride = attention_stride(keys);
    return (2 * head_width + 2 * ATTENTION_QUERIES + 1) * stride + ATTENTION_QUERIES * (2 * head_width + 1);
}

/** One thread's part: attention_part() floats from `base` on. */
static inline AttentionScratch attention_scratch_at(float *base, size_t keys, size_t head_width) {
    size_t stride = attention_stride(keys), rows = ATTENTION_QUERIES;
    AttentionScratch scratch = {.stride = stride, .keys = base};
    scratch.values = scratch.keys + head_width * stride;
    scratch.weights = scratch.values + head_width * stride;
    scratch.scores = scratch.weights + rows * stride;
    scratch.factors = scratch.scores + rows * stride;
    scratch.queries = scratch.factors + stride;
    scratch.gradients = scratch.queries + rows * head_width;
    scratch.deltas = scratch.gradients + rows * head_width;
    return scratch;
}
#endif
