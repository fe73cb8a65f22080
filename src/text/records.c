/* A table's rows as fields, whatever its format. See records.h. */
#include "linnet/text/records.h"
#include "linnet/core/memory.h"
#include "text/row_buffer.h"
#include <inttypes.h>
#include <string.h>
#include <strings.h>

struct Records {
    RowBuffer buffer;
    char *path;
    char separator;       /**< 0 for JSON Lines */
    const char **columns; /**< [count] the names asked for, borrowed */
    size_t *places;       /**< [count] each one's cell in a row */
    size_t count;         /**< of columns asked for */
    size_t width;         /**< cells of the header row */
    Row row;              /**< the current row, which the next call skips */
};

/* The format by the name's ending. */
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

static Status copy_columns(Records *records, const char *const *columns, size_t count, Error *error) {
    records->columns = memory_allocate(count, sizeof *records->columns, error);
    records->places = memory_allocate(count, sizeof *records->places, error);
    if (!records->columns || !records->places) return error->status;
    records->count = count;
    for (size_t i = 0; i < count; i++) {
        records->places[i] = i;
        records->columns[i] = columns[i];
    }
    return STATUS_OK;
}

static const char *cell_text(const Records *records, size_t cell) {
    return row_buffer_row(&records->buffer) + records->row.cells[cell].at;
}

static Status refuse_missing(const Records *records, const char *name, Error *error) {
    char known[512] = "";
    for (size_t i = 0; i < records->width; i++)
        error_list(known, sizeof known, cell_text(records, i), records->row.cells[i].size);
    return error_set(error, STATUS_INPUT, "%s:%" PRId64 ": no column `%s`; the columns are: %s", records->path,
                     records->buffer.line, name, known);
}

static Status place_column(Records *records, size_t column, Error *error) {
    const char *name = records->columns[column];
    size_t found = 0;
    for (size_t i = 0; i < records->width; i++) {
        const Cell *cell = &records->row.cells[i];
        if (cell->size != strlen(name) || memcmp(cell_text(records, i), name, cell->size) != 0) continue;
        if (found++ > 0)
            return error_set(error, STATUS_INPUT, "%s:%" PRId64 ":%" PRId64 ": column `%s` appears twice",
                             records->path, cell->line, cell->column, name);
        records->places[column] = i;
    }
    return found ? STATUS_OK : refuse_missing(records, name, error);
}

/* Read the header row and find each column in it. */
static Status read_header(Records *records, Error *error) {
    bool more;
    if (csv_read_row(&records->buffer, records->separator, &records->row, &more, error)) return error->status;
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
    if (made->path && !choose_kind(path, &made->separator, error) &&
        !row_buffer_open(&made->buffer, made->path, error) && !copy_columns(made, columns, count, error) &&
        !(made->separator && read_header(made, error)))
        *records = made;
    else
        records_close(made);
    return error->status;
}

static Status check_width(const Records *records, Error *error) {
    const Row *row = &records->row;
    if (!records->separator || row->count == records->width) return STATUS_OK;
    const Cell *last = &row->cells[row->count > records->width ? records->width : row->count - 1];
    return error_set(error, STATUS_INPUT,
                     "%s:%" PRId64 ":%" PRId64 ": the row has %zu field%s, but the header row has %zu", records->path,
                     last->line, last->column, row->count, row->count == 1 ? "" : "s", records->width);
}

Status records_next(Records *records, Field *fields, bool *more, Error *error) {
    RowBuffer *buffer = &records->buffer;
    Row *row = &records->row;
    row_buffer_skip(buffer, row->bytes, row->lines);
    row->bytes = 0;
    row->lines = 0;
    if (records->separator ? csv_read_row(buffer, records->separator, row, more, error)
                           : jsonl_read_row(buffer, records->columns, records->count, row, more, error))
        return error->status;
    if (!*more || check_width(records, error)) return error->status;
    for (size_t i = 0; i < records->count; i++) {
        const Cell *cell = &row->cells[records->places[i]];
        fields[i] = (Field){cell_text(records, records->places[i]), cell->size, cell->line, cell->column};
    }
    return STATUS_OK;
}

void records_close(Records *records) {
    if (!records) return;
    row_buffer_close(&records->buffer);
    memory_free(records->columns);
    memory_free(records->places);
    memory_free(records->row.cells);
    memory_free(records->path);
    memory_free(records);
}
