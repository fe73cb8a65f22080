#ifndef LINNET_OPTIM_SPARSE_EMBEDDING_H
#define LINNET_OPTIM_SPARSE_EMBEDDING_H
/** A sparse embedding: an embedding's weight in training, whose gradient has few rows that are not zero. Only those are
 *  summed, sent and updated, and only rows ever touched have moments. This is exact: a row never touched has a zero
 *  gradient and zero moments, and AdamW leaves it as it is (with weight decay it shrinks, which every rank does by
 *  itself).
 *
 *  Row id belongs to rank id mod ranks. The rows of an update are listed by owner, then id, so that each owner's
 *  lie together. */
#include "linnet/comm/world.h"
#include "linnet/core/error.h"
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const World *world; /**< borrowed */
    size_t rows, width; /**< of the complete embedding */
    int32_t *ids;       /**< [count] rows touched in this update by any rank, by owner and id */
    size_t count;
    size_t capacity;    /**< the most rows an update can touch */
    int32_t *row_index; /**< [rows] place of a row in ids; −1 when not in this update */
    size_t *cuts;       /**< [ranks + 1] where each owner's rows start in ids */
    uint8_t *touched;   /**< [rows] 1 for rows ever touched by any rank */
    int32_t *owned;     /**< [owned_count] rows of this rank ever touched, in no order that matters */
    size_t owned_count;
    float *m, *v; /**< moments of this rank's rows: row id at id / ranks; untouched ones take no memory */
    /* scratch of the all-gathers */
    uint8_t *seen;     /**< [rows] 1 for rows in mine */
    int32_t *mine;     /**< [rows] this rank's own rows of the next update */
    int32_t *gathered; /**< [capacity · ranks] the rows of all ranks */
    size_t gathered_count;
    int *counts, *places;     /**< [ranks] */
    float *packed, *received; /**< rows on their way between ranks; untouched pages take no memory */
} SparseEmbedding;

/** An embedding of rows × width of which an update touches at most `capacity` rows over all ranks. Not collective. */
Status sparse_embedding_create(SparseEmbedding *embedding, const World *world, size_t rows, size_t width,
                               size_t capacity, Error *error);
void sparse_embedding_destroy(SparseEmbedding *embedding);

/** Agree on the rows of the next update: ids [count] are this rank's (repeats allowed). What is known of the update
 *  under way stays. Collective. */
void sparse_embedding_list(SparseEmbedding *embedding, const int32_t *ids, size_t count);

/** Begin the update whose rows were listed last. Not collective. */
void sparse_embedding_begin(SparseEmbedding *embedding);

/** Rows ever touched, by owner, then id, into ids (NULL: none); returns their number, the same on all ranks. Not
 *  collective. */
size_t sparse_embedding_touched(const SparseEmbedding *embedding, int32_t *ids);

/** Mark rows as touched before (when resuming): ids [count] of all ranks. Not collective. */
void sparse_embedding_restore(SparseEmbedding *embedding, const int32_t *ids, size_t count);

/** Give every rank the rows that their owners have updated in `values` [rows, width], this rank's private copy.
 *  Collective. */
void sparse_embedding_all_gather(SparseEmbedding *embedding, float *values);

/** Place of a row's moments in m and v, in floats; for the row's owner. */
size_t sparse_embedding_moment(const SparseEmbedding *embedding, int32_t id);

#endif
