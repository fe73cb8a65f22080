#ifndef LINNET_PREDICT_ROW_CHUNK_H
#define LINNET_PREDICT_ROW_CHUNK_H
/** Rows that are classified by one call, and written: the more there are, the more of them begin alike and share the work
 *  (predictor.h). Their number bounds the memory. Not collective. */
#include "linnet/predict/predictor.h"
#include "predict/table_rows.h"

enum { CHUNK_ROWS = 8192, CHUNK_BYTES = 2 << 20 };

typedef struct {
    OutputFormat format;
    const AnswerColumns *answers; /**< borrowed */
    size_t count;                 /**< of rows */
    char *texts;                  /**< their texts, one after the other */
    size_t texts_size, texts_room;
    size_t *text_ends;  /**< [CHUNK_ROWS] of each row's text in texts, which a second one may follow, up to … */
    size_t *row_ends;   /**< [CHUNK_ROWS] … here */
    bool pairs;         /**< there are second texts */
    int64_t *lines;     /**< [CHUNK_ROWS] where the texts are */
    PredictText *views; /**< [CHUNK_ROWS] */
    FILE *cells;        /**< what is written of the rows before the answers, in memory */
    char *cells_text;   /**< its bytes after a flush */
    size_t cells_size;
    size_t *cell_ends;     /**< [CHUNK_ROWS] */
    Samples samples;       /**< of a token file */
    int32_t *best;         /**< [CHUNK_ROWS] */
    double *probabilities; /**< [CHUNK_ROWS, labels] */
    int64_t overflows;     /**< rows so far whose probabilities are not numbers */
} RowChunk;

Status row_chunk_create(RowChunk *chunk, OutputFormat format, const AnswerColumns *answers, Error *error);
void row_chunk_destroy(RowChunk *chunk); /**< also after a failed row_chunk_create() */

void row_chunk_clear(RowChunk *chunk);

/** Add the next rows of the part of a table, up to CHUNK_ROWS in the chunk and about `bytes` bytes of them. */
Status row_chunk_fill(RowChunk *chunk, TableRows *rows, size_t bytes, Error *error);
/** Take samples `indices` [count], rising, of a token file in place of what the chunk holds; at most CHUNK_ROWS. */
Status row_chunk_load(RowChunk *chunk, Dataset *dataset, const int64_t *indices, int64_t count, Error *error);

/** Classify the rows. STATUS_INPUT names the table and the line; STATUS_STOPPED: `watch` (predictor.h) said so. */
Status row_chunk_classify(RowChunk *chunk, Predictor *predictor, const char *name, const PredictWatch *watch,
                          Error *error);

/** Write rows first … end − 1 to a stream, whose error flag tells of failures. */
void row_chunk_write(const RowChunk *chunk, size_t first, size_t end, FILE *file);

#endif
