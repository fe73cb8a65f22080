/* A micro-batch: samples packed without padding. See batch.h. */
#include "linnet/data/batch.h"
#include "linnet/core/memory.h"
#include <stdbool.h>
#include <string.h>

enum { ROWS = 1024 }; /* more rows at a time make the matrix products no faster, only the memory larger */

Status batch_create(Batch *batch, size_t token_capacity, size_t sample_capacity, Error *error) {
    size_t tokens = token_capacity, samples = sample_capacity;
    *batch = (Batch){
        .token_capacity = tokens,
        .sample_capacity = samples,
        .ids = memory_allocate(tokens, sizeof(int32_t), error),
        .positions = memory_allocate(tokens, sizeof(int32_t), error),
        .key_counts = memory_allocate(tokens, sizeof(int32_t), error),
        .row_samples = memory_allocate(tokens, sizeof(uint64_t), error),
        .cu_seqlens = memory_allocate(samples + 1, sizeof(int32_t), error),
        .key_rows = memory_allocate(tokens, BATCH_KEYS * sizeof(int32_t), error),
        .cu_keys = memory_allocate(samples + 1, sizeof(int32_t), error),
        .pooled = memory_allocate(samples, sizeof(int32_t), error),
        .labels = memory_allocate(samples, sizeof(int32_t), error),
        .targets = memory_allocate(samples, sizeof(const float *), error),
        .sample_ids = memory_allocate(samples, sizeof(uint64_t), error),
        .pooled_positions = memory_allocate(samples, sizeof(int32_t), error),
        .pooled_key_counts = memory_allocate(samples, sizeof(int32_t), error),
        .pooled_cu_seqlens = memory_allocate(samples + 1, sizeof(int32_t), error),
    };
    if (error->status) batch_destroy(batch);
    for (size_t b = 0; batch->pooled_cu_seqlens && b <= samples; b++) batch->pooled_cu_seqlens[b] = (int32_t)b;
    return error->status;
}

void batch_destroy(Batch *batch) {
    if (!batch) return;
    void *const arrays[] = {batch->ids,
                            batch->positions,
                            batch->key_counts,
                            batch->row_samples,
                            batch->cu_seqlens,
                            batch->key_rows,
                            batch->cu_keys,
                            batch->pooled,
                            batch->labels,
                            (void *)batch->targets,
                            batch->sample_ids,
                            batch->pooled_positions,
                            batch->pooled_key_counts,
                            batch->pooled_cu_seqlens};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) memory_free(arrays[i]);
    memset(batch, 0, sizeof *batch);
}

size_t batch_rows_max(int32_t positions) {
    size_t longest = (size_t)positions + 1; /* a text and the row that padded_end adds */
    return longest > ROWS ? longest : ROWS;
}

/* Tokens of a text that are kept. */
static size_t kept(const BatchRule *rule, size_t length) {
    size_t positions = (size_t)rule->positions;
    return length < positions ? length : positions;
}

size_t batch_rows(const BatchRule *rule, size_t length) {
    bool end_added = rule->pooling == POOLING_PADDED_END && length < (size_t)rule->positions;
    return kept(rule, length) + end_added;
}

void batch_clear(Batch *batch) {
    batch->tokens = batch->samples = 0;
    batch->text_tokens = 0;
    batch->shared_rows = 0;
    batch->cu_seqlens[0] = batch->cu_keys[0] = 0;
    batch->units = 1;
    batch->unit_rows[1] = batch->unit_samples[1] = 0;
}

void batch_next_unit(Batch *batch) {
    batch->units++;
    batch->unit_rows[batch->units] = batch->tokens;
    batch->unit_samples[batch->units] = batch->samples;
}

static void add_row(Batch *batch, int32_t id, int32_t position, int32_t key_count, uint64_t sample) {
    size_t row = batch->tokens++;
    batch->ids[row] = id;
    batch->positions[row] = position;
    batch->key_counts[row] = key_count;
    batch->row_samples[row] = sample;
}

/* The row of a text that the head reads, counted from the text's first row. */
static size_t pooled_row(const BatchRule *rule, const int32_t *ids, size_t length) {
    if (rule->pooling == POOLING_PADDED_END) return batch_rows(rule, length) - 1;
    size_t last = kept(rule, length);
    while (last > 0 && ids[last - 1] == rule->pad) last--;
    return last > 0 ? last - 1 : 0; /* only pads: Transformers reads the first */
}

/* Tokens of a text that the previous sample begins with as well, and whose rows it may share. */
static size_t shared(const Batch *batch, const BatchRule *rule, const int32_t *ids, size_t length) {
    const size_t b = batch->samples, texts = kept(rule, length);
    size_t t = 0;
    if (!rule->share || b == 0) return 0;
    const int32_t *rows = batch->key_rows + batch->cu_keys[b - 1];
    const size_t keys = (size_t)(batch->cu_keys[b] - batch->cu_keys[b - 1]);
    /* The row that padded_end adds sees no key of its own, and so has the count of the row before it. */
    while (t < texts && t < keys && batch->ids[rows[t]] == ids[t] && batch->key_counts[rows[t]] == (int32_t)t + 1) t++;
    return t;
}

bool batch_fits(const Batch *batch, const BatchRule *rule, const int32_t *ids, size_t length) {
    const size_t rows = batch_rows(rule, length), keys = (size_t)batch->cu_keys[batch->samples];
    return batch->samples < batch->sample_capacity && keys + rows <= BATCH_KEYS * batch->token_capacity &&
           batch->tokens + rows - shared(batch, rule, ids, length) <= batch->token_capacity;
}

void batch_add(Batch *batch, const BatchRule *rule, const int32_t *ids, size_t length, int32_t label, uint64_t sample) {
    const size_t common = shared(batch, rule, ids, length), texts = kept(rule, length), b = batch->samples++;
    int32_t *rows = batch->key_rows + batch->cu_keys[b];
    size_t keys = 0;
    for (; keys < common; keys++) rows[keys] = batch->key_rows[(size_t)batch->cu_keys[b - 1] + keys];
    for (; keys < batch_rows(rule, length); keys++) rows[keys] = (int32_t)(batch->tokens + keys - common);
    for (size_t t = common; t < texts; t++) add_row(batch, ids[t], (int32_t)t, (int32_t)t + 1, sample);
    if (keys > texts) add_row(batch, rule->end_of_text, rule->positions - 1, (int32_t)texts, sample);
    const size_t pooled = (size_t)rows[pooled_row(rule, ids, length)];
    batch->text_tokens += (int64_t)texts;
    batch->shared_rows += common;
    batch->cu_seqlens[b + 1] = (int32_t)batch->tokens;
    batch->cu_keys[b + 1] = batch->cu_keys[b] + (int32_t)keys;
    batch->pooled[b] = (int32_t)pooled;
    batch->labels[b] = label;
    batch->targets[b] = NULL;
    batch->sample_ids[b] = sample;
    batch->pooled_positions[b] = batch->positions[pooled];
    batch->pooled_key_counts[b] = batch->key_counts[pooled];
    batch->unit_rows[batch->units] = batch->tokens;
    batch->unit_samples[batch->units] = batch->samples;
}

void batch_set_targets(Batch *batch, const float *targets) {
    batch->targets[batch->samples - 1] = targets;
}

Segments batch_row_segments(const Batch *batch) {
    return (Segments){batch->units, batch->unit_rows};
}

Segments batch_sample_segments(const Batch *batch) {
    return (Segments){batch->units, batch->unit_samples};
}
