#ifndef LINNET_PREDICT_ROW_CHUNK_H
#define LINNET_PREDICT_ROW_CHUNK_H
/** Rows that are classified by one call, and written. Their number bounds the memory, and the time after which a stop
 *  signal is obeyed. Not collective. */
#include "linnet/predict/predictor.h"
#include "predict/table_rows.h"

enum { CHUNK_ROWS = 256, CHUNK_BYTES = 1 << 20 };

typedef struct {
    OutputFormat format;
    const AnswerColumns *answers; /**< borrowed */
    size_t count;                 /**< of rows */
    char *texts;                  /**< their texts, one after the other */
    size_t texts_size, texts_room;
    size_t *text_ends;  /**< [CHUNK_ROWS] */
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

/** Take the next rows of the part of a table; none: chunk->count is 0. */
Status row_chunk_fill(RowChunk *chunk, TableRows *rows, Error *error);
/** Take samples first … first + count − 1 of a token file, at most CHUNK_ROWS. */
Status row_chunk_load(RowChunk *chunk, Dataset *dataset, int64_t first, int64_t count, Error *error);

/** Classify the rows. STATUS_INPUT names the table and the line. */
Status row_chunk_classify(RowChunk *chunk, Predictor *predictor, const char *name, Error *error);

/** Write them to a stream, whose error flag tells of failures. */
void row_chunk_write(RowChunk *chunk, FILE *file);

#endif
