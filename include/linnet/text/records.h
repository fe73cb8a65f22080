#ifndef LINNET_TEXT_RECORDS_H
#define LINNET_TEXT_RECORDS_H
/** A table of texts, read row by row: CSV (RFC 4180), TSV, JSON (Lines, or an array of objects) or plain lines.
 *  docs/reference/formats.md says what is accepted.
 *
 *  CSV and TSV start with a header row, unless the options say otherwise. Quoted fields may hold separators, doubled
 *  quotes and line ends. Lines end in LF or CRLF, or in CR where the first one does; the last one may have no end. A
 *  byte-order mark and blank lines between rows are skipped. A line `sep=;` before the header (Excel) names the
 *  separator. In JSON each row is an object: a string member gives its text; a number, true or false as they are
 *  written; null an empty text. One row is in memory at a time. Errors are STATUS_INPUT and name file, line and column.
 *  Not collective. */
#include "linnet/core/digest.h"
#include "linnet/core/error.h"
#include "linnet/text/division.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Records Records;

/** How a table is written; the names of pandas' read_csv and datasets' load_dataset in brackets. NULL and false: as
 *  usual. All borrowed. */
typedef struct {
    const char *format;          /**< "csv", "tsv", "json" (Lines or array) or "lines"; usual: by the name's ending */
    const char *separator;       /**< one character, or "tab" (sep, delimiter); usual: `,`, for TSV a tab */
    const char *quote;           /**< one character, or "none" (quotechar; quoting=3); usual: `"` */
    bool no_header;              /**< columns have numbers only, from 0 (header=None) */
    const char *field;           /**< the JSON object's member that is the array of rows (field) */
    const char *encoding;        /**< a name that iconv knows, or Python's (encoding); usual: UTF-8, or as the
                                      byte-order mark says */
    const char *encoding_errors; /**< "strict", or "replace": U+FFFD in place of bytes that are not in the encoding
                                      (encoding_errors); usual: strict */
    const char *name;            /**< of the table in messages; usual: its path */
} TableOptions;

typedef struct {
    const char *text; /**< UTF-8, may hold zero bytes; borrowed until the next call */
    size_t size;      /**< bytes */
    int64_t line;     /**< where the field starts, from 1 */
    int64_t column;   /**< bytes from the start of that line, from 1 */
    bool null;        /**< JSON's null */
} Field;

/** What a table was read from. */
typedef struct {
    char digest[DIGEST_TEXT]; /**< SHA-256 of its bytes, as they are compressed and encoded */
    int64_t size;             /**< of those, in bytes */
    int64_t replaced;         /**< U+FFFD written by "replace" */
} TableSource;

/** Open `path`, or standard input for "-", and find the columns: each by its name in the header row, else by its number
 *  from 0. The fields of records_next() are in the order of `columns`, whose names are borrowed until records_close().
 *  `twice`: records_rewind() will be called. Content that is gzip or zstd is decompressed; a name may end in .gz or .zst. */
Status records_open(Records **records, const char *path, const TableOptions *options, const char *const *columns,
                    size_t count, bool twice, Error *error);

/** Read the next row into fields [count]. At the end of the file *more is false and `fields` stays as it is. */
Status records_next(Records *records, Field *fields, bool *more, Error *error);

/** Whether the next row can be read without waiting: a line end outside quotes is at hand, or the table's end. Reads
 *  what is waiting in a pipe, so that the current row's fields are no longer valid. Of a compressed table it is always
 *  true. */
Status records_ready(Records *records, bool *ready, Error *error);

/** Start again at the first row. */
Status records_rewind(Records *records, Error *error);

/** The table's size on disk in bytes, compressed or not; 0: not known. */
int64_t records_size(const Records *records);

/** What was read; after the last row. STATUS_INPUT where the file changed its size while it was read. */
Status records_source(Records *records, TableSource *about, Error *error);

/** Take arrays of JSON in this column, too: as they are written. Before the first row. */
void records_take_lists(Records *records, size_t column);

/** Keep each row of JSON as it is written; before the first one. */
void records_keep(Records *records);
/** The current row of JSON as it is written: an object, which is valid JSON. Borrowed until the next call. */
const char *records_object(const Records *records, size_t *size);

/** The columns of CSV, TSV or lines: their number. 0 in a table of JSON, whose rows may differ. */
size_t records_width(const Records *records);
bool records_is_lines(const Records *records);
/** The name of such a column in the header row, borrowed until records_close(); NULL in a table without a header row. */
const char *records_column(const Records *records, size_t column);
/** Its cell in the current row. */
Field records_cell(const Records *records, size_t column);

/** How the table may be divided by bytes, after the first row has been read; *size is the bytes of the table, −1 where
 *  it is not a regular file. DIVISION_NONE: only reading from the start tells where rows are: compressed, in an
 *  encoding whose characters have several bytes (but for UTF-8), lines that end in CR alone, JSON that is an array, and
 *  more than one blank line at the start. */
Division records_division(const Records *records, int64_t *size);

/** Go on with the rows of this part of a divided table. */
Status records_part(Records *records, const DivisionPart *part, Error *error);

/** The line on which the current row starts. */
int64_t records_line(const Records *records);
/** Bytes of the current row, in UTF-8. */
size_t records_row_bytes(const Records *records);

/** The table's name in messages: its path, or "standard input". */
const char *records_name(const Records *records);

void records_close(Records *records);

#endif
