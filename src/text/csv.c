/* Rows of CSV, TSV and lines. See row_buffer.h. */
#include "linnet/core/integers.h"
#include "linnet/core/utf8.h"
#include "text/row_buffer.h"
#include <inttypes.h>
#include <string.h>

/* The reader's place in a row. Offsets count from the row's start. */
typedef struct {
    RowBuffer *buffer;
    Dialect *dialect;
    size_t at;
    int64_t line;
    int64_t line_start; /**< offset of the current line's start */
} Reader;

static char *bytes_of(const Reader *reader) {
    return row_buffer_row(reader->buffer);
}

static int64_t column_of(const Reader *reader, size_t offset) {
    return (int64_t)offset - reader->line_start + 1;
}

/* Check that the bytes from `from` to the reader's place are UTF-8, and count the lines that end in them. */
static Status check_utf8(Reader *reader, size_t from, Error *error) {
    const char line_end = reader->dialect->carriage_return == CR_ENDS_LINES ? '\r' : '\n';
    const char *bytes = bytes_of(reader);
    size_t bad = from + utf8_valid_length(bytes + from, reader->at - from);
    for (const char *at = bytes + from; (at = memchr(at, line_end, (size_t)(bytes + bad - at))); at++) {
        reader->line++;
        reader->line_start = at - bytes + 1;
    }
    if (bad == reader->at) return STATUS_OK;
    return error_set(error, STATUS_INPUT,
                     "%s:%" PRId64 ":%" PRId64
                     ": byte 0x%02X is not UTF-8: name the encoding, such as --encoding cp1252 "
                     "(--encoding-errors replace puts U+FFFD in its place)",
                     reader->buffer->path, reader->line, column_of(reader, bad), (unsigned)(unsigned char)bytes[bad]);
}

/* Bytes of the line end at `offset`: 1 for LF, 2 for CRLF, 0 if there is none. A CR that ends the table counts, and
 * every CR where the first line ends in one. */
static Status line_end_at(Reader *reader, size_t offset, size_t *length, Error *error) {
    CarriageReturn *meaning = &reader->dialect->carriage_return;
    *length = 0;
    bool there;
    if (row_buffer_need(reader->buffer, offset, &there, error)) return error->status;
    if (!there) return STATUS_OK;
    const char byte = bytes_of(reader)[offset];
    if (byte == '\n') *length = 1;
    if (byte == '\r') {
        if (row_buffer_need(reader->buffer, offset + 1, &there, error)) return error->status;
        const bool before_lf = there && bytes_of(reader)[offset + 1] == '\n';
        if (there && !before_lf && *meaning == CR_UNKNOWN) *meaning = CR_ENDS_LINES;
        *length = before_lf ? 2 : !there || *meaning == CR_ENDS_LINES ? 1 : 0;
    }
    if (*length > 0 && *meaning == CR_UNKNOWN) *meaning = CR_IS_TEXT;
    return STATUS_OK;
}

/* Whether the separator stands at the reader's place. */
static Status at_separator(Reader *reader, bool *is, Error *error) {
    const Dialect *dialect = reader->dialect;
    *is = dialect->separator_size > 0;
    if (!*is || row_buffer_need(reader->buffer, reader->at + dialect->separator_size - 1, is, error) || !*is)
        return error->status;
    *is = memcmp(bytes_of(reader) + reader->at, dialect->separator, dialect->separator_size) == 0;
    return STATUS_OK;
}

/* Move to the next byte that a separator starts with, LF or CR, or to the end of the bytes in the buffer. */
static void pass_plain_bytes(Reader *reader) {
    const char first = reader->dialect->separator_size > 0 ? reader->dialect->separator[0] : '\n';
    const char *at = bytes_of(reader) + reader->at, *end = reader->buffer->bytes + reader->buffer->end;
    while (at < end && *at != first && *at != '\n' && *at != '\r') at++;
    reader->at = (size_t)(at - bytes_of(reader));
}

/* A field without quotes: up to the separator, the line's end or the file's. A quote inside it is plain text, and
 * so is a CR without LF. */
static Status read_plain(Reader *reader, Cell *cell, Error *error) {
    size_t from = reader->at;
    for (bool there;; reader->at++) {
        pass_plain_bytes(reader);
        if (row_buffer_need(reader->buffer, reader->at, &there, error)) return error->status;
        if (!there) break;
        bool separator = false;
        size_t end = 0;
        if (at_separator(reader, &separator, error) || line_end_at(reader, reader->at, &end, error))
            return error->status;
        if (separator || end > 0) break;
    }
    *cell = (Cell){.at = from, .size = reader->at - from, .line = reader->line, .column = column_of(reader, from)};
    return check_utf8(reader, from, error);
}

