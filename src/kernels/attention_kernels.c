/* Attention forward and backward, for each instruction set. attention.h has the contract. */
#include "kernels/attention_scratch.h"
#include "kernels/dropout_lanes.h"
#include "kernels/kernels.h"
#include "kernels/small_product.h"
#include <math.h>
#include <omp.h>

/* The arguments of a call, forward or backward; what a pass does not use is NULL. */
typedef struct {
    const AttentionShape *shape;
    const DropoutLanes *dropout; /* NULL: none */
    const float *q, *k, *v, *dout, *out_read, *lse_read;
    float *out, *lse, *dq, *dk, *dv;
    size_t q_stride, kv_stride, out_stride;
} Call;

/* One head of one sample: its first row of queries and of keys, and their numbers. */
typedef struct {
    size_t sample, head, query, queries, key, keys;
    size_t column; /* head · head width */
} Head;

static Head head_of(const AttentionShape *shape, size_t item) {
    size_t b = item / shape->heads, h = item % shape->heads;
    return (Head){
        .sample = b,
        .head = h,
        .query = (size_t)shape->cu_seqlens_q[b],
        .queries = (size_t)(shape->cu_seqlens_q[b + 1] - shape->cu_seqlens_q[b]),
        .key = (size_t)shape->cu_seqlens_k[b],
        .keys = (size_t)(shape->cu_seqlens_k[b + 1] - shape->cu_seqlens_k[b]),
        .column = h * shape->head_width,
    };
}

/* Where a head's columns of a row begin. */
static size_t at(const Head *head, size_t row, size_t stride) {
    return row * stride + head->column;
}

static size_t most_keys(const AttentionShape *shape) {
    int32_t most = 0;
    for (size_t b = 0; b < shape->samples; b++) {
        int32_t keys = shape->cu_seqlens_k[b + 1] - shape->cu_seqlens_k[b];
        if (keys > most) most = keys;
    }
    return (size_t)most;
}

/* The most keys that one of these queries attends to. */
static size_t tile_keys(const int32_t *key_counts, size_t rows) {
    int32_t most = 0;
    for (size_t r = 0; r < rows; r++)
        if (key_counts[r] > most) most = key_counts[r];
    return (size_t)most;
}

static void draw_factors(const Call *call, const Head *head, size_t query, size_t count, float *factors) {
    const AttentionShape *shape = call->shape;
    dropout_factors(factors, 0, count, call->dropout, shape->sample_ids[head->sample], shape->positions[query],
                    head->head);
}

/* How many lanes of the vector at key j belong to the first `seen` keys. */
static inline size_t lanes_seen(size_t seen, size_t j) {
    return seen > j ? size_min(seen - j, LANES) : 0;
}

/* In place, one query's scores [end] → 2^(scale · score − largest), and zero from key `seen` on. Returns their sum;
 * *largest is the largest scale · score. */
static float powers(float *x, size_t seen, size_t end, float scale, float *largest) {
    const Floats hidden = floats_all(-INFINITY);
    Floats most = hidden;
    Wide sum = {0};
    for (size_t j = 0; j < seen; j += LANES)
        most = floats_max(most, floats_first(floats_load(x + j), lanes_seen(seen, j), hidden));
    most = floats_max_all(most) * scale;
    for (size_t first = 0; first < end; first += WIDE)
#pragma GCC unroll 4
        for (size_t p = 0; p < WIDE_PARTS; p++) {
            size_t j = first + p * LANES;
            if (j >= end) break; /* a set with wider vectors has zeros there */
            Floats score = floats_first(floats_load(x + j), lanes_seen(seen, j), hidden);
            Floats power = floats_exp2_any(floats_fma(score, floats_all(scale), -most));
            floats_store(x + j, power);
            sum.part[p] += power;
        }
    *largest = most[0];
    return wide_sum(sum);
}

