#ifndef LINNET_DATA_LOADER_CHUNK_H
#define LINNET_DATA_LOADER_CHUNK_H
/** A prefetch chunk of global batches, and what reads it. Private to loader.c and loader_chunk.c. */
#include "linnet/data/loader.h"

/** Consecutive global batches of an epoch, loaded. */
typedef struct {
    int64_t epoch, first, end; /**< global batches first … end − 1; none in a prefetch chunk of zeros */
    int32_t *lengths;          /**< [samples of a prefetch chunk] of all ranks' samples, in the epoch's order */
    int64_t *
        place; /**< [global batches of a prefetch chunk] where in `loaded` this rank's samples of a global batch start */
    Samples loaded; /**< this rank's samples */
} Chunk;

/** Used by one thread at a time. */
typedef struct {
    Dataset *dataset; /**< borrowed */
    LoaderPlan plan;
    int64_t samples;         /**< of the data set */
    int64_t steps_per_epoch; /**< of an epoch */
    int64_t chunk;           /**< global batches of a prefetch chunk */
    int64_t *order;          /**< [samples] of epoch order_epoch, or NULL: computed entry by entry */
    int64_t order_epoch;     /**< −1: none yet */
    int64_t *indices;        /**< [samples of a prefetch chunk] */
    int64_t *unit_starts;    /**< [units + 1] */
} ChunkReader;

/** Global batches of a prefetch chunk. */
int64_t chunk_batches(int64_t samples, const LoaderPlan *plan);
/** Samples that a prefetch chunk of a reader has at the most. */
int64_t chunk_samples(const ChunkReader *reader);

/** Fill in a reader of zeros. Free also after an error. */
Status chunk_reader_create(ChunkReader *reader, Dataset *dataset, const LoaderPlan *plan, Error *error);
void chunk_reader_free(ChunkReader *reader);

/** Room for a prefetch chunk, from zeros. Free also after an error. */
Status chunk_create(Chunk *chunk, const ChunkReader *reader, Error *error);
void chunk_free(Chunk *chunk);

bool chunk_holds(const Chunk *chunk, int64_t epoch, int64_t global_batch);

/** Read the global batches of an epoch from `first` on. After an error the prefetch chunk still names them. */
Status chunk_read(ChunkReader *reader, Chunk *chunk, int64_t epoch, int64_t first, Error *error);

/** Cut a global batch of a prefetch chunk: unit_starts [units + 1] is written and lent to *global batch; this rank's samples are then
 *  positions *first … *end − 1. */
void chunk_cut(const ChunkReader *reader, const Chunk *chunk, int64_t index, int64_t *unit_starts,
               GlobalBatch *global_batch, int64_t *first, int64_t *end);

#endif