/* Move on to the next quote; the text before it is checked and its lines are counted. */
static Status find_quote(Reader *reader, const Cell *cell, Error *error) {
    size_t from = reader->at, searched = from;
    const char *quote = NULL;
    const int mark = reader->dialect->quote;
    for (bool there = true; there && !quote;) {
        size_t held = reader->buffer->end - reader->buffer->start;
        if (held > searched) quote = memchr(bytes_of(reader) + searched, mark, held - searched);
        searched = size_max(held, searched);
        if (!quote && row_buffer_need(reader->buffer, searched, &there, error)) return error->status;
    }
    if (!quote)
        return error_set(error, STATUS_INPUT,
                         "%s:%" PRId64 ":%" PRId64
                         ": the closing quote is missing (if quotes mean nothing here, add --quote none)",
                         reader->buffer->path, cell->line, cell->column);
    reader->at = (size_t)(quote - bytes_of(reader));
    return check_utf8(reader, from, error);
}

/* A field in quotes; `at` stands on the opening one. The text moves down over undoubled quotes. */
static Status read_quoted(Reader *reader, Cell *cell, Error *error) {
    const char mark = (char)reader->dialect->quote;
    *cell = (Cell){.at = reader->at + 1, .line = reader->line, .column = column_of(reader, reader->at)};
    for (bool doubled = true; doubled;) {
        size_t from = ++reader->at;
        if (find_quote(reader, cell, error)) return error->status;
        memmove(bytes_of(reader) + cell->at + cell->size, bytes_of(reader) + from, reader->at - from);
        cell->size += reader->at - from;
        reader->at++;
        bool there;
        if (row_buffer_need(reader->buffer, reader->at, &there, error)) return error->status;
        doubled = there && bytes_of(reader)[reader->at] == mark;
        if (doubled) bytes_of(reader)[cell->at + cell->size++] = mark;
    }
    return STATUS_OK;
}

/* Pass the end of a field: *more where it is a separator, else the row has ended. */
static Status pass_field_end(Reader *reader, bool *more, Error *error) {
    bool there;
    *more = false;
    if (row_buffer_need(reader->buffer, reader->at, &there, error)) return error->status;
    if (!there || at_separator(reader, more, error)) return error->status;
    if (*more) {
        reader->at += reader->dialect->separator_size;
        return STATUS_OK;
    }
    size_t end;
    if (line_end_at(reader, reader->at, &end, error)) return error->status;
    if (end == 0)
        return error_set(
            error, STATUS_INPUT,
            "%s:%" PRId64 ":%" PRId64
            ": expected a separator or a line end after the closing quote; double a quote inside quotes, or add "
            "--quote none if quotes mean nothing here",
            reader->buffer->path, reader->line, column_of(reader, reader->at));
    reader->at += end;
    reader->line++;
    return STATUS_OK;
}

static Status skip_blank_lines(Reader *reader, Error *error) {
    for (size_t end = 1; end > 0;) {
        if (line_end_at(reader, 0, &end, error)) return error->status;
        row_buffer_skip(reader->buffer, end, end > 0);
    }
    return STATUS_OK;
}

Status csv_read_row(RowBuffer *buffer, Dialect *dialect, Row *row, bool *more, Error *error) {
    Reader reader = {.buffer = buffer, .dialect = dialect};
    row->count = 0;
    if (!dialect->keeps_blank && skip_blank_lines(&reader, error)) return error->status;
    reader.line = buffer->line;
    if (row_buffer_need(buffer, 0, more, error) || !*more) return error->status;
    for (bool another = true; another;) {
        Cell cell;
        bool there;
        if (row_buffer_need(buffer, reader.at, &there, error)) return error->status;
        bool quoted = there && (unsigned char)bytes_of(&reader)[reader.at] == dialect->quote;
        if (quoted ? read_quoted(&reader, &cell, error) : read_plain(&reader, &cell, error)) return error->status;
        if (row_append(row, cell, error) || pass_field_end(&reader, &another, error)) return error->status;
    }
    row->bytes = reader.at;
    row->lines = reader.line - buffer->line;
    return STATUS_OK;
}
