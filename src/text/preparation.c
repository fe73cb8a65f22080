/* From a table of texts to a token file. See preparation.h. */
#include "linnet/text/preparation.h"
#include "linnet/core/escape.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include "linnet/data/dataset.h"
#include "linnet/text/table_paths.h"
#include "linnet/tokenizer/tokenizer.h"
#include "text/labels.h"
#include "text/subset.h"
#include "text/tables.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const PrepareOptions *options;
    PrepareSummary *summary;
    LabelNames labels; /**< none where the options have none */
    TablePaths paths;
    const char *columns[2]; /**< of texts and labels */
    Tables *tables;
    Tokenizer *tokenizer;
    DatasetWriter *writer;
    Subset *subset;     /**< NULL without a subset */
    int32_t max_length; /**< by the options or the tokenizer */
} Preparation;

static Status check_options(Preparation *preparation, Error *error) {
    const PrepareOptions *options = preparation->options;
    if (options->label_column && label_names_init(&preparation->labels, options->label_names, options->labels, error))
        return error->status;
    if (options->max_length < 0)
        return error_set(error, STATUS_INPUT, "expected a maximum length of at least 1 token, got %d",
                         options->max_length);
    if (table_paths_expand(&preparation->paths, options->inputs, options->input_count, error)) return error->status;
    for (size_t i = 0; i < preparation->paths.count; i++)
        if (file_same(preparation->paths.items[i], options->output))
            return error_set(error, STATUS_INPUT, "%s: the output is the input table: choose another file",
                             options->output);
    return STATUS_OK;
}

/* Encode the row's text and write the sample, or keep it for the subset, which has an order of its own. */
static Status take_row(Preparation *preparation, const Field fields[2], int64_t row, Error *error) {
    const PrepareOptions *options = preparation->options;
    PrepareSummary *summary = preparation->summary;
    const int32_t *ids;
    size_t count;
    int32_t label = 0;
    bool truncated;
    if (options->label_column &&
        label_of_field(&preparation->labels, &fields[1], tables_name(preparation->tables), &label, error))
        return error->status;
    if (tokenizer_encode_sample(preparation->tokenizer, fields[0].text, fields[0].size, preparation->max_length, &ids,
                                &count, &truncated, error))
        return error->status;
    summary->truncated += truncated;
    summary->empty += fields[0].size == 0;
    summary->null += fields[0].null;
    summary->samples++;
    summary->tokens += (int64_t)count;
    summary->per_label[label]++;
    if ((int32_t)count > summary->longest) summary->longest = (int32_t)count;
    if (preparation->subset) return subset_keep(preparation->subset, ids, count, label, error);
    return dataset_writer_add(preparation->writer, ids, count, label, row, error);
}

static Status open_tables(Preparation *preparation, Error *error) {
    const PrepareOptions *options = preparation->options;
    const TablePaths *paths = &preparation->paths;
    preparation->columns[0] = options->text_column;
    preparation->columns[1] = options->label_column;
    preparation->summary->files = (int64_t)paths->count;
    return tables_open(&preparation->tables, paths->items, paths->count, &options->table, preparation->columns,
                       options->label_column ? 2 : 1, options->subset != 0, error);
}

static Status read_tables(Preparation *preparation, Error *error) {
    Field fields[2];
    bool more = true;
    for (int64_t row = 0; !tables_next(preparation->tables, fields, &more, error) && more; row++) {
        preparation->summary->rows = row + 1;
        if (preparation->subset && !subset_wants(preparation->subset, row)) continue;
        if (take_row(preparation, fields, row, error)) break;
    }
    return error->status;
}

