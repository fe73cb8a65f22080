#ifndef LINNET_TEXT_TABLES_H
#define LINNET_TEXT_TABLES_H
/** Several tables read as one: the rows of the first file, then those of the next. Errors as in linnet/text/records.h,
 *  with the name of the file that they are in. Not collective. */
#include "linnet/text/records.h"

typedef struct Tables Tables;

/** Open tables of `paths` [count ≥ 1], all written as the options say, and check the header of each: STATUS_INPUT where
 *  one has other columns than the first. The columns may be in another order. All borrowed until tables_close(). With
 *  `twice` tables_rewind() will be called. */
Status tables_open(Tables **tables, char *const *paths, size_t count, const TableOptions *options,
                   const char *const *columns, size_t column_count, bool twice, Error *error);
/** As records_take_lists(), for all tables. */
void tables_take_lists(Tables *tables, size_t column);
void tables_close(Tables *tables); /**< NULL is allowed */

/** The next row, as records_next(); *more is false at the end of the last table. A table without rows is STATUS_INPUT. */
Status tables_next(Tables *tables, Field *fields, bool *more, Error *error);

/** Start again at the first row of the first table. */
Status tables_rewind(Tables *tables, Error *error);

/** Bytes on disk of all tables; 0: not known. */
int64_t tables_size(const Tables *tables);

/** The name of the table of the current row, in messages. */
const char *tables_name(const Tables *tables);

/** What was read; after the last row. The digest of several tables is that of their digests, a line each (what
 *  `sha256sum FILES | cut -c1-64 | sha256sum` prints). */
void tables_source(Tables *tables, TableSource *about);

#endif
