#ifndef LINNET_TEXT_JSONL_H
#define LINNET_TEXT_JSONL_H
/** Rows of JSON Lines: an object a line. */
#include "text/row_buffer.h"

/** Read the next object, past blank lines: cell i is the text of the member columns[i], a string decoded in the buffer,
 *  an integer's digits, nothing for null. *more is false at the end of the file. */
Status jsonl_read_row(RowBuffer *buffer, const char *const *columns, size_t count, Row *row, bool *more, Error *error);

#endif
