/* The rows of the input. See table_rows.h. */
#include "predict/table_rows.h"
#include "linnet/core/file_kind.h"
#include "linnet/core/memory.h"
#include "predict/object_cells.h"
#include <stdio.h>
#include <string.h>

struct TableRows {
    char *path;
    OutputFormat format;
    Dataset *dataset;   /* a token file; else NULL */
    Records *records;   /* a table */
    Field texts[2];     /* of the current row: the text, and a second one */
    bool pairs;         /* there are second texts */
    const char **names; /* [count] of the columns that are written */
    char *numbers;      /* those of a table without a header row */
    size_t count;
    bool objects;                 /* the table is JSON */
    ObjectCells cells;            /* of the current object */
    const AnswerColumns *refused; /* borrowed */
    Division division;
    int64_t size;     /* of the table in bytes */
    int64_t position; /* rows before the next one, where parts are rows */
    int64_t left;     /* rows of the part that are still to be read; −1: up to the end */
};

enum { NUMBER_TEXT = 24 };

/* --- Columns --- */

static Status name_columns(TableRows *rows, Error *error) {
    static const char *const LINES = "text";
    rows->names = memory_allocate(rows->count, sizeof *rows->names, error);
    rows->numbers = memory_allocate(rows->count, NUMBER_TEXT, error);
    if (!rows->names || !rows->numbers) return error->status;
    for (size_t i = 0; i < rows->count; i++) {
        char *number = rows->numbers + i * NUMBER_TEXT;
        snprintf(number, NUMBER_TEXT, "%zu", i);
        const char *known = rows->objects ? rows->cells.names[i] : records_column(rows->records, i);
        rows->names[i] = known ? known : number;
    }
    if (records_is_lines(rows->records)) rows->names[0] = LINES;
    return STATUS_OK;
}

/* Read the first row, which tells how the table may be divided and which members its objects have. */
static Status read_first(TableRows *rows, Error *error) {
    bool more;
    size_t size;
    rows->count = records_width(rows->records);
    rows->objects = rows->count == 0;
    if (rows->objects) records_keep(rows->records);
    if (records_next(rows->records, rows->texts, &more, error)) return error->status;
    rows->division = records_division(rows->records, &rows->size);
    if (rows->objects && more) {
        const char *object = records_object(rows->records, &size);
        if (object_cells_columns(&rows->cells, object, size, rows->path, error)) return error->status;
        rows->count = rows->cells.count;
    }
    return name_columns(rows, error);
}

static Status open_token_file(TableRows *rows, Error *error) {
    static const char *const ROW[] = {"row"};
    if (dataset_open(&rows->dataset, rows->path, error)) return error->status;
    rows->count = 1;
    rows->names = memory_allocate(1, sizeof *rows->names, error);
    if (rows->names) rows->names[0] = ROW[0];
    return error->status;
}

Status table_rows_open(TableRows **rows, const char *path, const TableOptions *options, const char *text_column,
                       const char *pair_column, OutputFormat format, Error *error) {
    const char *const columns[2] = {text_column, pair_column};
    TableRows *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    made->format = format;
    made->pairs = pair_column != NULL;
    made->position = -1; /* the first row has been read */
    made->left = -1;
    made->path = memory_text(options->name ? options->name : path, error);
    if (!error->status && file_kind_of(path) == FILE_KIND_HDF5)
        open_token_file(made, error);
    else if (!error->status && !records_open(&made->records, path, options, columns, made->pairs ? 2 : 1, true, error))
        read_first(made, error);
    if (!error->status)
        *rows = made;
    else
        table_rows_close(made);
    return error->status;
}

void table_rows_close(TableRows *rows) {
    if (!rows) return;
    dataset_close(rows->dataset);
    records_close(rows->records);
    object_cells_free(&rows->cells);
    memory_free(rows->names);
    memory_free(rows->numbers);
    memory_free(rows->path);
    memory_free(rows);
}

size_t table_rows_columns(const TableRows *rows, const char *const **names) {
    *names = rows->names;
    return rows->count;
}

