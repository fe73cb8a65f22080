#ifndef LINNET_KERNELS_ATTENTION_H
#define LINNET_KERNELS_ATTENTION_H
/** Causal multi-head attention inside packed samples (Vaswani et al. 2017; the backward pass recomputes the
 *  weights from each row's log-sum-exp, as arXiv:2205.14135, so that no T × T array goes to memory). Not
 *  collective; cannot fail.
 *
 *  A sample b has keys cu_seqlens_k[b] … cu_seqlens_k[b + 1] − 1 and queries cu_seqlens_q[b] … ; query r sees the
 *  first visible[r] keys of its sample. In all blocks but the last every row is a query; in the last only the
 *  pooled ones. */
#include "linnet/kernels/dropout.h"

typedef struct {
    size_t samples;
    size_t heads;
    size_t head_width;           /**< d; width C = heads · d */
    const int32_t *cu_seqlens_q; /**< [samples + 1] */
    const int32_t *cu_seqlens_k; /**< [samples + 1] */
    const int32_t *key_counts;   /**< [queries] keys seen, at least 1 */
    const int32_t *positions;    /**< [queries] for dropout */
    const uint64_t *sample_ids;  /**< [samples] for dropout */
    float scale;                 /**< 1 / √d, or as the model's configuration says */
} AttentionShape;

/** Floats of scratch that `threads` threads need when no sample has more than `keys` keys. */
size_t attention_scratch(size_t keys, size_t head_width, size_t threads);

/** out[r, h] = Σ_j dropout(softmax_j(scale · q[r, h] · k[j, h])) v[j, h]. out [queries, C] written (row stride C);
 *  lse [queries, heads] written: the log of the sum of exponentials, for the backward pass (may be NULL in
 *  inference); q [queries, q_stride]; k, v [keys, kv_stride]: head h of a row is its columns h·d … h·d + d − 1;
 *  dropout may be NULL (column of the mask = key's number in its sample); scratch as attention_scratch(), used by
 *  thread number. float32 throughout (2^y by a polynomial, relative error 1.2e-7); work is dealt to OpenMP threads
 *  by (sample, head), each computed by one thread in one order. */
void attention_forward(float *out, float *lse, const float *q, size_t q_stride, const float *k, const float *v,
                       size_t kv_stride, const AttentionShape *shape, const Dropout *dropout, float *scratch);
void attention_forward_ref(float *out, float *lse, const float *q, size_t q_stride, const float *k, const float *v,
                           size_t kv_stride, const AttentionShape *shape, const Dropout *dropout, float *scratch);

/** The gradients of attention_forward: dq [queries, q_stride], dk, dv [keys, kv_stride] written (rows of keys that
 *  no query sees get zeros); dout, out [queries, C]; lse from the forward pass. */
void attention_backward(float *dq, float *dk, float *dv, const float *dout, const float *out, const float *lse,
                        const float *q, size_t q_stride, const float *k, const float *v, size_t kv_stride,
                        const AttentionShape *shape, const Dropout *dropout, float *scratch);
void attention_backward_ref(float *dq, float *dk, float *dv, const float *dout, const float *out, const float *lse,
                            const float *q, size_t q_stride, const float *k, const float *v, size_t kv_stride,
                            const AttentionShape *shape, const Dropout *dropout, float *scratch);
#endif
