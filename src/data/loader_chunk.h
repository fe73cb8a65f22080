#ifndef LINNET_DATA_LOADER_CHUNK_H
#define LINNET_DATA_LOADER_CHUNK_H
/** A span of windows, and what reads it. Private to loader.c and loader_chunk.c. */
#include "linnet/data/loader.h"

/** Consecutive windows of an epoch, loaded. */
typedef struct {
    int64_t epoch, first, end; /**< windows first … end − 1; none in a span of zeros */
    int32_t *lengths;          /**< [samples of a span] of all ranks' samples, in the epoch's order */
    int64_t *place;            /**< [windows of a span] where in `loaded` this rank's samples of a window start */
    Samples loaded;            /**< this rank's samples */
} Span;

/** Used by one thread at a time. */
typedef struct {
    Dataset *dataset; /**< borrowed */
    FeedPlan plan;
    int64_t samples;      /**< of the data set */
    int64_t windows;      /**< of an epoch */
    int64_t span;         /**< windows of a span */
    int64_t *order;       /**< [samples] of epoch order_epoch, or NULL: computed entry by entry */
    int64_t order_epoch;  /**< −1: none yet */
    int64_t *indices;     /**< [samples of a span] */
    int64_t *unit_starts; /**< [units + 1] */
} SpanReader;

/** Windows of a span. */
int64_t span_windows(int64_t samples, const FeedPlan *plan);
/** Samples that a span of a reader has at the most. */
int64_t span_samples(const SpanReader *reader);

/** Fill in a reader of zeros. Free also after an error. */
Status span_reader_create(SpanReader *reader, Dataset *dataset, const FeedPlan *plan, Error *error);
void span_reader_free(SpanReader *reader);

/** Room for a span, from zeros. Free also after an error. */
Status span_create(Span *span, const SpanReader *reader, Error *error);
void span_free(Span *span);

bool span_holds(const Span *span, int64_t epoch, int64_t window);

/** Read the windows of an epoch from `first` on. After an error the span still names them. */
Status span_read(SpanReader *reader, Span *span, int64_t epoch, int64_t first, Error *error);

/** Cut a window of a span: unit_starts [units + 1] is written and lent to *window; this rank's samples are then
 *  positions *first … *end − 1. */
void span_cut(const SpanReader *reader, const Span *span, int64_t index, int64_t *unit_starts, Window *window,
              int64_t *first, int64_t *end);

#endif
