/* Rows of JSON Lines. See row_buffer.h. */
#include "linnet/core/json_scan.h"
#include "text/row_buffer.h"
#include <inttypes.h>
#include <string.h>

/* What is known of a line while it is scanned. */
typedef struct {
    RowBuffer *buffer;
    const char *const *columns;
    size_t count;
    Row *row;
    size_t column; /* of the last key of the object; `count`: not asked for */
    char names[256];
    Error *error;
} Object;

static void fault(const Object *object, size_t at, const char *what) {
    error_set(object->error, STATUS_INPUT, "%s:%" PRId64 ":%zu: %s", object->buffer->path, object->buffer->line, at + 1,
              what);
}

static void fault_member(const Object *object, size_t at, const char *what) {
    error_set(object->error, STATUS_INPUT, "%s:%" PRId64 ":%zu: member `%s` %s", object->buffer->path,
              object->buffer->line, at + 1, object->columns[object->column], what);
}

static void take_key(Object *object, const JsonItem *item) {
    char *string = row_buffer_row(object->buffer) + item->at;
    size_t size = json_decode(string, item->size);
    error_list(object->names, sizeof object->names, string + 1, size);
    for (object->column = 0; object->column < object->count; object->column++) {
        const char *name = object->columns[object->column];
        if (strlen(name) == size && memcmp(name, string + 1, size) == 0) break;
    }
    if (object->column < object->count && object->row->cells[object->column].line > 0)
        fault_member(object, item->at, "appears twice");
}

static void take_value(const Object *object, const JsonItem *item) {
    Cell cell = {item->at, item->kind == JSON_NULL ? 0 : item->size, object->buffer->line, (int64_t)item->at + 1};
    if (item->kind == JSON_OBJECT || item->kind == JSON_OTHER)
        fault_member(object, item->at, "must be a string or an integer");
    if (item->kind == JSON_STRING) {
        cell.size = json_decode(row_buffer_row(object->buffer) + item->at, item->size);
        cell.at++;
    }
    object->row->cells[object->column] = cell;
}

static void take_item(void *context, const JsonItem *item) {
    Object *object = context;
    if (item->depth == 0 && item->kind != JSON_OBJECT) fault(object, item->at, "expected a JSON object");
    if (item->depth != 1 || object->error->status) return;
    if (item->kind == JSON_KEY)
        take_key(object, item);
    else if (object->column < object->count)
        take_value(object, item);
}

/* Bring the next line into the buffer: *length is its bytes with its end, 0 at the end of the file. */
static Status next_line(RowBuffer *buffer, size_t *length, Error *error) {
    size_t searched = 0;
    for (;;) {
        const char *bytes = row_buffer_row(buffer);
        size_t held = buffer->end - buffer->start;
        const char *end = held > searched ? memchr(bytes + searched, '\n', held - searched) : NULL;
        *length = end ? (size_t)(end - bytes) + 1 : held;
        bool more = false;
        if (!end && row_buffer_read(buffer, &more, error)) return error->status;
        if (!more) return STATUS_OK;
        searched = held;
    }
}

/* Bytes of a line without the white space (as JSON has it) at its end; 0 for a blank line. */
static size_t trimmed_length(const char *line, size_t length) {
    while (length > 0 && memchr(" \t\r\n", line[length - 1], 4)) length--;
    return length;
}

static Status read_object(Object *object, size_t length) {
    RowBuffer *buffer = object->buffer;
    Row *row = object->row;
    const JsonScan scan = {
        .name = buffer->path, .line = buffer->line, .zeros = true, .seen = take_item, .context = object};
    row->count = 0;
    for (size_t i = 0; i < object->count; i++)
        if (row_append(row, (Cell){0}, object->error)) return object->error->status;
    if (json_scan(&scan, row_buffer_row(buffer), length, object->error)) return object->error->status;
    for (size_t i = 0; i < object->count; i++)
        if (row->cells[i].line == 0)
            return error_set(object->error, STATUS_INPUT, "%s:%" PRId64 ": no member `%s`; the members are: %s",
                             buffer->path, buffer->line, object->columns[i], object->names);
    return STATUS_OK;
}

Status jsonl_read_row(RowBuffer *buffer, const char *const *columns, size_t count, Row *row, bool *more, Error *error) {
    Object object = {.buffer = buffer, .columns = columns, .count = count, .row = row, .column = count, .error = error};
    for (size_t trimmed;; row_buffer_skip(buffer, row->bytes, 1)) {
        if (next_line(buffer, &row->bytes, error)) return error->status;
        row->lines = *more = row->bytes > 0;
        if (!*more) return STATUS_OK;
        trimmed = trimmed_length(row_buffer_row(buffer), row->bytes);
        if (trimmed > 0) return read_object(&object, trimmed);
    }
}
