#ifndef LINNET_TEXT_CSV_H
#define LINNET_TEXT_CSV_H
/** Rows of CSV (RFC 4180) and TSV. */
#include "text/row_buffer.h"

/** Read the next row, past blank lines. *more is false at the end of the file. Doubled quotes become single ones in the
 *  buffer. */
Status csv_read_row(RowBuffer *buffer, char separator, Row *row, bool *more, Error *error);

#endif
