#ifndef LINNET_TEXT_RECORDS_H
#define LINNET_TEXT_RECORDS_H
/** A table of texts, read row by row: CSV (RFC 4180), TSV or JSON Lines, by the name's ending (.csv, .tsv, .jsonl or
 *  .ndjson).
 *
 *  CSV and TSV start with a header row. Quoted fields may hold separators, doubled quotes and line ends. Lines end in
 *  LF or CRLF, the last one may have no end; a byte-order mark and blank lines between rows are skipped. In JSON Lines
 *  each line is an object: a string member gives its text, an integer its digits, null an empty text. Errors are
 *  STATUS_INPUT and name file, line and column: invalid UTF-8, a quote that is not closed, text after a closing quote,
 *  a row with too many or too few fields, a missing or repeated column, invalid JSON. One row is in memory at a time.
 *  Not collective. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Records Records;

typedef struct {
    const char *text; /**< UTF-8, may hold zero bytes; borrowed until the next call */
    size_t size;      /**< bytes */
    int64_t line;     /**< where the field starts, from 1 */
    int64_t column;   /**< bytes from the start of that line, from 1 */
} Field;

/** Open `path` and find the columns by name. The fields of records_next() are in the order of `columns`, whose names
 *  are borrowed until records_close(). */
Status records_open(Records **records, const char *path, const char *const *columns, size_t count, Error *error);

/** Read the next row into fields [count]. At the end of the file *more is false and `fields` stays as it is. */
Status records_next(Records *records, Field *fields, bool *more, Error *error);

void records_close(Records *records);

#endif
