/* A table's rows as fields, whatever its format. See records.h. */
#include "linnet/text/records.h"
#include "linnet/core/escape.h"
#include "linnet/core/integers.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include "text/records_private.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- Options --- */

/* The format by its name or by the ending of the table's name. */
static Status choose_format(const char *path, const char *told, Format *format, Error *error) {
    static const char *const FORMATS[] = {"csv", "tsv", "json", "lines"};
    static const struct {
        const char *ending;
        Format format;
    } ENDINGS[] = {{".csv", FORMAT_CSV},    {".tsv", FORMAT_TSV},     {".tab", FORMAT_TSV},  {".json", FORMAT_JSON},
                   {".jsonl", FORMAT_JSON}, {".ndjson", FORMAT_JSON}, {".txt", FORMAT_LINES}};
    Quoted shown;
    for (*format = 0; told && *format < FORMAT_COUNT; ++*format)
        if (strcmp(told, FORMATS[*format]) == 0) return STATUS_OK;
    if (told && (strcmp(told, "jsonl") == 0 || strcmp(told, "ndjson") == 0)) {
        *format = FORMAT_JSON;
        return STATUS_OK;
    }
    if (told)
        return error_set(error, STATUS_INPUT, "format %s is not known: expected csv, tsv, json or lines",
                         quoted(told, strlen(told), &shown));
    size_t size = strlen(path);
    if (size > 3 && strcasecmp(path + size - 3, ".gz") == 0) size -= 3;
    if (size > 4 && strcasecmp(path + size - 4, ".zst") == 0) size -= 4;
    for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++) {
        const size_t length = strlen(ENDINGS[i].ending);
        *format = ENDINGS[i].format;
        if (size > length && strncasecmp(path + size - length, ENDINGS[i].ending, length) == 0) return STATUS_OK;
    }
    return error_set(
        error, STATUS_INPUT,
        "%s: the name does not tell the format (.csv, .tsv, .json, .jsonl or .txt, also with .gz or .zst): add --format "
        "csv, tsv, json or lines",
        strcmp(path, "-") == 0 ? "standard input" : path);
}

static Status refuse_option(const char *name, const char *expected, const char *value, Error *error) {
    Quoted shown;
    return error_set(error, STATUS_INPUT, "%s: expected %s, got %s", name, expected,
                     quoted(value, strlen(value), &shown));
}

static Status choose_separator(const char *told, Dialect *dialect, Error *error) {
    const char *separator = strcmp(told, "tab") == 0 || strcmp(told, "\\t") == 0 ? "\t" : told;
    const size_t size = strlen(separator);
    if (size == 0 || utf8_character_length(separator, size) != size || strchr("\n\r\"", *separator))
        return refuse_option("separator", "one character, or \"tab\"", told, error);
    memcpy(dialect->separator, separator, size);
    dialect->separator_size = size;
    return STATUS_OK;
}

static Status choose_dialect(Records *records, Error *error) {
    const TableOptions *options = &records->options;
    Dialect *dialect = &records->dialect;
    *dialect = (Dialect){.separator = {records->format == FORMAT_TSV ? '\t' : ','}, .separator_size = 1, .quote = '"'};
    if (records->format == FORMAT_LINES) *dialect = (Dialect){.quote = -1, .keeps_blank = true};
    const bool cells = records->format == FORMAT_CSV || records->format == FORMAT_TSV;
    if (!cells && (options->separator || options->quote || options->no_header))
        return error_set(error, STATUS_INPUT, "separator, quote and no header are options of csv and tsv");
    if (options->field && records->format != FORMAT_JSON)
        return error_set(error, STATUS_INPUT, "field is an option of json");
    if (options->encoding_errors && strcmp(options->encoding_errors, "strict") != 0 &&
        strcmp(options->encoding_errors, "replace") != 0)
        return refuse_option("encoding errors", "\"strict\" or \"replace\"", options->encoding_errors, error);
    if (options->separator && choose_separator(options->separator, dialect, error)) return error->status;
    if (!options->quote) return STATUS_OK;
    const bool none = strcmp(options->quote, "none") == 0;
    if (!none && (strlen(options->quote) != 1 || strchr("\n\r", *options->quote)))
        return refuse_option("quote", "one ASCII character, or \"none\"", options->quote, error);
    dialect->quote = none ? -1 : (unsigned char)*options->quote;
    return STATUS_OK;
}

/* --- The header row --- */

static const char *cell_text(const Records *records, size_t cell) {
    return row_buffer_row(&records->buffer) + records->row.cells[cell].at;
}

/* What is likely where a column is missing: another separator, or another format. */
static void advise(const Records *records, char advice[96]) {
    static const char *const SEPARATORS[][2] = {{"\t", "tab"}, {";", "';'"}, {"|", "'|'"}, {",", "','"}};
    const char *first = cell_text(records, 0);
    const size_t size = records->row.cells[0].size;
    *advice = '\0';
    if (size > 0 && (*first == '{' || *first == '[')) snprintf(advice, 96, "; if this is JSON, add --format json");
    for (size_t i = 0; records->width == 1 && !*advice && i < 4; i++)
        if (memchr(first, *SEPARATORS[i][0], size))
            snprintf(advice, 96, "; if that is the separator, add --separator %s", SEPARATORS[i][1]);
}

