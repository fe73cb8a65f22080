#ifndef LINNET_KERNELS_ATTENTION_H
#define LINNET_KERNELS_ATTENTION_H
/** Causal multi-head attention within packed samples (Vaswani et al. 2017). The backward pass recomputes the attention
 *  weights from each row's log-sum-exp, as FlashAttention does (arXiv:2205.14135), so that no T × T array is stored.
 *  Not collective; cannot fail.
 *
 *  The names follow FlashAttention's interface for sequences of different lengths. Sample b has the keys
 *  cu_seqlens_k[b] … cu_seqlens_k[b + 1] − 1 and the queries cu_seqlens_q[b] … cu_seqlens_q[b + 1] − 1. Query r attends
 *  to the first key_counts[r] keys of its sample. In the last block of the model only the pooled rows are queries; in
 *  all others every row is one. Samples that share rows (batch.h) have their keys in rows that need not follow one
 *  another: key i is row key_rows[i]. */
#include "linnet/kernels/dropout.h"

typedef struct {
    size_t samples;
    size_t heads;
    size_t head_width;           /**< d; width C = heads · d */
    const int32_t *cu_seqlens_q; /**< [samples + 1] */
    const int32_t *cu_seqlens_k; /**< [samples + 1] */
    const int32_t *key_rows;    /**< [keys], rising within a sample; NULL: key i is row i. For the forward pass alone */
    const int32_t *key_counts;  /**< [queries] keys that a query attends to, at least 1 */
    const int32_t *positions;   /**< [queries] position in the sample, for dropout */
    const uint64_t *sample_ids; /**< [samples] index in the token file, for dropout */
    float scale;                /**< 1 / √d, or as the model's configuration says */
} AttentionShape;

/** Floats of scratch for `threads` threads when no sample has more than `keys` keys. */
size_t attention_scratch(size_t keys, size_t head_width, size_t threads);

/** out[r, h] = Σ_j dropout(softmax_j(scale · q[r, h] · k[j, h])) v[j, h].
 *  out [queries, C]         written
 *  lse [queries, heads]     written: log Σ_j exp(scale · q · k), for the backward pass; NULL in inference
 *  q [queries, q_stride], k, v [key rows, kv_stride]   borrowed; head h of a row is its columns h·d … h·d + d − 1
 *  dropout                  NULL: none; the column of the mask is the key's number within its sample
 *  scratch [attention_scratch()]   each thread uses its own part
 *  Sums in float32 (2^y by a polynomial, relative error 1.2e-7). OpenMP threads share the pairs (sample, head); one
 *  thread computes a pair in one fixed order, so the bits do not depend on the number of threads. */
void attention_forward(float *out, float *lse, const float *q, size_t q_stride, const float *k, const float *v,
                       size_t kv_stride, const AttentionShape *shape, const Dropout *dropout, float *scratch);
__typeof__(attention_forward) attention_forward_ref;

/** The gradients of attention_forward().
 *  dq [queries, q_stride], dk, dv [keys, kv_stride]   written; zeros for keys that no query attends to
 *  dout, out [queries, C], lse [queries, heads]       borrowed; out and lse from the forward pass
 *  With delta = dout · out, the gradient of a score is weight · (factor · dout · v − delta) · scale, as in
 *  FlashAttention (arXiv:2205.14135, appendix B.2). Accumulators, threads and the rest as attention_forward(). */
void attention_backward(float *dq, float *dk, float *dv, const float *dout, const float *out, const float *lse,
                        const float *q, size_t q_stride, const float *k, const float *v, size_t kv_stride,
                        const AttentionShape *shape, const Dropout *dropout, float *scratch);
__typeof__(attention_backward) attention_backward_ref;
#endif
