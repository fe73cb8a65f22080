/* Reading a table's file row by row into one buffer. See row_buffer.h. */
#include "text/row_buffer.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define FIRST_CAPACITY ((size_t)1 << 16)
/* A longer row is taken for a quote that is never closed. */
#define ROW_MAX_BYTES ((size_t)1 << 30)

Status row_buffer_open(RowBuffer *buffer, const char *path, Error *error) {
    buffer->path = path;
    buffer->line = 1;
    if (file_open_stream(path, &buffer->file, error)) return error->status;
    buffer->bytes = memory_allocate(FIRST_CAPACITY, 1, error);
    if (!buffer->bytes) return error->status;
    buffer->capacity = FIRST_CAPACITY;
    bool there;
    if (row_buffer_need(buffer, 2, &there, error)) return error->status;
    if (there && memcmp(buffer->bytes, "\xEF\xBB\xBF", 3) == 0) buffer->start = 3;
    return STATUS_OK;
}

void row_buffer_close(RowBuffer *buffer) {
    if (buffer->file) fclose(buffer->file);
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
    if (held == buffer->capacity) {
        char *bytes = memory_resize(buffer->bytes, held, 2 * buffer->capacity, 1, error);
        if (!bytes) return error->status;
        buffer->bytes = bytes;
        buffer->capacity *= 2;
    }
    size_t got = fread(buffer->bytes + held, 1, buffer->capacity - held, buffer->file);
    if (got == 0 && ferror(buffer->file))
        return error_set(error, file_blame(errno), "%s: cannot read: %s", buffer->path, strerror(errno));
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
