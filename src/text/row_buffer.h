#ifndef LINNET_TEXT_ROW_BUFFER_H
#define LINNET_TEXT_ROW_BUFFER_H
/** A buffer that holds one row of a table, the row's cells, and the readers of its formats (csv.c, json_rows.c).
 *  records.c moves the buffer from row to row. */
#include "linnet/core/error.h"
#include "text/byte_source.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The table's bytes from `start`, where the current row starts, to `end`. Offsets count from `start`, since reading
 *  more moves the bytes; pointers into the buffer are valid until the next read. */
typedef struct {
    ByteSource *source; /**< borrowed */
    const char *path;   /**< the source's name */
    char *bytes;
    size_t capacity, start, end;
    bool ended;     /**< the table has no bytes beyond `end` */
    int64_t line;   /**< line of `start`, from 1 */
    int64_t column; /**< place of `start` in that line, in bytes from 1 */
} RowBuffer;

/** Start with an open source, into a buffer of zeros or one that was used before, and skip a byte-order mark. Close
 *  also after an error. */
Status row_buffer_open(RowBuffer *buffer, ByteSource *source, Error *error);
/** Start in the middle of a table, at the start of this line: what looks like a byte-order mark is text. */
Status row_buffer_open_at(RowBuffer *buffer, ByteSource *source, int64_t line, Error *error);
void row_buffer_close(RowBuffer *buffer);

/** Read more of the table. *more is false at its end. */
Status row_buffer_read(RowBuffer *buffer, bool *more, Error *error);

/** Read until the byte at `offset` is in the buffer; *there is false where the table ends before it. */
Status row_buffer_need(RowBuffer *buffer, size_t offset, bool *there, Error *error);

/** Read what is waiting until a line end outside quotes (a byte, or −1: none) follows after the first `offset` bytes,
 *  which the row may have, and the bytes of `blank`, which stand between rows. *ready is false where there is none, and
 *  more would have to be waited for. */
Status row_buffer_ready(RowBuffer *buffer, size_t offset, const char *blank, int quote, bool *ready, Error *error);

/** The current row's bytes. */
static inline char *row_buffer_row(const RowBuffer *buffer) {
    return buffer->bytes + buffer->start;
}

/** Pass by `bytes` bytes of `lines` lines, to the start of a line. */
static inline void row_buffer_skip(RowBuffer *buffer, size_t bytes, int64_t lines) {
    buffer->start += bytes;
    buffer->line += lines;
}

/** A cell: bytes [at, at + size) of the buffer, and where it starts in the table, both from 1. */
typedef struct {
    size_t at, size;
    int64_t line, column;
    bool null; /**< JSON's */
} Cell;

typedef struct {
    Cell *cells;
    size_t count, capacity;
    size_t bytes;  /**< of the row in the table, with its line end */
    int64_t lines; /**< that the row takes */
} Row;

Status row_append(Row *row, Cell cell, Error *error);

typedef enum {
    CR_UNKNOWN, /**< the first line end decides */
    CR_IS_TEXT, /**< a CR ends a line only before LF */
    CR_ENDS_LINES
} CarriageReturn;

/** How a table of cells is written. */
typedef struct {
    char separator[4];
    size_t separator_size; /**< bytes of that character; 0: a line is one cell */
    int quote;             /**< a byte, or −1: none */
    bool keeps_blank;      /**< a blank line is a row */
    CarriageReturn carriage_return;
} Dialect;

/** Read the next row of CSV (RFC 4180), TSV or lines. *more is false at the end. Doubled quotes become single ones in
 *  the buffer. */
Status csv_read_row(RowBuffer *buffer, Dialect *dialect, Row *row, bool *more, Error *error);

/** A row's text, kept beside the buffer, whose strings are decoded in place. Freed by the owner. */
typedef struct {
    char *bytes;
    size_t size, capacity;
} RowText;

/** The state of a JSON reader; zeros with the names of columns and field at the start. */
typedef struct {
    const char *const *columns; /**< [count] */
    size_t count;
    const char *field; /**< the member that is the array of rows, or NULL */
    enum {
        JSON_START,
        JSON_SEQUENCE,
        JSON_ARRAY,
        JSON_END
    } place;    /**< in objects one after the other, or in an array */
    bool some;  /**< a row has been read */
    bool lists; /**< the column list_column may hold arrays */
    size_t list_column;
    RowText *kept; /**< becomes each object as it is written; NULL: not wanted */
} JsonRows;

/** Read the next object: cell i is the text of the member columns[i], a string decoded in the buffer, a number, true or
 *  false as it is written, nothing for null. *more is false at the end. */
Status json_read_row(RowBuffer *buffer, JsonRows *rows, Row *row, bool *more, Error *error);

#endif
