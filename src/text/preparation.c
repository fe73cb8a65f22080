/* From a table of texts to a token file. See preparation.h. */
#include "linnet/text/preparation.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/data/dataset.h"
#include "linnet/text/records.h"
#include "linnet/text/tokenizer.h"
#include "text/subset.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
    const PrepareOptions *options;
    PrepareSummary *summary;
    Tokenizer *tokenizer;
    DatasetWriter *writer;
    Subset *subset;     /**< NULL without a subset */
    int32_t max_length; /**< by the options or the tokenizer */
} Preparation;

static Status check_options(const PrepareOptions *options, Error *error) {
    if (options->labels < 1 || options->labels > DATASET_LABELS_MAX)
        return error_set(error, STATUS_INPUT, "expected 1 to %d labels, got %zu", DATASET_LABELS_MAX, options->labels);
    for (size_t i = 0; i < options->labels; i++) {
        if (options->label_names[i][0] == 0) return error_set(error, STATUS_INPUT, "label %zu: the name is empty", i);
        for (size_t j = 0; j < i; j++)
            if (strcmp(options->label_names[i], options->label_names[j]) == 0)
                return error_set(error, STATUS_INPUT, "label `%s` appears twice", options->label_names[i]);
    }
    if (options->max_length < 0)
        return error_set(error, STATUS_INPUT, "expected a maximum length of at least 1 token, got %d",
                         options->max_length);
    if (file_same(options->input, options->output))
        return error_set(error, STATUS_INPUT, "%s: the output is the input table: choose another file",
                         options->output);
    return STATUS_OK;
}

static Status source_size(const char *path, int64_t *size, Error *error) {
    struct stat information;
    if (stat(path, &information) != 0)
        return error_set(error, STATUS_INPUT, "%s: cannot read: %s", path, strerror(errno));
    *size = (int64_t)information.st_size;
    return STATUS_OK;
}

/* The field's number, or -1 unless it is all digits and below `limit`. */
static int32_t label_number(const Field *field, size_t limit) {
    size_t number = 0;
    for (size_t i = 0; i < field->size; i++) {
        if (field->text[i] < '0' || field->text[i] > '9') return -1;
        number = number * 10 + (size_t)(field->text[i] - '0');
        if (number >= limit) return -1;
    }
    return field->size > 0 ? (int32_t)number : -1;
}

static Status refuse_label(const PrepareOptions *options, const Field *field, Error *error) {
    char known[512] = "";
    for (size_t i = 0; i < options->labels; i++)
        error_list(known, sizeof known, options->label_names[i], strlen(options->label_names[i]));
    int shown = (int)(field->size < 64 ? field->size : 64);
    return error_set(error, STATUS_INPUT,
                     "%s:%" PRId64 ":%" PRId64 ": unknown label `%.*s`: expected %s, or a number from 0 to %zu",
                     options->input, field->line, field->column, shown, field->text, known, options->labels - 1);
}

static Status read_label(const PrepareOptions *options, const Field *field, int32_t *label, Error *error) {
    for (size_t i = 0; i < options->labels; i++)
        if (strlen(options->label_names[i]) == field->size &&
            memcmp(options->label_names[i], field->text, field->size) == 0) {
            *label = (int32_t)i;
            return STATUS_OK;
        }
    *label = label_number(field, options->labels);
    return *label >= 0 ? STATUS_OK : refuse_label(options, field, error);
}

/* Encode the row's text and write the sample, or keep it for the subset, which has an order of its own. */
static Status take_row(Preparation *preparation, const Field fields[2], int64_t row, Error *error) {
    const PrepareOptions *options = preparation->options;
    PrepareSummary *summary = preparation->summary;
    const int32_t *ids;
    size_t count;
    int32_t label;
    bool truncated;
    if (read_label(options, &fields[1], &label, error)) return error->status;
    if (tokenizer_encode_sample(preparation->tokenizer, fields[0].text, fields[0].size, preparation->max_length, &ids,
                                &count, &truncated, error))
        return error->status;
    summary->truncated += truncated;
    summary->samples++;
    summary->tokens += (int64_t)count;
    summary->per_label[label]++;
    if ((int32_t)count > summary->longest) summary->longest = (int32_t)count;
    if (preparation->subset) return subset_keep(preparation->subset, ids, count, label, error);
    return dataset_writer_add(preparation->writer, ids, count, label, row, error);
}