void table_rows_refuse(TableRows *rows, const AnswerColumns *answers) {
    rows->refused = answers;
}

Dataset *table_rows_dataset(const TableRows *rows) {
    return rows->dataset;
}

Division table_rows_division(const TableRows *rows, int64_t *size) {
    *size = rows->size;
    return rows->division;
}

const char *table_rows_name(const TableRows *rows) {
    return rows->path;
}

/* --- Rows --- */

/* Pass rows up to the part's first one. */
static Status pass_rows(TableRows *rows, int64_t first, Error *error) {
    bool more = true;
    if (first < rows->position || rows->position < 0) {
        rows->position = 0;
        if (records_rewind(rows->records, error)) return error->status;
    }
    for (; rows->position < first && more; rows->position++)
        if (records_next(rows->records, rows->texts, &more, error)) return error->status;
    return STATUS_OK;
}

Status table_rows_part(TableRows *rows, const TablePart *part, Error *error) {
    rows->left = -1;
    if (!part) {
        rows->position = 0;
        return records_rewind(rows->records, error);
    }
    if (rows->division.kind != DIVISION_NONE) return records_part(rows->records, &part->bytes, error);
    rows->left = part->rows;
    return pass_rows(rows, part->first, error);
}

/* Read the members of an object, or check that it can be written as it is. */
static Status take_object(TableRows *rows, Error *error) {
    size_t size;
    const char *object = records_object(rows->records, &size);
    const int64_t line = records_line(rows->records);
    if (rows->format != OUTPUT_JSON) return object_cells_read(&rows->cells, object, size, rows->path, line, error);
    return object_cells_check(&rows->cells, object, size, rows->refused, rows->path, line, error);
}

Status table_rows_next(TableRows *rows, bool *more, Error *error) {
    *more = false;
    if (rows->left == 0 || records_next(rows->records, rows->texts, more, error) || !*more) return error->status;
    rows->position++;
    if (rows->left > 0) rows->left--;
    return rows->objects ? take_object(rows, error) : STATUS_OK;
}

Field table_rows_text(const TableRows *rows) {
    return rows->texts[0];
}

const Field *table_rows_pair(const TableRows *rows) {
    return rows->pairs ? &rows->texts[1] : NULL;
}

size_t table_rows_bytes(const TableRows *rows) {
    return records_row_bytes(rows->records);
}

/* An object as it is written but on one line, without its closing brace. Line ends stand between its tokens only. */
static void write_object(const TableRows *rows, FILE *file) {
    size_t size;
    const char *object = records_object(rows->records, &size);
    while (size > 0 && object[size - 1] != '}') size--;
    for (size--; size > 0 && strchr(" \t\r\n", object[size - 1]);) size--;
    for (size_t i = 0; i < size; i++) putc_unlocked(object[i] == '\n' || object[i] == '\r' ? ' ' : object[i], file);
}

static Field cell_of(const TableRows *rows, size_t column) {
    if (!rows->objects) return records_cell(rows->records, column);
    const ObjectCell *cell = &rows->cells.cells[column];
    return (Field){.text = rows->cells.text + cell->at, .size = cell->size};
}

void table_rows_write(const TableRows *rows, FILE *file) {
    const bool json = rows->format == OUTPUT_JSON;
    if (json && rows->objects) {
        write_object(rows, file);
        return;
    }
    for (size_t i = 0; i < rows->count; i++) {
        const Field cell = cell_of(rows, i);
        if (json) {
            putc_unlocked(i == 0 ? '{' : ',', file);
            output_string(file, rows->names[i], strlen(rows->names[i]));
            putc_unlocked(':', file);
            output_string(file, cell.text, cell.size);
        } else {
            if (i > 0) output_separator(file, rows->format);
            output_cell(file, rows->format, cell.text, cell.size);
        }
    }
}

Status table_rows_source(TableRows *rows, TableSource *about, Error *error) {
    return records_source(rows->records, about, error);
}
