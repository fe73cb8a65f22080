#include "linnet/text/records.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include "text/row_reader.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define FIRST_CAPACITY ((size_t)1 << 16)
/** A row this long is a quote that was never closed. */
#define ROW_MAX_BYTES ((size_t)1 << 30)

struct Records {
    RowWindow window;
    char *path;
    char separator;   /**< 0 for JSON Lines */
    char **columns;   /**< [count] names asked for */
    size_t *places;   /**< [count] each one's cell in a row */
    size_t count;     /**< of columns asked for */
    size_t width;     /**< cells of the header row */
    Row row;          /**< the cells of the row at hand */
    size_t row_bytes; /**< bytes of the row at hand, which the next call passes by */
    int64_t row_lines;
};

Status rows_fill(RowWindow *window, bool *more, Error *error) {
    *more = false;
    if (window->ended) return STATUS_OK;
    size_t held = window->end - window->start;
    if (held >= ROW_MAX_BYTES)
        return error_set(error, STATUS_INPUT,
                         "%s:%" PRId64 ": the row that starts here is longer than 1 GiB; is a quote never closed?",
                         window->path, window->line);
    if (window->start > 0) {
        memmove(window->bytes, window->bytes + window->start, held);
        window->start = 0;
        window->end = held;
    }
    if (held == window->capacity) {
        char *bytes = memory_resize(window->bytes, held, 2 * window->capacity, 1, error);
        if (!bytes) return error->status;
        window->bytes = bytes;
        window->capacity *= 2;
    }
    size_t got = fread(window->bytes + held, 1, window->capacity - held, window->file);
    if (got == 0 && ferror(window->file))
        return error_set(error, file_blame(errno), "%s: cannot be read: %s", window->path, strerror(errno));
    window->end += got;
    window->ended = got == 0;
    *more = got > 0;
    return STATUS_OK;
}

Status rows_need(RowWindow *window, size_t offset, bool *there, Error *error) {
    *there = true;
    while (*there && window->end - window->start <= offset)
        if (rows_fill(window, there, error)) return error->status;
    return STATUS_OK;
}

