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
    Chosen *chosen; /**< NULL without a subset */
} Preparation;

static Status check_options(const PrepareOptions *options, Error *error) {
    if (options->labels < 1 || options->labels > DATASET_LABELS_MAX)
        return error_set(error, STATUS_INPUT, "%zu labels given: from 1 to %d are possible", options->labels,
                         DATASET_LABELS_MAX);
    for (size_t i = 0; i < options->labels; i++) {
        if (options->label_names[i][0] == 0) return error_set(error, STATUS_INPUT, "label %zu has an empty name", i);
        for (size_t j = 0; j < i; j++)
            if (strcmp(options->label_names[i], options->label_names[j]) == 0)
                return error_set(error, STATUS_INPUT, "label `%s` is given twice", options->label_names[i]);
    }
    if (options->max_length < 1) return error_set(error, STATUS_INPUT, "the maximum length must be at least 1 token");
    return STATUS_OK;
}

static Status source_size(const char *path, int64_t *size, Error *error) {
    struct stat information;
    if (stat(path, &information) != 0)
        return error_set(error, STATUS_INPUT, "%s: cannot be read: %s", path, strerror(errno));
    *size = (int64_t)information.st_size;
    return STATUS_OK;
}

static Status refuse_same_file(const char *input, const char *output, Error *error) {
    if (!file_same(input, output)) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: the token file would replace the table it is made from", output);
}

/** The number that the whole of the field's digits make, -1 if it is none below `limit`. */
static int32_t whole_number(const Field *field, size_t limit) {
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
    size_t used = 0;
    for (size_t i = 0; i < options->labels && used < sizeof known - 1; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", options->label_names[i]);
    int shown = (int)(field->size < 64 ? field->size : 64);
    return error_set(error, STATUS_INPUT,
                     "%s:%" PRId64 ":%" PRId64 ": unknown label `%.*s`; known are %s, or their numbers 0 to %zu",
                     options->input, field->line, field->column, shown, field->text, known, options->labels - 1);
}

static Status read_label(const PrepareOptions *options, const Field *field, int32_t *label, Error *error) {
    for (size_t i = 0; i < options->labels; i++)
        if (strlen(options->label_names[i]) == field->size &&
            memcmp(options->label_names[i], field->text, field->size) == 0) {
            *label = (int32_t)i;
            return STATUS_OK;
        }
    *label = whole_number(field, options->labels);
    return *label >= 0 ? STATUS_OK : refuse_label(options, field, error);
}

/** Encode the row's text and write the sample, or keep it where a subset is to be written in its own order. */
static Status take_row(Preparation *preparation, const Field fields[2], int64_t row, Error *error) {
    const PrepareOptions *options = preparation->options;
    PrepareSummary *summary = preparation->summary;
    const int32_t *ids;
    size_t count;
    int32_t label;
    bool truncated;
    if (read_label(options, &fields[1], &label, error)) return error->status;
    if (tokenizer_encode_sample(preparation->tokenizer, fields[0].text, fields[0].size, options->max_length, &ids,
                                &count, &truncated, error))
        return error->status;
    summary->truncated += truncated;
    summary->samples++;
    summary->tokens += (int64_t)count;
    summary->per_label[label]++;
    if ((int32_t)count > summary->longest) summary->longest = (int32_t)count;
    if (preparation->chosen) return chosen_keep(preparation->chosen, ids, count, label, error);
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
        if (preparation->chosen && !chosen_wants(preparation->chosen, row)) continue;
        if (take_row(preparation, fields, row, error)) break;
    }
    records_close(records);
    if (!error->status && preparation->summary->rows == 0)
        error_set(error, STATUS_INPUT, "%s: the table has no rows", preparation->options->input);
    return error->status;
}

static Status count_rows(const PrepareOptions *options, int64_t *rows, Error *error) {
    Records *records = NULL;
    Field fields[2];
    bool more = true;
    *rows = 0;
    if (open_table(&records, options, error)) return error->status;
    while (!records_next(records, fields, &more, error) && more) ++*rows;
    records_close(records);
    return error->status;
}

/** First pass of a subset: how many rows there are decides which of them are drawn. */
static Status choose_rows(Preparation *preparation, int64_t *rows, Error *error) {
    const PrepareOptions *options = preparation->options;
    if (options->subset == 0) return STATUS_OK;
    if (count_rows(options, rows, error)) return error->status;
    if (options->subset < 0 || options->subset > *rows)
        return error_set(error, STATUS_INPUT, "%s: a subset of %" PRId64 " rows is not in a table of %" PRId64,
                         options->input, options->subset, *rows);
    return chosen_create(&preparation->chosen, *rows, options->subset, options->subset_seed, error);
}

static Status create_writer(Preparation *preparation, Error *error) {
    const PrepareOptions *options = preparation->options;
    const char *slash = strrchr(options->input, '/');
    DatasetInfo info = {.vocabulary = tokenizer_vocabulary(preparation->tokenizer),
                        .end_of_text = tokenizer_end_of_text(preparation->tokenizer),
                        .max_length = options->max_length,
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
    if (preparation->chosen && chosen_write(preparation->chosen, preparation->writer, error)) return error->status;
    if (digest_file(input, digest, error) || source_size(input, &size_now, error)) return error->status;
    if (size_now != size) return error_set(error, STATUS_INPUT, "%s: was changed while it was read", input);
    return dataset_writer_finish(preparation->writer, digest, size, error);
}

Status prepare(const PrepareOptions *options, PrepareSummary *summary, Error *error) {
    Preparation preparation = {.options = options, .summary = summary};
    int64_t size = 0, counted = -1;
    memset(summary, 0, sizeof *summary);
    if (check_options(options, error) || refuse_same_file(options->input, options->output, error) ||
        file_probe(options->output, error))
        goto cleanup;
    if (tokenizer_create(&preparation.tokenizer, options->tokenizer, error)) goto cleanup;
    if (source_size(options->input, &size, error) || choose_rows(&preparation, &counted, error)) goto cleanup;
    if (create_writer(&preparation, error) || read_table(&preparation, error)) goto cleanup;
    if (counted >= 0 && counted != summary->rows) {
        error_set(error, STATUS_INPUT, "%s: was changed while it was read", options->input);
        goto cleanup;
    }
    finish(&preparation, size, error);
cleanup:
    chosen_destroy(preparation.chosen);
    dataset_writer_destroy(preparation.writer);
    tokenizer_destroy(preparation.tokenizer);
    return error->status;
}