static Status refuse_missing(const Records *records, const char *name, Error *error) {
    char known[512] = "", advice[96];
    Quoted shown;
    quoted(name, strlen(name), &shown);
    if (records->options.no_header)
        return error_set(error, STATUS_INPUT,
                         "%s:%" PRId64 ": no column %s: without a header columns have numbers, here 0 to %zu",
                         byte_source_name(records->source), records->buffer.line, shown.text, records->width - 1);
    for (size_t i = 0; i < records->width; i++)
        error_list(known, sizeof known, cell_text(records, i), records->row.cells[i].size);
    advise(records, advice);
    return error_set(error, STATUS_INPUT, "%s:%" PRId64 ": no column %s; the columns are: %s%s",
                     byte_source_name(records->source), records->buffer.line, shown.text, known, advice);
}

/* A column by its number, from 0; `width` where there is none. */
static size_t numbered_column(const Records *records, const char *name) {
    const size_t digits = strspn(name, "0123456789");
    if (digits == 0 || digits > 9 || name[digits]) return records->width;
    return size_min((size_t)strtoul(name, NULL, 10), records->width);
}

static Status place_column(Records *records, size_t column, Error *error) {
    const char *name = records->columns[column];
    size_t *place = &records->places[column];
    Quoted shown;
    *place = records->width;
    for (size_t i = 0; i < records->width && !records->options.no_header; i++) {
        const Cell *cell = &records->row.cells[i];
        if (cell->size != strlen(name) || memcmp(cell_text(records, i), name, cell->size) != 0) continue;
        if (*place < records->width)
            return error_set(error, STATUS_INPUT, "%s:%" PRId64 ":%" PRId64 ": column %s appears twice",
                             byte_source_name(records->source), cell->line, cell->column,
                             quoted(name, strlen(name), &shown));
        *place = i;
    }
    if (*place == records->width) *place = numbered_column(records, name);
    return *place < records->width ? STATUS_OK : refuse_missing(records, name, error);
}

/* Excel's first line `sep=;`, which no other column is called like. */
static Status pass_separator_line(Records *records, Error *error) {
    RowBuffer *buffer = &records->buffer;
    static const char START[] = "sep=";
    const size_t at = strlen(START);
    bool there;
    if (row_buffer_need(buffer, at + 1, &there, error) || !there) return error->status;
    const char *row = row_buffer_row(buffer);
    if (strncasecmp(row, START, at) != 0 || !memchr("\n\r", row[at + 1], 2)) return STATUS_OK;
    const char separator[] = {row[at], '\0'};
    if (!records->options.separator && choose_separator(separator, &records->dialect, error)) return error->status;
    if (row_buffer_need(buffer, at + 2, &there, error)) return error->status;
    const bool lf = there && row_buffer_row(buffer)[at + 1] == '\r' && row_buffer_row(buffer)[at + 2] == '\n';
    row_buffer_skip(buffer, at + 2 + lf, 1);
    return STATUS_OK;
}

/* Read the header row, or without one the first row, and find each column. */
static Status read_header(Records *records, Error *error) {
    bool more;
    if (pass_separator_line(records, error) ||
        csv_read_row(&records->buffer, &records->dialect, &records->row, &more, error))
        return error->status;
    if (!more)
        return error_set(error, STATUS_INPUT, "%s: the file is empty%s", byte_source_name(records->source),
                         records->options.no_header ? "" : "; its first row must name the columns");
    records->width = records->row.count;
    records->waiting = records->options.no_header;
    records->first_line = records->buffer.line;
    if (!records->names && !records->options.no_header && records_keep_names(records, error)) return error->status;
    for (size_t i = 0; i < records->count; i++)
        if (place_column(records, i, error)) break;
    return error->status;
}

/* --- Rows --- */

/* A table of lines has one column, called "text" or 0; another name tells that it is no table of lines. */
static Status check_lines(const Records *records, Error *error) {
    const char *first = records->columns[0];
    const bool texts = strcmp(first, "text") == 0 || strcmp(first, "0") == 0;
    if (texts && records->count == 1) return STATUS_OK;
    Quoted shown;
    const char *other = records->columns[texts ? 1 : 0];
    return error_set(error, STATUS_INPUT, "%s: a table of lines has texts only, no column %s%s",
                     byte_source_name(records->source), quoted(other, strlen(other), &shown),
                     texts ? "" : " (for a table with columns add --format csv)");
}