Status rows_check_utf8(const RowWindow *window, size_t from, size_t to, int64_t line, int64_t line_start,
                       Error *error) {
    const char *bytes = window->bytes + window->start;
    size_t bad = from + utf8_valid_length(bytes + from, to - from);
    if (bad == to) return STATUS_OK;
    for (size_t i = from; i < bad; i++)
        if (bytes[i] == '\n') {
            line++;
            line_start = (int64_t)i + 1;
        }
    return error_set(error, STATUS_INPUT,
                     "%s:%" PRId64 ":%" PRId64 ": byte 0x%02X is not UTF-8 here; convert the file to UTF-8",
                     window->path, line, (int64_t)bad - line_start + 1, (unsigned)(unsigned char)bytes[bad]);
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

/** The separator that the name's ending stands for. */
static Status choose_kind(const char *path, char *separator, Error *error) {
    static const struct {
        const char *ending;
        char separator;
    } KINDS[] = {{".csv", ','}, {".tsv", '\t'}, {".jsonl", 0}, {".ndjson", 0}};
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; ending && i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (strcasecmp(ending, KINDS[i].ending) == 0) {
            *separator = KINDS[i].separator;
            return STATUS_OK;
        }
    return error_set(error, STATUS_INPUT, "%s: the name must end in .csv, .tsv, .jsonl or .ndjson", path);
}

static Status open_window(Records *records, Error *error) {
    RowWindow *window = &records->window;
    window->path = records->path;
    window->line = 1;
    if (file_open_stream(records->path, &window->file, error)) return error->status;
    window->bytes = memory_allocate(FIRST_CAPACITY, 1, error);
    if (!window->bytes) return error->status;
    window->capacity = FIRST_CAPACITY;
    bool there;
    if (rows_need(window, 2, &there, error)) return error->status;
    if (there && memcmp(window->bytes, "\xEF\xBB\xBF", 3) == 0) window->start = 3;
    return STATUS_OK;
}

static Status copy_columns(Records *records, const char *const *columns, size_t count, Error *error) {
    records->columns = memory_allocate(count, sizeof *records->columns, error);
    records->places = memory_allocate(count, sizeof *records->places, error);
    if (!records->columns || !records->places) return error->status;
    for (size_t i = 0; i < count; i++) {
        records->columns[i] = memory_text(columns[i], error);
        if (!records->columns[i]) return error->status;
        records->count = i + 1;
    }
    return STATUS_OK;
}

static const char *cell_text(const Records *records, size_t cell) {
    return records->window.bytes + records->window.start + records->row.cells[cell].at;
}

/** "no column `x`; the columns are: a, b, c" */
static Status refuse_missing(const Records *records, const char *name, Error *error) {
    char known[512] = "";
    size_t used = 0;
    for (size_t i = 0; i < records->width && used < sizeof known - 1; i++) {
        int size = (int)(records->row.cells[i].size < 64 ? records->row.cells[i].size : 64);
        int wrote = snprintf(known + used, sizeof known - used, "%s%.*s", i ? ", " : "", size, cell_text(records, i));
        used += (size_t)wrote;
    }
    return error_set(error, STATUS_INPUT, "%s:%" PRId64 ": no column `%s`; the columns are: %s", records->path,
                     records->window.line, name, known);
}

static Status place_column(Records *records, size_t column, Error *error) {
    const char *name = records->columns[column];
    size_t found = 0;
    for (size_t i = 0; i < records->width; i++) {
        const Cell *cell = &records->row.cells[i];
        if (cell->size != strlen(name) || memcmp(cell_text(records, i), name, cell->size) != 0) continue;
        if (found++ > 0)
            return error_set(error, STATUS_INPUT, "%s:%" PRId64 ":%" PRId64 ": column `%s` is there twice",
                             records->path, cell->line, cell->column, name);
        records->places[column] = i;
    }
    return found ? STATUS_OK : refuse_missing(records, name, error);
}

/** Read the header row and find each column in it. */
static Status read_header(Records *records, Error *error) {
    bool more;
    if (csv_read_row(&records->window, records->separator, &records->row, &records->row_bytes, &records->row_lines,
                     &more, error))
        return error->status;
    if (!more)
        return error_set(error, STATUS_INPUT, "%s: the file is empty; its first row must name the columns",
                         records->path);
    records->width = records->row.count;
    for (size_t i = 0; i < records->count; i++)
        if (place_column(records, i, error)) return error->status;
    return STATUS_OK;
}

Status records_open(Records **records, const char *path, const char *const *columns, size_t count, Error *error) {
    Records *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    made->path = memory_text(path, error);
    if (!made->path || choose_kind(path, &made->separator, error)) goto cleanup;
    if (open_window(made, error) || copy_columns(made, columns, count, error)) goto cleanup;
    if (made->separator && read_header(made, error)) goto cleanup;
    *records = made;
    return STATUS_OK;
cleanup:
    records_close(made);
    return error->status;
}

static Status next_csv(Records *records, Field *fields, bool *more, Error *error) {
    RowWindow *window = &records->window;
    Row *row = &records->row;
    if (csv_read_row(window, records->separator, row, &records->row_bytes, &records->row_lines, more, error))
        return error->status;
    if (!*more) return STATUS_OK;
    if (row->count != records->width) {
        const Cell *last = &row->cells[row->count > records->width ? records->width : row->count - 1];
        return error_set(
            error, STATUS_INPUT, "%s:%" PRId64 ":%" PRId64 ": the row has %zu field%s where the header row has %zu",
            window->path, last->line, last->column, row->count, row->count == 1 ? "" : "s", records->width);
    }
    for (size_t i = 0; i < records->count; i++) {
        const Cell *cell = &row->cells[records->places[i]];
        fields[i] = (Field){cell_text(records, records->places[i]), cell->size, cell->line, cell->column};
    }
    return STATUS_OK;
}

/** Bring the next whole line into the window: *length its bytes with its end, 0 at the end of the file. */
static Status next_line(RowWindow *window, size_t *length, Error *error) {
    size_t searched = 0;
    for (;;) {
        const char *bytes = window->bytes + window->start;
        size_t held = window->end - window->start;
        const char *end = held > searched ? memchr(bytes + searched, '\n', held - searched) : NULL;
        *length = end ? (size_t)(end - bytes) + 1 : held;
        bool more = false;
        if (!end && rows_fill(window, &more, error)) return error->status;
        if (!more) return STATUS_OK;
        searched = held;
    }
}

/** Bytes of a line without the white space (as JSON has it) at its end; 0 for a blank line. */
static size_t trimmed_length(const char *line, size_t length) {
    while (length > 0 && memchr(" \t\r\n", line[length - 1], 4)) length--;
    return length;
}

static Status next_object(Records *records, Field *fields, bool *more, Error *error) {
    RowWindow *window = &records->window;
    for (;;) {
        size_t length;
        if (next_line(window, &length, error)) return error->status;
        *more = length > 0;
        if (!*more) return STATUS_OK;
        size_t trimmed = trimmed_length(window->bytes + window->start, length);
        if (trimmed > 0) {
            records->row_bytes = length;
            records->row_lines = 1;
            return jsonl_read_object(window, trimmed, (const char *const *)records->columns, records->count, fields,
                                     error);
        }
        window->start += length;
        window->line++;
    }
}

Status records_next(Records *records, Field *fields, bool *more, Error *error) {
    records->window.start += records->row_bytes;
    records->window.line += records->row_lines;
    records->row_bytes = 0;
    records->row_lines = 0;
    return records->separator ? next_csv(records, fields, more, error) : next_object(records, fields, more, error);
}

void records_close(Records *records) {
    if (!records) return;
    if (records->window.file) fclose(records->window.file);
    memory_free(records->window.bytes);
    for (size_t i = 0; i < records->count; i++) memory_free(records->columns[i]);
    memory_free(records->columns);
    memory_free(records->places);
    memory_free(records->row.cells);
    memory_free(records->path);
    memory_free(records);
}
