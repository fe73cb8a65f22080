/* Several tables read as one. See tables.h. */
#include "text/tables.h"
#include "linnet/core/escape.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include <string.h>

struct Tables {
    char *const *paths; /**< [count] borrowed */
    size_t count;
    TableOptions options;
    const char *const *columns; /**< [column_count] borrowed */
    size_t column_count;
    bool twice;
    size_t lists;     /**< a column that may hold lists; column_count: none does */
    size_t current;   /**< the table that is read */
    Records *records; /**< of it */
    int64_t rows;     /**< read of it */
    Digest *digest;   /**< of the digests of the tables before it */
    TableSource about;
};

static Status open_one(const Tables *tables, size_t index, Records **records, Error *error) {
    if (records_open(records, tables->paths[index], &tables->options, tables->columns, tables->column_count,
                     tables->twice && tables->count == 1, error))
        return error->status;
    if (tables->lists < tables->column_count) records_take_lists(*records, tables->lists);
    return STATUS_OK;
}

/* Whether a table has a column of this name in its header row. */
static bool has_column(const Records *records, const char *name) {
    for (size_t i = 0; i < records_width(records); i++)
        if (strcmp(records_column(records, i), name) == 0) return true;
    return false;
}

/* Every column of `one` must be in `other`. */
static Status compare_columns(const Records *one, const Records *other, Error *error) {
    Quoted shown;
    for (size_t i = 0; i < records_width(one); i++) {
        const char *name = records_column(one, i);
        if (!has_column(other, name))
            return error_set(error, STATUS_INPUT,
                             "%s: has no column %s, as %s has: tables that are read together have "
                             "the same columns",
                             records_name(other), quoted(name, strlen(name), &shown), records_name(one));
    }
    return STATUS_OK;
}

static Status compare_headers(const Records *first, const Records *other, Error *error) {
    const size_t width = records_width(first), width_other = records_width(other);
    if (width == 0 || width_other == 0) return STATUS_OK; /* the rows of JSON tell their columns themselves */
    if (records_column(first, 0) && records_column(other, 0))
        return compare_columns(first, other, error) ? error->status : compare_columns(other, first, error);
    if (width == width_other) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: has %zu column%s, but %s has %zu", records_name(other), width_other,
                     width_other == 1 ? "" : "s", records_name(first), width);
}

/* Look at the headers of all tables, before the long work. */
static Status check_headers(Tables *tables, Error *error) {
    for (size_t i = 1; i < tables->count && !error->status; i++) {
        Records *other = NULL;
        if (!open_one(tables, i, &other, error)) compare_headers(tables->records, other, error);
        records_close(other);
    }
    return error->status;
}

Status tables_open(Tables **tables, char *const *paths, size_t count, const TableOptions *options,
                   const char *const *columns, size_t column_count, bool twice, Error *error) {
    Tables *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    *made = (Tables){.paths = paths,
                     .count = count,
                     .options = *options,
                     .columns = columns,
                     .column_count = column_count,
                     .lists = column_count,
                     .twice = twice};
    if (!digest_create(&made->digest, error) && !open_one(made, 0, &made->records, error) &&
        !check_headers(made, error))
        *tables = made;
    else
        tables_close(made);
    return error->status;
}

void tables_take_lists(Tables *tables, size_t column) {
    tables->lists = column;
    records_take_lists(tables->records, column);
}

void tables_close(Tables *tables) {
    if (!tables) return;
    records_close(tables->records);
    digest_destroy(tables->digest);
    memory_free(tables);
}

/* The table's last row has been read. */
static Status end_table(Tables *tables, Error *error) {
    TableSource about;
    if (tables->rows == 0)
        return error_set(error, STATUS_INPUT, "%s: the table has no rows", records_name(tables->records));
    if (records_source(tables->records, &about, error)) return error->status;
    digest_add(tables->digest, about.digest, strlen(about.digest));
    digest_add(tables->digest, "\n", 1);
    memcpy(tables->about.digest, about.digest, sizeof about.digest);
    tables->about.size += about.size;
    tables->about.replaced += about.replaced;
    return STATUS_OK;
}

/* Go on with the table of this index. */
static Status begin_table(Tables *tables, size_t index, Error *error) {
    records_close(tables->records);
    tables->records = NULL;
    tables->rows = 0;
    tables->current = index;
    return open_one(tables, index, &tables->records, error);
}

Status tables_next(Tables *tables, Field *fields, bool *more, Error *error) {
    for (;;) {
        if (records_next(tables->records, fields, more, error)) return error->status;
        if (*more) {
            tables->rows++;
            return STATUS_OK;
        }
        if (end_table(tables, error) || tables->current + 1 == tables->count) return error->status;
        if (begin_table(tables, tables->current + 1, error)) return error->status;
    }
}

Status tables_rewind(Tables *tables, Error *error) {
    tables->about = (TableSource){0};
    digest_destroy(tables->digest);
    tables->digest = NULL;
    if (digest_create(&tables->digest, error)) return error->status;
    if (tables->count > 1) return begin_table(tables, 0, error);
    tables->rows = 0;
    return records_rewind(tables->records, error);
}

int64_t tables_size(const Tables *tables) {
    int64_t size = 0;
    if (tables->count == 1) return records_size(tables->records);
    for (size_t i = 0; i < tables->count; i++) size += file_size(tables->paths[i]);
    return size;
}

const char *tables_name(const Tables *tables) {
    return tables->records ? records_name(tables->records) : tables->paths[tables->current];
}

void tables_source(Tables *tables, TableSource *about) {
    if (tables->count > 1) digest_finish(tables->digest, tables->about.digest);
    *about = tables->about;
}
