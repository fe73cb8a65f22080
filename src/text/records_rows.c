/* Complete rows of a table, and its parts. See records.h. */
#include "linnet/core/memory.h"
#include "text/records_private.h"
#include <string.h>

Status records_keep_names(Records *records, Error *error) {
    const Row *row = &records->row;
    size_t bytes = row->count * sizeof(char *);
    for (size_t i = 0; i < row->count; i++) bytes += row->cells[i].size + 1;
    records->names = memory_allocate(bytes, 1, error);
    if (!records->names) return error->status;
    char *name = (char *)(records->names + row->count);
    for (size_t i = 0; i < row->count; i++) {
        const Cell *cell = &row->cells[i];
        records->names[i] = name;
        memcpy(name, row_buffer_row(&records->buffer) + cell->at, cell->size);
        name += cell->size + 1;
    }
    return STATUS_OK;
}

void records_take_lists(Records *records, size_t column) {
    records->json.lists = true;
    records->json.list_column = column;
}

void records_keep(Records *records) {
    records->json.kept = &records->kept;
}

const char *records_object(const Records *records, size_t *size) {
    *size = records->kept.size;
    return records->kept.bytes;
}

size_t records_width(const Records *records) {
    return records->format == FORMAT_JSON ? 0 : records->width;
}

bool records_is_lines(const Records *records) {
    return records->format == FORMAT_LINES;
}

const char *records_column(const Records *records, size_t column) {
    return records->names ? records->names[column] : NULL;
}

Field records_cell(const Records *records, size_t column) {
    const Cell *cell = &records->row.cells[column];
    return (Field){.text = row_buffer_row(&records->buffer) + cell->at,
                   .size = cell->size,
                   .line = cell->line,
                   .column = cell->column,
                   .null = cell->null};
}

Division records_division(const Records *records, int64_t *size) {
    const Dialect *dialect = &records->dialect;
    const Division none = {.kind = DIVISION_NONE};
    if (!byte_source_divisible(records->source, size)) return none;
    if (records->format == FORMAT_JSON)
        return (Division){.kind = records->json.place == JSON_SEQUENCE ? DIVISION_OBJECTS : DIVISION_NONE};
    /* A part that ends before the header row would have no header: it starts in the first bytes. */
    if (dialect->carriage_return != CR_IS_TEXT || records->first_line > 2) return none;
    const size_t length = dialect->separator_size;
    if (length > 0 && (unsigned char)dialect->separator[length - 1] == dialect->quote) return none;
    Division division = {.kind = DIVISION_CELLS, .separator_size = length, .quote = dialect->quote};
    memcpy(division.separator, dialect->separator, length);
    return division;
}

Status records_part(Records *records, const DivisionPart *part, Error *error) {
    if (part->start == 0)
        return byte_source_range(records->source, 0, part->end, 1, error) ? error->status
                                                                          : records_begin(records, error);
    records->row.bytes = 0;
    records->row.lines = 0;
    records->waiting = false;
    records->json.place = JSON_SEQUENCE;
    records->json.some = true;
    if (byte_source_range(records->source, part->start, part->end, part->line, error)) return error->status;
    return row_buffer_open_at(&records->buffer, records->source, part->line, error);
}

int64_t records_line(const Records *records) {
    return records->buffer.line;
}

size_t records_row_bytes(const Records *records) {
    return records->row.bytes;
}