/* In place, one query's scores [end] → attention weights with dropout. */
static void weigh_row(const Call *call, const Head *head, size_t query, float *weights, size_t end, float *factors) {
    const AttentionShape *shape = call->shape;
    float largest, sum = powers(weights, (size_t)shape->key_counts[query], end, shape->scale * LOG2_E, &largest);
    float share = 1.0f / sum;
    if (call->lse) call->lse[query * shape->heads + head->head] = largest / LOG2_E + float_log(sum);
    if (call->dropout) {
        draw_factors(call, head, query, end, factors);
        for (size_t j = 0; j < end; j += LANES)
            floats_store(weights + j, floats_load(weights + j) * share * floats_load(factors + j));
    } else {
        for (size_t j = 0; j < end; j += LANES) floats_store(weights + j, floats_load(weights + j) * share);
    }
}

/* Copy a head's columns of the rows that a sample's keys lie in. */
static void gather_rows(float *to, const float *from, size_t stride, const Head *head, const int32_t *rows, size_t d) {
    for (size_t j = 0; j < head->keys; j++)
        memcpy(to + j * d, from + at(head, (size_t)rows[j], stride), d * sizeof *to);
}

/* scratch->keys = the head's keys, transposed. Returns its values, v_stride apart: where they are if they lie in
 * consecutive rows, else a copy. */
static const float *take_keys(const Call *call, const Head *head, const AttentionScratch *scratch, size_t *v_stride) {
    size_t d = call->shape->head_width, stride = call->kv_stride;
    const int32_t *rows = call->shape->key_rows ? call->shape->key_rows + head->key : NULL;
    if (rows && (size_t)(rows[head->keys - 1] - rows[0]) != head->keys - 1) {
        gather_rows(scratch->values, call->k, stride, head, rows, d);
        transpose(scratch->keys, scratch->stride, scratch->values, d, head->keys, d);
        gather_rows(scratch->values, call->v, stride, head, rows, d);
        *v_stride = d;
        return scratch->values;
    }
    size_t from = at(head, rows ? (size_t)rows[0] : head->key, stride);
    transpose(scratch->keys, scratch->stride, call->k + from, stride, head->keys, d);
    *v_stride = stride;
    return call->v + from;
}

/* A value that is not finite makes NaN of the outputs of the tile's queries before it, with their weight of 0 for it.
 * Samples that share these rows may not have that value: so such queries are computed again from their own keys. */
static void mend_rows(const Call *call, const Head *head, const AttentionScratch *scratch, size_t query, size_t rows,
                      size_t seen, const float *v, size_t v_stride) {
    size_t d = call->shape->head_width;
    for (size_t r = 0; r < rows; r++) {
        size_t own = (size_t)call->shape->key_counts[query + r];
        float *out = call->out + at(head, query + r, call->out_stride);
        if (own < seen && !KERNEL(all_finite)(out, d))
            tile_product(out, call->out_stride, (Left){scratch->weights + r * scratch->stride, scratch->stride, 1}, v,
                         v_stride, 1, own, d, false);
    }
}

static void forward_head(const Call *call, const Head *head, const AttentionScratch *scratch) {
    size_t d = call->shape->head_width, stride = scratch->stride, v_stride;
    if (head->queries == 0) return;
    const float *v = take_keys(call, head, scratch, &v_stride);
    for (size_t done = 0; done < head->queries; done += TILE_ROWS) {
        size_t rows = size_min(TILE_ROWS, head->queries - done), query = head->query + done;
        size_t seen = tile_keys(call->shape->key_counts + query, rows), end = round_up(seen, LANES);
        Left q = {call->q + at(head, query, call->q_stride), call->q_stride, 1};
        tile_product(scratch->weights, stride, q, scratch->keys, stride, rows, d, end, false);
        for (size_t r = 0; r < rows; r++)
            weigh_row(call, head, query + r, scratch->weights + r * stride, end, scratch->factors);
        tile_product(call->out + at(head, query, call->out_stride), call->out_stride,
                     (Left){scratch->weights, stride, 1}, v, v_stride, rows, seen, d, false);
        if (call->shape->key_rows) mend_rows(call, head, scratch, query, rows, seen, v, v_stride);
    }
}