Status records_begin(Records *records, Error *error) {
    RowText *kept = records->json.kept;
    const bool lists = records->json.lists;
    const size_t list_column = records->json.list_column;
    records->row.bytes = 0;
    records->row.lines = 0;
    records->waiting = false;
    records->json = (JsonRows){.columns = records->columns,
                               .count = records->count,
                               .field = records->options.field,
                               .place = JSON_START,
                               .kept = kept,
                               .lists = lists,
                               .list_column = list_column};
    if (choose_dialect(records, error) || row_buffer_open(&records->buffer, records->source, error))
        return error->status;
    if (records->format == FORMAT_CSV || records->format == FORMAT_TSV) return read_header(records, error);
    records->width = records->format == FORMAT_LINES ? 1 : records->count;
    return records->format == FORMAT_LINES ? check_lines(records, error) : STATUS_OK;
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

/* What the file is counts for more than how it is called: a Parquet file is told by that name. */
static Status open_source(Records *records, const char *path, bool twice, Error *error) {
    Error format = {0};
    choose_format(path, records->options.format, &records->format, &format);
    const bool lines = !format.status && records->format == FORMAT_LINES;
    if (byte_source_open(&records->source, path, &records->options, lines, twice, error)) return error->status;
    return format.status ? error_set(error, format.status, "%s", format.message) : STATUS_OK;
}

Status records_open(Records **records, const char *path, const TableOptions *options, const char *const *columns,
                    size_t count, bool twice, Error *error) {
    Records *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    made->options = *options;
    if (!open_source(made, path, twice, error) && !copy_columns(made, columns, count, error) &&
        !records_begin(made, error))
        *records = made;
    else
        records_close(made);
    return error->status;
}

Status records_rewind(Records *records, Error *error) {
    return byte_source_rewind(records->source, error) ? error->status : records_begin(records, error);
}

static Status check_width(const Records *records, Error *error) {
    const Row *row = &records->row;
    if (row->count == records->width) return STATUS_OK;
    const Cell *last = &row->cells[row->count > records->width ? records->width : row->count - 1];
    return error_set(error, STATUS_INPUT, "%s:%" PRId64 ":%" PRId64 ": the row has %zu field%s, but the %s row has %zu",
                     byte_source_name(records->source), last->line, last->column, row->count,
                     row->count == 1 ? "" : "s", records->options.no_header ? "first" : "header", records->width);
}

/* Where texts begin with quotes that mean nothing, a cell can hold the rows up to the next quote. Between tabs, where
 * texts hardly have both a tab and a line end, it is told. */
static void warn_of_rows_in_a_cell(Records *records) {
    const Row *row = &records->row;
    if (records->told || records->dialect.separator[0] != '\t' || row->lines < 2) return;
    for (size_t i = 0; i < row->count && !records->told; i++) {
        const char *text = cell_text(records, i);
        if (!memchr(text, '\t', row->cells[i].size) || !memchr(text, '\n', row->cells[i].size)) continue;
        log_warning("%s:%" PRId64 ":%" PRId64
                    ": the cell in quotes holds tabs and line ends: if quotes mean nothing here, add --quote none",
                    byte_source_name(records->source), row->cells[i].line, row->cells[i].column);
        records->told = true;
    }
}

/* Move to the next row. */
static Status advance(Records *records, bool *more, Error *error) {
    RowBuffer *buffer = &records->buffer;
    Row *row = &records->row;
    if (records->format == FORMAT_JSON) return json_read_row(buffer, &records->json, row, more, error);
    *more = true;
    if (records->waiting) {
        records->waiting = false;
        return STATUS_OK;
    }
    row_buffer_skip(buffer, row->bytes, row->lines);
    row->bytes = 0;
    row->lines = 0;
    if (csv_read_row(buffer, &records->dialect, row, more, error) || !*more) return error->status;
    warn_of_rows_in_a_cell(records);
    return check_width(records, error);
}

Status records_next(Records *records, Field *fields, bool *more, Error *error) {
    if (advance(records, more, error) || !*more) return error->status;
    for (size_t i = 0; i < records->count; i++) {
        const Cell *cell = &records->row.cells[records->places[i]];
        fields[i] = (Field){.text = cell_text(records, records->places[i]),
                            .size = cell->size,
                            .line = cell->line,
                            .column = cell->column,
                            .null = cell->null};
    }
    return STATUS_OK;
}

Status records_ready(Records *records, bool *ready, Error *error) {
    /* A line end alone is no row, unless it is an empty text. */
    const char *blank = records->format == FORMAT_LINES ? "" : records->format == FORMAT_JSON ? " \t\r\n,]" : "\r\n";
    const int quote = records->format == FORMAT_JSON ? -1 : records->dialect.quote;
    *ready = true;
    if (records->waiting) return STATUS_OK;
    return row_buffer_ready(&records->buffer, records->row.bytes, blank, quote, ready, error);
}

Status records_source(Records *records, TableSource *about, Error *error) {
    return byte_source_finish(records->source, about, error);
}

int64_t records_size(const Records *records) {
    return byte_source_size(records->source);
}

const char *records_name(const Records *records) {
    return byte_source_name(records->source);
}

void records_close(Records *records) {
    if (!records) return;
    row_buffer_close(&records->buffer);
    byte_source_close(records->source);
    memory_free(records->row.cells);
    memory_free(records->names);
    memory_free(records->kept.bytes);
    memory_free(records->columns);
    memory_free(records->places);
    memory_free(records);
}
