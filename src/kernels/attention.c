/* Attention: calls of the kernels, and the plain references. attention.h has the contract. */
#include "linnet/kernels/attention.h"
#include "kernels/attention_scratch.h"
#include "kernels/kernels.h"
#include <math.h>
#include <string.h>

size_t attention_scratch(size_t keys, size_t head_width, size_t threads) {
    return threads * attention_part(keys, head_width);
}

void attention_forward(float *out, float *lse, const float *q, size_t q_stride, const float *k, const float *v,
                       size_t kv_stride, const AttentionShape *shape, const Dropout *dropout, float *scratch) {
    kernels()->attention_forward(out, lse, q, q_stride, k, v, kv_stride, shape, dropout, scratch);
}

void attention_backward(float *dq, float *dk, float *dv, const float *dout, const float *out, const float *lse,
                        const float *q, size_t q_stride, const float *k, const float *v, size_t kv_stride,
                        const AttentionShape *shape, const Dropout *dropout, float *scratch) {
    kernels()->attention_backward(dq, dk, dv, dout, out, lse, q, q_stride, k, v, kv_stride, shape, dropout, scratch);
}

static double dot(const float *a, const float *b, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

/* The row of a sample's key j. */
static size_t key_row(const AttentionShape *shape, size_t b, size_t j) {
    size_t key = (size_t)shape->cu_seqlens_k[b] + j;
    return shape->key_rows ? (size_t)shape->key_rows[key] : key;
}

/* One query of one head; k and v start at its columns. */
static void forward_query_ref(float *out, float *lse, const float *q, const float *k, const float *v, size_t kv_stride,
                              const AttentionShape *shape, const Dropout *dropout, size_t b, size_t h, size_t query,
                              float *scores) {
    size_t d = shape->head_width, keys = (size_t)shape->key_counts[query];
    double largest = -INFINITY, sum = 0.0;
    for (size_t j = 0; j < keys; j++) {
        scores[j] = (float)(shape->scale * dot(q, k + key_row(shape, b, j) * kv_stride, d));
        largest = fmax(largest, scores[j]);
    }
    for (size_t j = 0; j < keys; j++) sum += exp(scores[j] - largest);
    const double log_sum = largest + log(sum);
    for (size_t c = 0; c < d; c++) {
        double value = 0.0;
        for (size_t j = 0; j < keys; j++)
            value += exp(scores[j] - log_sum) * v[key_row(shape, b, j) * kv_stride + c] *
                     dropout_factor_ref(dropout, j, shape->sample_ids[b], shape->positions[query], (int)h);
        out[c] = (float)value;
    }
    if (lse) *lse = (float)log_sum;
}

void attention_forward_ref(float *out, float *lse, const float *q, size_t q_stride, const float *k, const float *v,
                           size_t kv_stride, const AttentionShape *shape, const Dropout *dropout, float *scratch) {
    size_t d = shape->head_width, heads = shape->heads;
    for (size_t b = 0; b < shape->samples; b++)
        for (size_t h = 0; h < heads; h++)
            for (size_t r = (size_t)shape->cu_seqlens_q[b]; r < (size_t)shape->cu_seqlens_q[b + 1]; r++)
                forward_query_ref(out + (r * heads + h) * d, lse ? lse + r * heads + h : NULL, q + r * q_stride + h * d,
                                  k + h * d, v + h * d, kv_stride, shape, dropout, b, h, r, scratch);
}

/* One query of one head: writes dq, adds to dk and dv. */
static void backward_query_ref(float *dq, float *dk, float *dv, const float *dout, const float *out, double lse,
                               const float *q, const float *k, const float *v, size_t kv_stride,
                               const AttentionShape *shape, const Dropout *dropout, size_t b, size_t h, size_t query) {
    size_t d = shape->head_width;
    double delta = dot(dout, out, d);
    memset(dq, 0, d * sizeof *dq);
    for (size_t j = 0; j < (size_t)shape->key_counts[query]; j++) {
        const float *key = k + j * kv_stride, *value = v + j * kv_stride;
        double factor = dropout_factor_ref(dropout, j, shape->sample_ids[b], shape->positions[query], (int)h);
        double weight = exp(shape->scale * dot(q, key, d) - lse);
        double dscore = weight * (factor * dot(dout, value, d) - delta) * shape->scale;
        for (size_t c = 0; c < d; c++) {
            dv[j * kv_stride + c] += (float)(weight * factor * dout[c]);
            dk[j * kv_stride + c] += (float)(dscore * q[c]);
            dq[c] += (float)(dscore * key[c]);
        }
    }
}

void attention_backward_ref(float *dq, float *dk, float *dv, const float *dout, const float *out, const float *lse,
                            const float *q, size_t q_stride, const float *k, const float *v, size_t kv_stride,
                            const AttentionShape *shape, const Dropout *dropout, float *scratch) {
    (void)scratch;
    size_t d = shape->head_width, heads = shape->heads;
    for (size_t b = 0; b < shape->samples; b++)
        for (size_t h = 0; h < heads; h++) {
            size_t from = (size_t)shape->cu_seqlens_k[b] * kv_stride + h * d;
            for (size_t j = 0; j < (size_t)(shape->cu_seqlens_k[b + 1] - shape->cu_seqlens_k[b]); j++) {
                memset(dk + from + j * kv_stride, 0, d * sizeof *dk);
                memset(dv + from + j * kv_stride, 0, d * sizeof *dv);
            }
            for (size_t r = (size_t)shape->cu_seqlens_q[b]; r < (size_t)shape->cu_seqlens_q[b + 1]; r++)
                backward_query_ref(dq + r * q_stride + h * d, dk + from, dv + from, dout + (r * heads + h) * d,
                                   out + (r * heads + h) * d, lse[r * heads + h], q + r * q_stride + h * d, k + from,
                                   v + from, kv_stride, shape, dropout, b, h, r);
        }
}
