#ifndef LINNET_PREDICT_TABLE_ROWS_H
#define LINNET_PREDICT_TABLE_ROWS_H
/** The rows of the input, whatever it is (a table of linnet/text/records.h or a token file), by parts. Not collective. */
#include "linnet/data/dataset.h"
#include "linnet/text/records.h"
#include "predict/table_output.h"

typedef struct TableRows TableRows;

/** A part of the input. Of a table that is divided by bytes: `bytes`. Else rows first … first + rows − 1. */
typedef struct {
    DivisionPart bytes;
    int64_t first, rows;
} TablePart;

/** Open the input and read its first row. pair_column: of second texts, NULL: there are none. `format`: what the rows
 *  will be written as. */
Status table_rows_open(TableRows **rows, const char *path, const TableOptions *options, const char *text_column,
                       const char *pair_column, OutputFormat format, Error *error);
void table_rows_close(TableRows *rows); /**< NULL is allowed */

/** The columns that are written, borrowed; of JSON, the members of the first row. */
size_t table_rows_columns(const TableRows *rows, const char *const **names);

/** The names of the added columns, which no member of an object that is written as it is may have. Borrowed. */
void table_rows_refuse(TableRows *rows, const AnswerColumns *answers);

/** The token file, or NULL for a table. */
Dataset *table_rows_dataset(const TableRows *rows);
/** How a table is divided; *size is its bytes. */
Division table_rows_division(const TableRows *rows, int64_t *size);
const char *table_rows_name(const TableRows *rows);

/** Go to the first row of a part. For a table only. */
Status table_rows_part(TableRows *rows, const TablePart *part, Error *error);
/** Read the next row of the part; after `part` NULL, the next row of the table, without an end. */
Status table_rows_next(TableRows *rows, bool *more, Error *error);

/** The current row: its text, the line of the file, its bytes in UTF-8; its cells written to a stream, after which the
 *  answer may follow. */
Field table_rows_text(const TableRows *rows);
/** Its second text; NULL where the table has none. Borrowed until the next row. */
const Field *table_rows_pair(const TableRows *rows);
size_t table_rows_bytes(const TableRows *rows);
void table_rows_write(const TableRows *rows, FILE *file);

/** After the last row of a table that was read from its start to its end. */
Status table_rows_source(TableRows *rows, TableSource *about, Error *error);

#endif
