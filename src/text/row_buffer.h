#ifndef LINNET_TEXT_ROW_BUFFER_H
#define LINNET_TEXT_ROW_BUFFER_H
/** A buffer that holds one row of a table's file, the row's cells, and the readers of its formats (csv.c, jsonl.c).
 *  records.c moves the buffer from row to row. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** The file's bytes from `start`, where the current row starts, to `end`. Offsets count from `start`, since reading
 *  more moves the bytes; pointers into the buffer are valid until the next read. */
typedef struct {
    FILE *file;
    const char *path; /**< borrowed */
    char *bytes;
    size_t capacity, start, end;
    bool ended;   /**< the file has no bytes beyond `end` */
    int64_t line; /**< line of `start`, from 1 */
} RowBuffer;

/** Open the file into a buffer of zeros and skip a byte-order mark. Close also after an error. */
Status row_buffer_open(RowBuffer *buffer, const char *path, Error *error);
void row_buffer_close(RowBuffer *buffer);

/** Read more of the file. *more is false at its end. */
Status row_buffer_read(RowBuffer *buffer, bool *more, Error *error);

/** Read until the byte at `offset` is in the buffer; *there is false where the file ends before it. */
Status row_buffer_need(RowBuffer *buffer, size_t offset, bool *there, Error *error);

/** The current row's bytes. */
static inline char *row_buffer_row(const RowBuffer *buffer) {
    return buffer->bytes + buffer->start;
}

/** Pass by `bytes` bytes of `lines` lines. */
static inline void row_buffer_skip(RowBuffer *buffer, size_t bytes, int64_t lines) {
    buffer->start += bytes;
    buffer->line += lines;
}

/** A cell: bytes [at, at + size) of the buffer, and where it starts in the file, both from 1. */
typedef struct {
    size_t at, size;
    int64_t line, column;
} Cell;

typedef struct {
    Cell *cells;
    size_t count, capacity;
    size_t bytes;  /**< of the row in the file, with its line end */
    int64_t lines; /**< that the row takes */
} Row;

Status row_append(Row *row, Cell cell, Error *error);

/** Read the next row of CSV (RFC 4180) or TSV, past blank lines. *more is false at the end of the file. Doubled quotes
 *  become single ones in the buffer. */
Status csv_read_row(RowBuffer *buffer, char separator, Row *row, bool *more, Error *error);

/** Read the next object of JSON Lines, past blank lines: cell i is the text of the member columns[i], a string decoded
 *  in the buffer, an integer's digits, nothing for null. *more is false at the end of the file. */
Status jsonl_read_row(RowBuffer *buffer, const char *const *columns, size_t count, Row *row, bool *more, Error *error);

#endif
