/* Rows of JSON: objects one after the other (JSON Lines), or in an array. See row_buffer.h. */
#include "linnet/core/escape.h"
#include "linnet/core/integers.h"
#include "linnet/core/json_scan.h"
#include "linnet/core/memory.h"
#include "text/row_buffer.h"
#include <inttypes.h>
#include <string.h>

/* Advice where a table of pandas has its rows otherwise (orient). */
#define ROW_AN_OBJECT " (pandas writes a row an object with to_json(orient=\"records\"))"

/* --- Finding the next object --- */

static Status fail(const RowBuffer *buffer, const char *what, Error *error) {
    return error_set(error, STATUS_INPUT, "%s:%" PRId64 ":%" PRId64 ": %s", buffer->path, buffer->line, buffer->column,
                     what);
}

/* Pass by bytes and the line ends in them. */
static void pass(RowBuffer *buffer, size_t bytes) {
    const char *row = row_buffer_row(buffer);
    for (size_t i = 0; i < bytes; i++) {
        buffer->column = row[i] == '\n' ? 1 : buffer->column + 1;
        buffer->line += row[i] == '\n';
    }
    buffer->start += bytes;
}

static bool is_space(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Pass white space; *next is the byte after it, 0 at the end. A NUL byte is not the end. */
static Status pass_space(RowBuffer *buffer, char *next, Error *error) {
    for (bool there;; pass(buffer, 1)) {
        if (row_buffer_need(buffer, 0, &there, error)) return error->status;
        *next = there ? *row_buffer_row(buffer) : '\0';
        if (there && !*next) return fail(buffer, "expected JSON, got a NUL byte: is the file damaged?", error);
        if (!there || !is_space(*next)) return STATUS_OK;
    }
}

/* Where a value is being read: what matters for finding its end. */
typedef struct {
    int depth;
    bool string;
    char last; /**< byte that was not white space, outside strings */
} Extent;

/* Take the next byte; true where the value has ended with it. A bracket that cannot stand here ends it too, since
 * json_scan() then says what is wrong without reading on to the end of the table. */
static bool extent_take(Extent *extent, char byte) {
    if (extent->string) {
        extent->string = byte != '"';
        if (byte == '"') extent->last = byte;
        return byte == '\n' || (byte == '"' && extent->depth == 0);
    }
    if (is_space(byte)) return false;
    const bool opens = byte == '{' || byte == '[', closes = byte == '}' || byte == ']';
    const bool wrong = opens && extent->depth > 0 && !memchr(":,[", extent->last, 3);
    extent->string = byte == '"';
    extent->depth += opens - closes;
    extent->last = byte;
    return wrong || (closes && extent->depth <= 0);
}

/* Bytes of the value that the buffer starts with. A number or a word ends before a comma or a bracket. */
static Status find_extent(RowBuffer *buffer, size_t *length, Error *error) {
    Extent extent = {0};
    bool there = true;
    for (size_t at = 0;; at++) {
        if (at >= buffer->end - buffer->start && row_buffer_need(buffer, at, &there, error)) return error->status;
        const size_t held = buffer->end - buffer->start;
        *length = size_min(at, held);
        if (!there) return STATUS_OK;
        const char byte = row_buffer_row(buffer)[at];
        if (at > 0 && extent.depth == 0 && !extent.string && (is_space(byte) || memchr(",]}", byte, 3)))
            return STATUS_OK;
        if (extent.string && byte == '\\') {
            at++;
            continue;
        }
        *length = at + 1;
        if (extent_take(&extent, byte)) return STATUS_OK;
    }
}

/* --- An object --- */

typedef struct {
    RowBuffer *buffer;
    const JsonRows *rows;
    Row *row;
    size_t column;   /**< of the last key of the object; `count`: not asked for */
    char names[256]; /**< of the members */
    char array[80];  /**< the first member that is an array of objects, quoted */
    Quoted key;      /**< the last one */
    bool plain;      /**< some member is neither an array nor an object */
    Error *error;
} Object;

static void fault_member(const Object *object, const JsonItem *item, const char *what) {
    const char *name = object->rows->columns[object->column];
    Quoted shown;
    error_set(object->error, STATUS_INPUT, "%s:%" PRId64 ":%" PRId64 ": member %s %s", object->buffer->path,
              object->buffer->line + item->line - 1, item->column, quoted(name, strlen(name), &shown), what);
}

static void take_key(Object *object, const JsonItem *item) {
    char *string = row_buffer_row(object->buffer) + item->at;
    const size_t size = json_decode(string, item->size);
    const JsonRows *rows = object->rows;
    error_list(object->names, sizeof object->names, string + 1, size);
    quoted(string + 1, size, &object->key);
    for (object->column = 0; object->column < rows->count; object->column++) {
        const char *name = rows->columns[object->column];
        if (strlen(name) == size && memcmp(name, string + 1, size) == 0) break;
    }
    if (object->column < rows->count && object->row->cells[object->column].line > 0)
        fault_member(object, item, "appears twice");
}

static void take_value(const Object *object, const JsonItem *item) {
    char *text = row_buffer_row(object->buffer) + item->at;
    Cell cell = {.at = item->at,
                 .size = item->size,
                 .line = object->buffer->line + item->line - 1,
                 .column = item->column,
                 .null = item->kind == JSON_NULL};
    if (cell.null) cell.size = 0;
    const bool list = object->rows->lists && object->column == object->rows->list_column;
    if (item->kind == JSON_OBJECT || (*text == '[' && !list))
        fault_member(object, item,
                     "must be a string, a number, true, false or null, not an array or an object" ROW_AN_OBJECT);
    if (item->kind == JSON_STRING) {
        cell.size = json_decode(text, item->size);
        cell.at++;
    }
    object->row->cells[object->column] = cell;
}

/* Whether the first item of an array is an object. */
static bool holds_objects(const char *array, size_t size) {
    size_t at = 1;
    while (at < size && is_space(array[at])) at++;
    return array[at] == '{';
}

static void take_item(void *context, const JsonItem *item) {
    Object *object = context;
    if (item->depth != 1 || object->error->status) return;
    const char *text = row_buffer_row(object->buffer) + item->at;
    if (item->kind != JSON_KEY && item->kind != JSON_OBJECT && *text != '[') object->plain = true;
    if (item->kind == JSON_KEY)
        take_key(object, item);
    else if (object->column < object->rows->count)
        take_value(object, item);
    else if (*text == '[' && !*object->array && holds_objects(text, item->size))
        memcpy(object->array, object->key.text, sizeof object->array);
}

static Status refuse_missing(const Object *object, const char *name, Error *error) {
    const RowBuffer *buffer = object->buffer;
    Quoted shown;
    char advice[160] = "";
    if (*object->array)
        snprintf(advice, sizeof advice, "; if the rows are in the array %s, add --field", object->array);
    else if (*object->names && !object->plain)
        snprintf(advice, sizeof advice, ROW_AN_OBJECT);
    return error_set(error, STATUS_INPUT, "%s:%" PRId64 ": no member %s; the members are: %s%s", buffer->path,
                     buffer->line, quoted(name, strlen(name), &shown), object->names, advice);
}

static JsonScan scan_of(const RowBuffer *buffer, JsonSeen seen, void *context) {
    return (JsonScan){.name = buffer->path,
                      .line = buffer->line,
                      .column = buffer->column,
                      .zeros = true,
                      .seen = seen,
                      .context = context};
}

/* Copy the object that the buffer starts with, before its strings are decoded. */
static Status keep(RowText *kept, const char *bytes, size_t size, Error *error) {
    if (size > kept->capacity) {
        char *larger = memory_resize(kept->bytes, 0, 2 * size, 1, error);
        if (!larger) return error->status;
        kept->bytes = larger;
        kept->capacity = 2 * size;
    }
    memcpy(kept->bytes, bytes, size);
    kept->size = size;
    return STATUS_OK;
}

static Status read_object(RowBuffer *buffer, const JsonRows *rows, Row *row, Error *error) {
    Object object = {.buffer = buffer, .rows = rows, .row = row, .column = rows->count, .error = error};
    row->count = 0;
    for (size_t i = 0; i < rows->count; i++)
        if (row_append(row, (Cell){0}, error)) return error->status;
    if (find_extent(buffer, &row->bytes, error)) return error->status;
    if (rows->kept && keep(rows->kept, row_buffer_row(buffer), row->bytes, error)) return error->status;
    const JsonScan scan = scan_of(buffer, take_item, &object);
    if (json_scan(&scan, row_buffer_row(buffer), row->bytes, error)) return error->status;
    for (size_t i = 0; i < rows->count; i++)
        if (row->cells[i].line == 0) return refuse_missing(&object, rows->columns[i], error);
    return STATUS_OK;
}

/* --- The array around the objects --- */

/* Read a string or another value that stands before the rows, and pass it. */
static Status pass_value(RowBuffer *buffer, Error *error) {
    size_t length;
    if (find_extent(buffer, &length, error)) return error->status;
    const JsonScan scan = scan_of(buffer, NULL, NULL);
    if (!json_scan(&scan, row_buffer_row(buffer), length, error)) pass(buffer, length);
    return error->status;
}

/* Read a key of the object around the array and the ':' after it. */
static Status pass_key(RowBuffer *buffer, const char *field, char names[256], bool *found, Error *error) {
    char next;
    size_t length;
    if (pass_space(buffer, &next, error) || find_extent(buffer, &length, error)) return error->status;
    if (next != '"') return fail(buffer, "expected a key in \"quotes\"", error);
    char *string = row_buffer_row(buffer);
    const JsonScan scan = scan_of(buffer, NULL, NULL);
    if (json_scan(&scan, string, length, error)) return error->status;
    const size_t size = json_decode(string, length);
    *found = strlen(field) == size && memcmp(field, string + 1, size) == 0;
    error_list(names, 256, string + 1, size);
    pass(buffer, length);
    if (pass_space(buffer, &next, error)) return error->status;
    if (next != ':') return fail(buffer, "expected ':' after a key", error);
    pass(buffer, 1);
    return pass_space(buffer, &next, error);
}

/* Pass the object's members up to the array that is the field; `{` is the next byte. */
static Status open_field(RowBuffer *buffer, const char *field, Error *error) {
    char names[256] = "", next;
    Quoted shown;
    bool found = false;
    do {
        pass(buffer, 1); /* the brace or a comma */
        if (pass_key(buffer, field, names, &found, error)) return error->status;
        if (found) break;
        if (pass_value(buffer, error) || pass_space(buffer, &next, error)) return error->status;
    } while (next == ',');
    if (!found)
        return error_set(error, STATUS_INPUT, "%s: no member %s; the members are: %s", buffer->path,
                         quoted(field, strlen(field), &shown), names);
    return pass_space(buffer, &next, error);
}

/* Find out how the objects follow each other. */
static Status start(RowBuffer *buffer, JsonRows *rows, Error *error) {
    char next;
    if (pass_space(buffer, &next, error)) return error->status;
    if (rows->field) {
        if (next != '{') return fail(buffer, "expected an object, whose member --field names", error);
        if (open_field(buffer, rows->field, error) || pass_space(buffer, &next, error)) return error->status;
        if (next != '[') return fail(buffer, "expected the field to be an array of objects", error);
    }
    rows->place = next == '[' ? JSON_ARRAY : JSON_SEQUENCE;
    if (next == '[') pass(buffer, 1);
    return STATUS_OK;
}

/* Pass the members after the field, which must not come again, and the end of the object. */
static Status close_field(RowBuffer *buffer, const char *field, char *next, Error *error) {
    char names[256] = "";
    while (*next == ',') {
        bool found;
        pass(buffer, 1);
        if (pass_key(buffer, field, names, &found, error)) return error->status;
        if (found) return fail(buffer, "the field appears twice", error);
        if (pass_value(buffer, error) || pass_space(buffer, next, error)) return error->status;
    }
    if (*next != '}') return fail(buffer, "expected ',' or '}' after the field", error);
    pass(buffer, 1);
    return pass_space(buffer, next, error);
}

/* Read what follows the array: nothing, or the rest of the object around it. */
static Status finish(RowBuffer *buffer, JsonRows *rows, Error *error) {
    char next;
    rows->place = JSON_END;
    pass(buffer, 1); /* the bracket */
    if (pass_space(buffer, &next, error)) return error->status;
    if (rows->field && close_field(buffer, rows->field, &next, error)) return error->status;
    return next ? fail(buffer, rows->field ? "expected nothing after the object" : "expected nothing after the array",
                       error)
                : STATUS_OK;
}

/* In an array: pass the comma before the next object; *next is the byte after it. */
static Status pass_comma(RowBuffer *buffer, const JsonRows *rows, char *next, Error *error) {
    if (!*next) return fail(buffer, "the text ends inside an array", error);
    if (*next == ']' || !rows->some) return STATUS_OK;
    if (*next != ',') return fail(buffer, "expected ',' or ']'", error);
    pass(buffer, 1);
    if (pass_space(buffer, next, error)) return error->status;
    return *next == ']' ? fail(buffer, "expected an object after ','", error) : STATUS_OK;
}

Status json_read_row(RowBuffer *buffer, JsonRows *rows, Row *row, bool *more, Error *error) {
    char next = '\0';
    *more = false;
    pass(buffer, row->bytes);
    row->bytes = 0;
    row->lines = 0;
    if (rows->place == JSON_START && start(buffer, rows, error)) return error->status;
    if (rows->place == JSON_END || pass_space(buffer, &next, error)) return error->status;
    if (rows->place == JSON_ARRAY) {
        if (pass_comma(buffer, rows, &next, error)) return error->status;
        if (next == ']') return finish(buffer, rows, error);
    }
    if (!next) return STATUS_OK;
    if (next != '{')
        return fail(buffer,
                    rows->place == JSON_ARRAY && next == '[' ? "expected a JSON object" ROW_AN_OBJECT
                    : rows->some || rows->place == JSON_ARRAY
                        ? "expected a JSON object"
                        : "expected a JSON object (for a table of another format add --format csv)",
                    error);
    *more = rows->some = true;
    return read_object(buffer, rows, row, error);
}