static Status open_table(Records **records, const PrepareOptions *options, Error *error) {
    const char *columns[2] = {options->text_column, options->label_column};
    return records_open(records, options->input, columns, 2, error);
}

static Status read_table(Preparation *preparation, Error *error) {
    Records *records = NULL;
    Field fields[2];
    bool more = true;
    if (open_table(&records, preparation->options, error)) return error->status;
    for (int64_t row = 0; !records_next(records, fields, &more, error) && more; row++) {
        preparation->summary->rows = row + 1;
        if (preparation->subset && !subset_wants(preparation->subset, row)) continue;
        if (take_row(preparation, fields, row, error)) break;
    }
    records_close(records);
    if (!error->status && preparation->summary->rows == 0)
        error_set(error, STATUS_INPUT, "%s: the table has no rows", preparation->options->input);
    return error->status;
}

/* First pass for a subset: the number of rows decides which are drawn. */
static Status choose_rows(Preparation *preparation, int64_t *rows, Error *error) {
    const PrepareOptions *options = preparation->options;
    Records *records = NULL;
    Field fields[2];
    if (options->subset == 0) return STATUS_OK;
    if (open_table(&records, options, error)) return error->status;
    *rows = 0;
    for (bool more; !records_next(records, fields, &more, error) && more;) ++*rows;
    records_close(records);
    if (error->status) return error->status;
    if (options->subset < 0 || options->subset > *rows)
        return error_set(error, STATUS_INPUT,
                         "%s: expected a subset of at most the table's %" PRId64 " rows, got %" PRId64, options->input,
                         *rows, options->subset);
    return subset_create(&preparation->subset, *rows, options->subset, options->subset_seed, error);
}

static Status create_writer(Preparation *preparation, Error *error) {
    const PrepareOptions *options = preparation->options;
    const char *slash = strrchr(options->input, '/');
    DatasetInfo info = {.vocabulary = tokenizer_vocabulary(preparation->tokenizer),
                        .end_of_text = tokenizer_end_of_text(preparation->tokenizer),
                        .max_length = preparation->max_length,
                        .labels = (int32_t)options->labels,
                        .label_names = options->label_names};
    snprintf(info.tokenizer_digest, sizeof info.tokenizer_digest, "%s", tokenizer_digest(preparation->tokenizer));
    snprintf(info.source_name, sizeof info.source_name, "%s", slash ? slash + 1 : options->input);
    return dataset_writer_create(&preparation->writer, options->output, &info, error);
}

static Status finish(Preparation *preparation, int64_t size, Error *error) {
    const char *input = preparation->options->input;
    char digest[DIGEST_TEXT];
    int64_t size_now = 0;
    if (preparation->subset && subset_write(preparation->subset, preparation->writer, error)) return error->status;
    if (digest_file(input, digest, error) || source_size(input, &size_now, error)) return error->status;
    if (size_now != size) return error_set(error, STATUS_INPUT, "%s: the file changed while it was read", input);
    return dataset_writer_finish(preparation->writer, digest, size, error);
}

Status prepare(const PrepareOptions *options, PrepareSummary *summary, Error *error) {
    Preparation preparation = {.options = options, .summary = summary};
    int64_t size = 0, counted = -1;
    memset(summary, 0, sizeof *summary);
    if (check_options(options, error) || file_probe(options->output, error)) goto cleanup;
    if (tokenizer_create(&preparation.tokenizer, options->tokenizer, error)) goto cleanup;
    preparation.max_length = tokenizer_max_length(preparation.tokenizer, options->max_length, PREPARE_MAX_LENGTH);
    summary->max_length = preparation.max_length;
    if (source_size(options->input, &size, error) || choose_rows(&preparation, &counted, error)) goto cleanup;
    if (create_writer(&preparation, error) || read_table(&preparation, error)) goto cleanup;
    if (counted >= 0 && counted != summary->rows) {
        error_set(error, STATUS_INPUT, "%s: the file changed while it was read", options->input);
        goto cleanup;
    }
    finish(&preparation, size, error);
cleanup:
    subset_destroy(preparation.subset);
    dataset_writer_destroy(preparation.writer);
    tokenizer_destroy(preparation.tokenizer);
    return error->status;
}
