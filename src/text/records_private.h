#ifndef LINNET_TEXT_RECORDS_PRIVATE_H
#define LINNET_TEXT_RECORDS_PRIVATE_H
/** What a table of records.h is made of; for records.c and records_rows.c. */
#include "linnet/text/records.h"
#include "text/row_buffer.h"

typedef enum { FORMAT_CSV, FORMAT_TSV, FORMAT_JSON, FORMAT_LINES, FORMAT_COUNT } Format;

struct Records {
    ByteSource *source;
    TableOptions options;
    RowBuffer buffer;
    Format format;
    Dialect dialect;
    JsonRows json;
    const char **columns; /**< [count] the names asked for, borrowed */
    size_t *places;       /**< [count] each one's cell in a row */
    size_t count;         /**< of columns asked for */
    size_t width;         /**< cells of a row; 0: not known yet */
    Row row;              /**< the current row, which the next call skips */
    bool told;            /**< a warning of warn_of_rows_in_a_cell() */
    bool waiting;         /**< the current row has been read to learn the width, and is the first one */
    int64_t first_line;   /**< of the header row, or without one of the first row, of cells */
    char **names;         /**< [width] of the header row, one block; NULL: not kept */
    RowText kept;         /**< the current object as it was read */
};

/** Begin at the first byte, before or after the header row. */
Status records_begin(Records *records, Error *error);

/** Keep copies of the cells of the current row, which is the header, as the columns' names. */
Status records_keep_names(Records *records, Error *error);

#endif
