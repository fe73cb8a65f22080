#ifndef LINNET_TEXT_ROW_READER_H
#define LINNET_TEXT_ROW_READER_H
/** What the readers of records.c share: a window on the file that holds one row, and the row's cells. */
#include "linnet/core/error.h"
#include "linnet/text/records.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** The file's bytes from `start` (where the row under work starts) to `end`. Offsets count from `start`, since
 *  filling moves the bytes; pointers into it hold only until the next fill. */
typedef struct {
    FILE *file;
    const char *path;
    char *bytes;
    size_t capacity, start, end;
    bool ended;   /**< no bytes beyond `end` in the file */
    int64_t line; /**< line of `start`, from 1 */
} RowWindow;

/** Read more of the file. *more is false when there is none. */
Status rows_fill(RowWindow *window, bool *more, Error *error);

/** Make sure that the byte at `offset` is in the window; *there is false when the file ends before it. */
Status rows_need(RowWindow *window, size_t offset, bool *there, Error *error);

/** Refuse bytes [from, to) of the window if they are not UTF-8. The line of `from` and the offset at which that
 *  line starts serve the error. */
Status rows_check_utf8(const RowWindow *window, size_t from, size_t to, int64_t line, int64_t line_start, Error *error);

/** A cell of a row: bytes [at, at + size) of the window. */
typedef struct {
    size_t at, size;
    int64_t line, column;
} Cell;

typedef struct {
    Cell *cells;
    size_t count, capacity;
} Row;

Status row_append(Row *row, Cell cell, Error *error);

/** Read the next row of CSV or TSV, past blank lines; *length is its bytes with the line's end, *lines the lines
 *  it spans. *more is false at the end of the file. Doubled quotes are undoubled in the window. */
Status csv_read_row(RowWindow *window, char separator, Row *row, size_t *length, int64_t *lines, bool *more,
                    Error *error);

/** Decode the JSON object in bytes [0, length) of the window (one line, without its end), in place, and give the
 *  members named `columns` [count] as fields. */
Status jsonl_read_object(RowWindow *window, size_t length, const char *const *columns, size_t count, Field *fields,
                         Error *error);

#endif
