#ifndef LINNET_DATA_BATCH_H
#define LINNET_DATA_BATCH_H
/** A micro-batch: texts packed one behind the other, without padding, with what the model must know of each row.
 *
 *  Three samples of 4, 1 and 3 tokens:
 *   ids        a a a a b c c c        M = 8 rows
 *   positions  0 1 2 3 0 0 1 2
 *   visible    1 2 3 4 1 1 2 3        keys of its own sample that a row sees, itself the last
 *   starts     0 4 5 8
 *   pooled     3 4 7                  the row that the head reads
 *  With POOLING_PADDED_END a sample of T < P tokens gets one more row: the end-of-text token at position P − 1 (P
 *  = n_positions), which sees the T tokens and not itself, and which the head reads (docs/numerics.md says why
 *  that is the padded text exactly). Nobody sees that row.
 *
 *  The samples may be those of several units, whose gradients are summed apart (segments.h). */
#include "linnet/core/error.h"
#include "linnet/core/segments.h"
#include "linnet/data/pooling.h"
#include <stddef.h>
#include <stdint.h>

/** All arrays are owned by the Batch and sized by its capacity. M rows (tokens), B samples. */
typedef struct {
    size_t token_capacity, sample_capacity;
    size_t tokens;              /**< M */
    size_t samples;             /**< B */
    int64_t text_tokens;        /**< tokens of text, without end-of-text rows added here */
    int32_t *ids;               /**< [M] */
    int32_t *positions;         /**< [M] */
    int32_t *key_counts;        /**< [M] */
    uint64_t *row_samples;      /**< [M] the identity of the row's sample (its index in the token file), for dropout */
    int32_t *starts;            /**< [B + 1] */
    int32_t *pooled;            /**< [B] */
    int32_t *labels;            /**< [B] */
    uint64_t *samples_ids;      /**< [B] index in the token file */
    int32_t *pooled_positions;  /**< [B] positions[pooled[b]] */
    int32_t *pooled_key_counts; /**< [B] visible[pooled[b]] */
    int32_t *pooled_cu_seqlens; /**< [B + 1] 0, 1, … B: the pooled rows as a packing of their own, one a sample */
    size_t units;
    size_t unit_rows[SEGMENTS_MAX + 1];    /**< where each unit's rows start, and M */
    size_t unit_samples[SEGMENTS_MAX + 1]; /**< where its samples do, and B */
} Batch;

/** How texts become rows: from the model. */
typedef struct {
    Pooling pooling;
    int32_t pad;         /**< last_token: the token not read as the last */
    int32_t end_of_text; /**< padded_end: the token of the row added */
    int32_t positions;   /**< P */
} BatchRule;

Status batch_create(Batch *batch, size_t token_capacity, size_t sample_capacity, Error *error);
void batch_destroy(Batch *batch);

/** Rows that a text of `length` tokens takes. */
size_t batch_rows(const BatchRule *rule, size_t length);

void batch_clear(Batch *batch);
/** What is added from now on is another unit's: at most SEGMENTS_MAX, each with a sample. A cleared batch has one. */
void batch_next_unit(Batch *batch);
/** Add a text of `length` ≥ 1 tokens; tokens past P are cut off. The caller has made sure that it fits. */
void batch_add(Batch *batch, const BatchRule *rule, const uint16_t *ids, size_t length, int32_t label, uint64_t sample);

/** The units as segments of a sum over all rows, or over the pooled ones. Borrowed. */
Segments batch_row_segments(const Batch *batch);
Segments batch_sample_segments(const Batch *batch);

#endif