static float dot(const float *a, const float *b, size_t n) {
    Wide sum = {0};
    size_t i = 0;
    for (; i + WIDE <= n; i += WIDE) sum = wide_fma(wide_load(a + i), wide_load(b + i), sum);
    if (i < n) sum = wide_fma(wide_load_part(a + i, n - i), wide_load_part(b + i, n - i), sum);
    return wide_sum(sum);
}

/* Copy the rows of up to ATTENTION_QUERIES queries next to one another, and compute their deltas. The rows are read
 * several times, and in the caller's long rows the columns of one head fall on the same few sets of the L1 cache. */
static void gather_queries(const Call *call, const Head *head, const AttentionScratch *scratch, size_t first,
                           size_t count) {
    size_t d = call->shape->head_width;
    for (size_t r = 0; r < count; r++) {
        const float *q = call->q + at(head, first + r, call->q_stride);
        const float *dout = call->dout + at(head, first + r, call->out_stride);
        const float *out = call->out_read + at(head, first + r, call->out_stride);
        memcpy(scratch->queries + r * d, q, d * sizeof *q);
        memcpy(scratch->gradients + r * d, dout, d * sizeof *dout);
        scratch->deltas[r] = dot(dout, out, d); /* equals Σ weight · dweight over the keys, in fewer additions */
    }
}

/* In place, for one query: `weights` from scores to weights with dropout, `scores` from the gradients of the weights to
 * those of the scores; both zero from the query's last key to `padded`. */
static void unweigh_row(const Call *call, const Head *head, size_t query, float *weights, float *scores, size_t padded,
                        float delta, float *factors) {
    const Floats none = {0};
    size_t seen = (size_t)call->shape->key_counts[query], j = 0;
    float scale = call->shape->scale, lse = call->lse_read[query * call->shape->heads + head->head];
    if (call->dropout) draw_factors(call, head, query, seen, factors);
    for (; j < seen; j += LANES) {
        Floats power = floats_fma(floats_load(weights + j), floats_all(scale * LOG2_E), floats_all(-lse * LOG2_E));
        Floats weight = floats_first(floats_exp2_any(power), lanes_seen(seen, j), none);
        Floats factor = call->dropout ? floats_load(factors + j) : floats_all(1.0f);
        Floats dweight = floats_first(floats_load(scores + j), lanes_seen(seen, j), none);
        floats_store(scores + j, weight * floats_fma(factor, dweight, floats_all(-delta)) * scale);
        floats_store(weights + j, weight * factor);
    }
    for (; j < padded; j += LANES) {
        floats_store(weights + j, none);
        floats_store(scores + j, none);
    }
}

/* Weights, gradients of the scores and dq of up to ATTENTION_QUERIES queries from `first` on. */
static void backward_queries(const Call *call, const Head *head, const AttentionScratch *scratch, size_t first,
                             size_t count) {
    size_t d = call->shape->head_width, stride = scratch->stride, padded = round_up(head->keys, LANES);
    const float *k = call->k + at(head, head->key, call->kv_stride);
    gather_queries(call, head, scratch, first, count);
    for (size_t done = 0; done < count; done += TILE_ROWS) {
        size_t rows = size_min(TILE_ROWS, count - done), query = first + done;
        size_t seen = tile_keys(call->shape->key_counts + query, rows), end = round_up(seen, LANES);
        float *weights = scratch->weights + done * stride, *scores = scratch->scores + done * stride;
        Left q = {scratch->queries + done * d, d, 1}, dout = {scratch->gradients + done * d, d, 1};
        tile_product(weights, stride, q, scratch->keys, stride, rows, d, end, false);
        tile_product(scores, stride, dout, scratch->values, stride, rows, d, end, false);
        for (size_t r = 0; r < rows; r++)
            unweigh_row(call, head, query + r, weights + r * stride, scores + r * stride, padded,
                        scratch->deltas[done + r], scratch->factors);
        tile_product(call->dq + at(head, query, call->q_stride), call->q_stride, (Left){scores, stride, 1}, k,
                     call->kv_stride, rows, seen, d, false);
    }
}

