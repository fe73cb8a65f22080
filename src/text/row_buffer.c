/* The bytes of one row. See row_buffer.h. */
#include "text/row_buffer.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include <inttypes.h>
#include <string.h>

#define FIRST_CAPACITY ((size_t)1 << 16)
/* A longer row is taken for a quote that is never closed. */
#define ROW_MAX_BYTES ((size_t)1 << 30)

Status row_buffer_open_at(RowBuffer *buffer, ByteSource *source, int64_t line, Error *error) {
    *buffer = (RowBuffer){.source = source,
                          .path = byte_source_name(source),
                          .bytes = buffer->bytes,
                          .capacity = buffer->capacity,
                          .line = line,
                          .column = 1};
    if (buffer->bytes) return STATUS_OK;
    buffer->bytes = memory_allocate(FIRST_CAPACITY, 1, error);
    buffer->capacity = buffer->bytes ? FIRST_CAPACITY : 0;
    return error->status;
}

Status row_buffer_open(RowBuffer *buffer, ByteSource *source, Error *error) {
    if (row_buffer_open_at(buffer, source, 1, error)) return error->status;
    bool there;
    if (row_buffer_need(buffer, 0, &there, error)) return error->status;
    if (!there || buffer->bytes[0] != '\xEF') return STATUS_OK; /* no need to wait for more */
    if (row_buffer_need(buffer, 2, &there, error)) return error->status;
    if (there) buffer->start = utf8_mark(buffer->bytes, 3);
    return STATUS_OK;
}

void row_buffer_close(RowBuffer *buffer) {
    memory_free(buffer->bytes);
}

Status row_buffer_read(RowBuffer *buffer, bool *more, Error *error) {
    *more = false;
    if (buffer->ended) return STATUS_OK;
    size_t held = buffer->end - buffer->start;
    if (held >= ROW_MAX_BYTES)
        return error_set(error, STATUS_INPUT,
                         "%s:%" PRId64 ": the row that starts here is longer than 1 GiB; is a closing quote missing?",
                         buffer->path, buffer->line);
    if (buffer->start > 0) {
        memmove(buffer->bytes, buffer->bytes + buffer->start, held);
        buffer->start = 0;
        buffer->end = held;
    }
    if (buffer->capacity - held < BYTE_SOURCE_ROOM) {
        char *bytes = memory_resize(buffer->bytes, held, 2 * buffer->capacity, 1, error);
        if (!bytes) return error->status;
        buffer->bytes = bytes;
        buffer->capacity *= 2;
    }
    size_t got;
    if (byte_source_read(buffer->source, buffer->bytes + held, buffer->capacity - held, &got, error))
        return error->status;
    buffer->end += got;
    buffer->ended = got == 0;
    *more = got > 0;
    return STATUS_OK;
}

Status row_buffer_need(RowBuffer *buffer, size_t offset, bool *there, Error *error) {
    *there = true;
    while (*there && buffer->end - buffer->start <= offset)
        if (row_buffer_read(buffer, there, error)) return error->status;
    return STATUS_OK;
}

/* Whether a line ends in these bytes, the start of a row, outside quotes. */
static bool has_line_end(const char *bytes, size_t size, int quote) {
    bool inside = false;
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)bytes[i] == quote) inside = !inside;
        if (bytes[i] == '\n' && !inside) return true;
    }
    return false;
}

Status row_buffer_ready(RowBuffer *buffer, size_t offset, const char *blank, int quote, bool *ready, Error *error) {
    for (*ready = true; !buffer->ended;) {
        const size_t held = buffer->end - buffer->start;
        size_t at = offset < held ? offset : held;
        while (at < held && row_buffer_row(buffer)[at] && strchr(blank, row_buffer_row(buffer)[at])) at++;
        /* Where there is so much without a line end, rows do not end in lines (an array of JSON). */
        if (held - at >= FIRST_CAPACITY || has_line_end(row_buffer_row(buffer) + at, held - at, quote)) break;
        bool more;
        *ready = byte_source_ready(buffer->source);
        if (!*ready || row_buffer_read(buffer, &more, error)) break;
    }
    return error->status;
}

Status row_append(Row *row, Cell cell, Error *error) {
    if (row->count == row->capacity) {
        size_t capacity = row->capacity ? 2 * row->capacity : 16;
        Cell *cells = memory_resize(row->cells, row->count * sizeof *cells, capacity, sizeof *cells, error);
        if (!cells) return error->status;
        row->cells = cells;
        row->capacity = capacity;
    }
    row->cells[row->count++] = cell;
    return STATUS_OK;
}
