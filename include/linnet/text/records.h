#ifndef LINNET_TEXT_RECORDS_H
#define LINNET_TEXT_RECORDS_H
/** A table of texts, read row by row: CSV (RFC 4180), TSV and JSON Lines, whatever the file's size.
 *
 *  The kind follows from the name's ending: .csv, .tsv, .jsonl or .ndjson. CSV and TSV start with a header row.
 *  Quoted fields may hold separators, doubled quotes and line ends; lines end in LF or CRLF; a byte-order mark is
 *  skipped; the last line may lack its end; a blank line between rows is skipped. In JSON Lines each line is an
 *  object; a string member is its text, a whole number its digits. Errors (STATUS_INPUT) name file, line and
 *  column: invalid UTF-8, an unbalanced quote, text after a closing quote, a row with too many or too few fields,
 *  a missing or repeated column, broken JSON. Memory is one row's. Not collective. */
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

/** Open `path` and find the columns by name. fields of records_next() come in the order of `columns`. */
Status records_open(Records **records, const char *path, const char *const *columns, size_t count, Error *error);

/** Read the next row into fields [count]; *more is false, and fields untouched, at the end of the file. */
Status records_next(Records *records, Field *fields, bool *more, Error *error);

void records_close(Records *records);

#endif