/* What these queries add to dk and dv. */
static void backward_keys(const Call *call, const Head *head, const AttentionScratch *scratch, size_t first,
                          size_t count, bool accumulate) {
    size_t d = call->shape->head_width, stride = scratch->stride;
    const int32_t *key_counts = call->shape->key_counts + first;
    for (size_t j = 0; j < head->keys; j += TILE_ROWS) {
        size_t rows = size_min(TILE_ROWS, head->keys - j), skip = 0;
        while (skip < count && (size_t)key_counts[skip] <= j) skip++; /* the queries that come before key j */
        size_t inner = count - skip, to = at(head, head->key + j, call->kv_stride);
        const float *q = scratch->queries + skip * d, *dout = scratch->gradients + skip * d;
        Left weights = {scratch->weights + skip * stride + j, 1, stride};
        Left scores = {scratch->scores + skip * stride + j, 1, stride};
        tile_product(call->dv + to, call->kv_stride, weights, dout, d, rows, inner, d, accumulate);
        tile_product(call->dk + to, call->kv_stride, scores, q, d, rows, inner, d, accumulate);
    }
}

static void backward_head(const Call *call, const Head *head, const AttentionScratch *scratch) {
    size_t d = call->shape->head_width, from = at(head, head->key, call->kv_stride);
    transpose(scratch->keys, scratch->stride, call->k + from, call->kv_stride, head->keys, d);
    transpose(scratch->values, scratch->stride, call->v + from, call->kv_stride, head->keys, d);
    size_t done = 0;
    do { /* once even for a sample without queries: its dk and dv are zero */
        size_t count = size_min(ATTENTION_QUERIES, head->queries - done), first = head->query + done;
        backward_queries(call, head, scratch, first, count);
        backward_keys(call, head, scratch, first, count, done > 0);
        done += count;
    } while (done < head->queries);
}

/* Deal the heads of all samples to the threads; each is computed by one thread in one order. */
static void each_head(Call *call, const Dropout *dropout, float *scratch,
                      void (*pass)(const Call *, const Head *, const AttentionScratch *)) {
    const AttentionShape *shape = call->shape;
    size_t keys = most_keys(shape), queries = (size_t)shape->cu_seqlens_q[shape->samples];
    size_t items = shape->samples * shape->heads;
    size_t part = attention_part(keys, shape->head_width);
    DropoutLanes lanes;
    call->dropout = dropout_prepare(&lanes, dropout);
    call->out_stride = shape->heads * shape->head_width;
#pragma omp parallel if (items > 1 && queries * shape->heads * shape->head_width > PARALLEL_ELEMENTS)
    {
        float *base = scratch + (size_t)omp_get_thread_num() * part;
        AttentionScratch own = attention_scratch_at(base, keys, shape->head_width);
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < items; i++) {
            Head head = head_of(shape, i);
            pass(call, &head, &own);
        }
    }
}

void KERNEL(attention_forward)(float *out, float *lse, const float *q, size_t q_stride, const float *k, const float *v,
                               size_t kv_stride, const AttentionShape *shape, const Dropout *dropout, float *scratch) {
    Call call = {
        .shape = shape, .q = q, .k = k, .v = v, .out = out, .lse = lse, .q_stride = q_stride, .kv_stride = kv_stride};
    each_head(&call, dropout, scratch, forward_head);
}

void KERNEL(attention_backward)(float *dq, float *dk, float *dv, const float *dout, const float *out, const float *lse,
                                const float *q, size_t q_stride, const float *k, const float *v, size_t kv_stride,
                                const AttentionShape *shape, const Dropout *dropout, float *scratch) {
    Call call = {.shape = shape, .q = q, .k = k, .v = v, .q_stride = q_stride, .kv_stride = kv_stride};
    call.dout = dout, call.out_read = out, call.lse_read = lse;
    call.dq = dq, call.dk = dk, call.dv = dv;
    each_head(&call, dropout, scratch, backward_head);
}
