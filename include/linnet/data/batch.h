#ifndef LINNET_DATA_BATCH_H
#define LINNET_DATA_BATCH_H
/** A micro-batch: samples packed one after the other, without padding, with what the model must know of each row.
 *
 *  Three samples of 4, 1 and 3 tokens:
 *   ids         a a a a b c c c       M = 8 rows
 *   positions   0 1 2 3 0 0 1 2
 *   key_counts  1 2 3 4 1 1 2 3       keys of its own sample that a row attends to, itself the last
 *   cu_seqlens  0 4 5 8               where each sample starts, as in FlashAttention's varlen interface
 *   pooled      3 4 7                 the row that the head reads
 *  With POOLING_PADDED_END a sample of T < P tokens gets one more row: the end-of-text token at position P − 1 (P =
 *  n_positions), which attends to the T tokens and not to itself, and which the head reads
 *  (docs/explanation/numerics.md shows that this equals the padded text exactly). No row attends to that row.
 *
 *  In inference, where the rule says so, samples share rows: under the causal mask a row depends on the tokens up to its
 *  own alone, so a beginning that a sample has in common with the one added before it is computed once. Three samples of
 *  the tokens x y z, x y w and x y w:
 *   ids         x y z w               M = 4 rows
 *   cu_seqlens  0 3 4 4               where the rows start that each sample has added
 *   key_rows    0 1 2  0 1 3  0 1 3   the rows of each sample, shared ones too
 *   cu_keys     0 3 6 9               where they start in key_rows
 *   pooled      2 3 3
 *
 *  A batch may hold the samples of several reduction units, whose gradients are summed separately (segments.h). */
#include "linnet/core/error.h"
#include "linnet/core/segments.h"
#include "linnet/data/pooling.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** All arrays are owned by the Batch and sized by its capacity. M rows (tokens), B samples. */
typedef struct {
    size_t token_capacity, sample_capacity;
    size_t tokens;              /**< M */
    size_t samples;             /**< B */
    int64_t text_tokens;        /**< tokens of text, shared ones too, without the added end-of-text rows */
    size_t shared_rows;         /**< rows that sharing has saved */
    int32_t *ids;               /**< [M] */
    int32_t *positions;         /**< [M] */
    int32_t *key_counts;        /**< [M] */
    uint64_t *row_samples;      /**< [M] index in the token file of the row's sample, for dropout */
    int32_t *cu_seqlens;        /**< [B + 1] */
    int32_t *key_rows;          /**< [cu_keys[B]] at most BATCH_KEYS · token_capacity */
    int32_t *cu_keys;           /**< [B + 1] */
    int32_t *pooled;            /**< [B] */
    int32_t *labels;            /**< [B] */
    const float **targets;      /**< [B] each sample's targets, see batch_set_targets(); NULL: it has none */
    uint64_t *sample_ids;       /**< [B] index in the token file */
    int32_t *pooled_positions;  /**< [B] positions[pooled[b]] */
    int32_t *pooled_key_counts; /**< [B] key_counts[pooled[b]] */
    int32_t *pooled_cu_seqlens; /**< [B + 1] 0, 1, … B: the pooled rows alone, one a sample */
    size_t units;
    size_t unit_rows[SEGMENTS_MAX + 1];    /**< where each unit's rows start, and M */
    size_t unit_samples[SEGMENTS_MAX + 1]; /**< where its samples do, and B */
} Batch;

/** How texts become rows; the model says so. */
typedef struct {
    Pooling pooling;
    int32_t pad;         /**< last_token: the head does not read this token at a text's end */
    int32_t end_of_text; /**< padded_end: the token of the added row */
    int32_t positions;   /**< P */
    bool share;          /**< a beginning like the previous sample's is computed once: for inference alone */
} BatchRule;

/** Keys of a batch, shared rows counted once a sample, for each row of its capacity. */
#define BATCH_KEYS 16

Status batch_create(Batch *batch, size_t token_capacity, size_t sample_capacity, Error *error);
void batch_destroy(Batch *batch);

/** The most rows of a micro-batch, in training and evaluation: at least one text of `positions` tokens. */
size_t batch_rows_max(int32_t positions);

/** Rows that a text of `length` tokens takes by itself. */
size_t batch_rows(const BatchRule *rule, size_t length);

/** Whether a text fits into what is left of the batch. */
bool batch_fits(const Batch *batch, const BatchRule *rule, const int32_t *ids, size_t length);

void batch_clear(Batch *batch);
/** Start another unit, for the samples added from now on: at most SEGMENTS_MAX, each with a sample. A cleared batch has
 *  one unit. */
void batch_next_unit(Batch *batch);
/** Add a text of `length` ≥ 1 tokens; tokens past P are dropped. The caller makes sure that its rows fit. */
void batch_add(Batch *batch, const BatchRule *rule, const int32_t *ids, size_t length, int32_t label, uint64_t sample);
/** Give the sample that was added last its targets, one for each label of the model; borrowed until the batch has run. */
void batch_set_targets(Batch *batch, const float *targets);

/** The units as segments of a sum over all rows, or over the pooled ones. Borrowed. */
Segments batch_row_segments(const Batch *batch);
Segments batch_sample_segments(const Batch *batch);

#endif