/* First pass for a subset: the number of rows decides which are drawn. */
static Status choose_rows(Preparation *preparation, int64_t *rows, Error *error) {
    const PrepareOptions *options = preparation->options;
    Tables *tables = preparation->tables;
    Field fields[2];
    if (options->subset == 0) return STATUS_OK;
    *rows = 0;
    for (bool more; !tables_next(tables, fields, &more, error) && more;) ++*rows;
    if (error->status) return error->status;
    if (options->subset < 0 || options->subset > *rows)
        return error_set(error, STATUS_INPUT,
                         "%s: expected a subset of at most the table's %" PRId64 " rows, got %" PRId64,
                         tables_name(tables), *rows, options->subset);
    if (subset_create(&preparation->subset, *rows, options->subset, options->subset_seed, error)) return error->status;
    return tables_rewind(tables, error);
}

/* The name of the first table without its folder, and how many more there are. */
static void name_source(const Preparation *preparation, DatasetInfo *info) {
    const char *name = tables_name(preparation->tables), *slash = strrchr(name, '/');
    const size_t more = preparation->paths.count - 1;
    char others[40] = "";
    if (slash) name = slash + 1;
    if (more > 0) snprintf(others, sizeof others, " and %zu more", more);
    escape_text(ESCAPE_OUTPUT, name, strlen(name), info->source_name, sizeof info->source_name - strlen(others));
    strcat(info->source_name, others);
}

static Status create_writer(Preparation *preparation, Error *error) {
    const PrepareOptions *options = preparation->options;
    DatasetInfo info = {.vocabulary = tokenizer_vocabulary(preparation->tokenizer),
                        .end_of_text = tokenizer_end_of_text(preparation->tokenizer),
                        .max_length = preparation->max_length,
                        .labels = (int32_t)preparation->labels.count,
                        .label_names = options->label_names};
    snprintf(info.tokenizer_digest, sizeof info.tokenizer_digest, "%s", tokenizer_digest(preparation->tokenizer));
    name_source(preparation, &info);
    return dataset_writer_create(&preparation->writer, options->output, &info, error);
}

static Status finish(Preparation *preparation, int64_t counted, Error *error) {
    TableSource source;
    if (preparation->subset && subset_write(preparation->subset, preparation->writer, error)) return error->status;
    tables_source(preparation->tables, &source);
    if (counted >= 0 && counted != preparation->summary->rows)
        return error_set(error, STATUS_INPUT, "%s: the file changed while it was read",
                         tables_name(preparation->tables));
    preparation->summary->replaced = source.replaced;
    return dataset_writer_finish(preparation->writer, source.digest, source.size, error);
}

/* The tables are read twice for a subset. */
static Status convert(Preparation *preparation, Error *error) {
    int64_t counted = -1;
    if (open_tables(preparation, error)) return error->status;
    progress_total(tables_size(preparation->tables) * (preparation->options->subset ? 2 : 1));
    if (choose_rows(preparation, &counted, error)) return error->status;
    if (!create_writer(preparation, error) && !read_tables(preparation, error)) finish(preparation, counted, error);
    return error->status;
}

Status prepare(const PrepareOptions *options, PrepareSummary *summary, Error *error) {
    Preparation preparation = {.options = options, .summary = summary};
    memset(summary, 0, sizeof *summary);
    if (check_options(&preparation, error) || file_probe(options->output, error) ||
        file_check_replaced(options->output, "\x89HDF\r\n\x1a\n", "a token file", error))
        goto cleanup;
    if (tokenizer_create(&preparation.tokenizer, options->tokenizer, error)) goto cleanup;
    const int32_t positions = options->positions;
    preparation.max_length =
        tokenizer_max_length(preparation.tokenizer, options->max_length, positions ? positions : PREPARE_MAX_LENGTH);
    if (positions && preparation.max_length > positions) preparation.max_length = positions;
    summary->max_length = preparation.max_length;
    progress_begin("prepare", "bytes", 0);
    convert(&preparation, error);
    progress_end();
cleanup:
    tables_close(preparation.tables);
    table_paths_free(&preparation.paths);
    subset_destroy(preparation.subset);
    dataset_writer_destroy(preparation.writer);
    tokenizer_destroy(preparation.tokenizer);
    return error->status;
}
