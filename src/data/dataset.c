/* Opening and checking a token file. See dataset.h. */
#include "linnet/data/dataset.h"
#include "data/dataset_columns.h"
#include "linnet/core/integers.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include <string.h>

#define SAMPLES_AT_ONCE ((int64_t)8192)
#define TOKENS_AT_ONCE ((int64_t)262144)
#define TARGETS_AT_ONCE ((int64_t)262144)

/* --- Opening --- */

static Status get_int32(const Dataset *dataset, const char *name, int32_t low, int32_t high, int32_t *value,
                        Error *error) {
    int64_t wide = 0;
    h5_get_int(dataset->file, name, low, high, &wide, dataset->path, error);
    *value = (int32_t)wide;
    return error->status;
}

static Status get_digest(const Dataset *dataset, const char *name, char text[DIGEST_TEXT], Error *error) {
    if (h5_get_text(dataset->file, name, text, DIGEST_TEXT, dataset->path, error)) return error->status;
    if (strspn(text, "0123456789abcdef") == DIGEST_TEXT - 1) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: attribute \"%s\": expected 64 lower-case hexadecimal digits",
                     dataset->path, name);
}

static Status read_label_names(Dataset *dataset, Error *error) {
    DatasetInfo *info = &dataset->info;
    info->path = dataset->path;
    if (!problem_has_targets(info->problem) && H5Aexists(dataset->file, "label_names") == 0)
        return STATUS_OK; /* the samples have no labels */
    if (h5_get_texts(dataset->file, "label_names", DATASET_LABELS_MAX, &info->label_names, &info->labels, dataset->path,
                     error))
        return error->status;
    for (int32_t i = 0; i < info->labels; i++)
        for (int32_t j = 0; j < i; j++)
            if (strcmp(info->label_names[i], info->label_names[j]) == 0)
                return error_set(error, STATUS_INPUT, "%s: attribute \"label_names\": \"%s\" appears twice",
                                 dataset->path, info->label_names[i]);
    return STATUS_OK;
}

/* The attribute is in files of pairs only. */
static Status read_pairs(Dataset *dataset, Error *error) {
    int64_t pairs = 0;
    if (H5Aexists(dataset->file, "text_pairs") > 0)
        h5_get_int(dataset->file, "text_pairs", 0, 1, &pairs, dataset->path, error);
    dataset->info.pairs = pairs != 0;
    return error->status;
}

/* The attribute is in files of a split or with balanced classes only. */
static Status read_part(Dataset *dataset, Error *error) {
    char *part = dataset->info.part;
    if (H5Aexists(dataset->file, "part") > 0)
        h5_get_text(dataset->file, "part", part, sizeof dataset->info.part, dataset->path, error);
    return error->status;
}

/* Files of version 2 have one label a sample and do not say so. */
static Status read_problem(Dataset *dataset, int32_t version, Error *error) {
    char name[64];
    if (version == DATASET_FORMAT_VERSION) return STATUS_OK;
    if (h5_get_text(dataset->file, "problem_type", name, sizeof name, dataset->path, error)) return error->status;
    if (problem_find(name, &dataset->info.problem)) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: attribute \"problem_type\": expected %s, %s or %s, got \"%s\"",
                     dataset->path, problem_name(PROBLEM_SINGLE_LABEL), problem_name(PROBLEM_MULTI_LABEL),
                     problem_name(PROBLEM_REGRESSION), name);
}

static Status check_version(Dataset *dataset, Error *error) {
    int32_t version = 0;
    if (H5Aexists(dataset->file, "format_version") == 0)
        return error_set(error, STATUS_INPUT,
                         "%s: not a token file (attribute \"format_version\" is missing); make one with linnet prepare",
                         dataset->path);
    if (get_int32(dataset, "format_version", 1, INT32_MAX, &version, error)) return error->status;
    if (version == DATASET_FORMAT_VERSION || version == DATASET_FORMAT_PROBLEMS)
        return read_problem(dataset, version, error);
    return error_set(error, STATUS_INPUT,
                     "%s: was prepared by %s linnet (attribute \"format_version\": expected %d or %d, got %d): prepare "
                     "it again with linnet prepare",
                     dataset->path, version < DATASET_FORMAT_VERSION ? "an earlier" : "a later", DATASET_FORMAT_VERSION,
                     DATASET_FORMAT_PROBLEMS, version);
}

static Status read_attributes(Dataset *dataset, Error *error) {
    DatasetInfo *info = &dataset->info;
    if (check_version(dataset, error) ||
        h5_get_int(dataset->file, "samples", 1, INT64_MAX / (64 * DATASET_LABELS_MAX), &info->samples, dataset->path,
                   error) ||
        h5_get_int(dataset->file, "tokens", 1, INT64_MAX / 64, &info->tokens, dataset->path, error) ||
        get_int32(dataset, "vocabulary_size", 1, INT32_MAX, &info->vocabulary, error) ||
        get_int32(dataset, "end_of_text", 0, info->vocabulary - 1, &info->end_of_text, error) ||
        get_int32(dataset, "max_length", 1, INT32_MAX, &info->max_length, error) ||
        get_int32(dataset, "longest_sample", 1, info->max_length, &info->longest, error) ||
        get_digest(dataset, "tokenizer_digest", info->tokenizer_digest, error) ||
        h5_get_text(dataset->file, "source_name", info->source_name, sizeof info->source_name, dataset->path, error) ||
        get_digest(dataset, "source_digest", info->source_digest, error) ||
        h5_get_int(dataset->file, "source_size", 0, INT64_MAX, &info->source_size, dataset->path, error))
        return error->status;
    return read_pairs(dataset, error) || read_part(dataset, error) ? error->status : read_label_names(dataset, error);
}

static Status open_columns(Dataset *dataset, Error *error) {
    const DatasetInfo *info = &dataset->info;
    const int64_t expected[COLUMNS] = {info->tokens, info->samples + 1, info->samples, info->samples,
                                       info->samples * info->labels};
    for (ColumnName name = 0; name < COLUMNS; name++)
        if (column_is_used(name, info->problem) && column_open(dataset, name, expected[name], error)) break;
    return error->status;
}

Status dataset_open(Dataset **dataset, const char *path, Error *error) {
    Dataset *opened = memory_allocate(1, sizeof *opened, error);
    if (!opened) return error->status;
    opened->file = -1;
    for (int i = 0; i < COLUMNS; i++) opened->columns[i] = -1;
    opened->path = memory_text(path, error);
    if (opened->path && !h5_open(&opened->file, &opened->source, path, error) && !read_attributes(opened, error) &&
        !open_columns(opened, error))
        *dataset = opened;
    else
        dataset_close(opened);
    return error->status;
}

const DatasetInfo *dataset_info(const Dataset *dataset) {
    return &dataset->info;
}

Status dataset_require_labels(const Dataset *dataset, Error *error) {
    if (dataset->info.labels > 0) return STATUS_OK;
    return error_set(
        error, STATUS_INPUT,
        "%s has no labels: it serves predictions and linnet pretrain (prepare it without --no-labels and --pack "
        "from a table with labels)",
        dataset->path);
}

Status dataset_require_predictions(const Dataset *dataset, Error *error) {
    if (dataset->info.longest > 1) return STATUS_OK;
    return error_set(error, STATUS_INPUT,
                     "%s has no text of two tokens or more: a language model learns the next token of a text",
                     dataset->path);
}

void dataset_close(Dataset *dataset) {
    if (!dataset) return;
    for (int i = 0; i < COLUMNS; i++)
        if (dataset->columns[i] >= 0) H5Dclose(dataset->columns[i]);
    h5_close(dataset->file, &dataset->source);
    h5_free_texts(dataset->info.label_names, dataset->info.labels);
    memory_free(dataset->path);
    memory_free(dataset);
}

/* --- Checking --- */

/* Buffers for SAMPLES_AT_ONCE samples, TOKENS_AT_ONCE tokens and TARGETS_AT_ONCE targets. */
typedef struct {
    int64_t *offsets, *rows;
    uint16_t *labels;
    int32_t *ids;
    float *targets;
} Block;

/* Read and check the offsets of samples first … first + count − 1; the file's first and last are the ends of tokens. */
static Status read_offsets(Dataset *dataset, int64_t first, int64_t count, int64_t *offsets, Error *error) {
    const DatasetInfo *info = &dataset->info;
    if (column_read(dataset, COLUMN_OFFSETS, first, count + 1, offsets, error) ||
        dataset_check_offsets(dataset, offsets, first, count, error))
        return error->status;
    if (first == 0 && offsets[0] != 0)
        return error_set(error, STATUS_INPUT, "%s: offsets[0]: expected 0, got %lld", dataset->path,
                         (long long)offsets[0]);
    if (first + count == info->samples && offsets[count] != info->tokens)
        return error_set(error, STATUS_INPUT,
                         "%s: last element of offsets: expected the number of tokens, %lld, got %lld", dataset->path,
                         (long long)info->tokens, (long long)offsets[count]);
    return STATUS_OK;
}

Status dataset_longer(Dataset *dataset, int64_t first, int64_t count, int32_t length, int64_t *longer, Error *error) {
    *longer = 0;
    if (dataset->info.longest <= length) return STATUS_OK;
    int64_t *offsets = memory_allocate(SAMPLES_AT_ONCE + 1, sizeof *offsets, error);
    for (int64_t done = 0; done < count && !error->status; done += SAMPLES_AT_ONCE) {
        const int64_t some = int64_min(count - done, SAMPLES_AT_ONCE);
        if (read_offsets(dataset, first + done, some, offsets, error)) break;
        for (int64_t i = 0; i < some; i++) *longer += offsets[i + 1] - offsets[i] > length;
    }
    memory_free(offsets);
    return error->status;
}

void dataset_warn_longer(const DatasetInfo *info, int64_t longer, int32_t positions) {
    if (longer > 0)
        log_warning(
            "%s: %lld of %lld samples have more tokens than the model's %d positions, the longest %d: the model "
            "reads only the first %d tokens of each",
            info->path, (long long)longer, (long long)info->samples, positions, info->longest, positions);
}

Status dataset_count_labels(Dataset *dataset, int64_t first, int64_t count, int64_t *counts, Error *error) {
    uint16_t *labels = memory_allocate(SAMPLES_AT_ONCE, sizeof *labels, error);
    for (int64_t done = 0; done < count && !error->status; done += SAMPLES_AT_ONCE) {
        const int64_t some = int64_min(count - done, SAMPLES_AT_ONCE);
        if (column_read(dataset, COLUMN_LABELS, first + done, some, labels, error)) break;
        for (int64_t i = 0; i < some; i++) {
            if (dataset_check_label(dataset, labels[i], first + done + i, error)) break;
            counts[labels[i]]++;
        }
    }
    memory_free(labels);
    return error->status;
}

static Status verify_tokens(Dataset *dataset, int64_t first, int64_t end, int32_t *ids, Error *error) {
    for (int64_t place = first; place < end; place += TOKENS_AT_ONCE) {
        const int64_t count = int64_min(end - place, TOKENS_AT_ONCE);
        if (column_read(dataset, COLUMN_TOKENS, place, count, ids, error) ||
            dataset_check_ids(dataset, ids, count, place, error))
            break;
    }
    return error->status;
}

static Status verify_targets(Dataset *dataset, int64_t first, int64_t end, float *targets, Error *error) {
    for (int64_t place = first; place < end; place += TARGETS_AT_ONCE) {
        const int64_t count = int64_min(end - place, TARGETS_AT_ONCE);
        if (column_read(dataset, COLUMN_TARGETS, place, count, targets, error) ||
            dataset_check_targets(dataset, targets, count, place, error))
            break;
    }
    return error->status;
}

/* The labels, or the targets, of samples first … first + count − 1. */
static Status verify_labels(Dataset *dataset, int64_t first, int64_t count, Block *block, Error *error) {
    const int64_t labels = dataset->info.labels;
    if (problem_has_targets(dataset->info.problem))
        return verify_targets(dataset, first * labels, (first + count) * labels, block->targets, error);
    if (column_read(dataset, COLUMN_LABELS, first, count, block->labels, error)) return error->status;
    for (int64_t i = 0; i < count; i++)
        if (dataset_check_label(dataset, block->labels[i], first + i, error)) break;
    return error->status;
}

static Status verify_block(Dataset *dataset, int64_t first, int64_t count, Block *block, Error *error) {
    if (read_offsets(dataset, first, count, block->offsets, error) ||
        verify_labels(dataset, first, count, block, error) ||
        column_read(dataset, COLUMN_ROWS, first, count, block->rows, error))
        return error->status;
    for (int64_t i = 0; i < count; i++)
        if (block->rows[i] < 0)
            return error_set(error, STATUS_INPUT, "%s: rows[%lld]: expected a row from 0, got %lld", dataset->path,
                             (long long)(first + i), (long long)block->rows[i]);
    return verify_tokens(dataset, block->offsets[0], block->offsets[count], block->ids, error);
}

Status dataset_verify(Dataset *dataset, int64_t first, int64_t count, Error *error) {
    Block block = {
        .offsets = memory_allocate(SAMPLES_AT_ONCE + 1, sizeof *block.offsets, error),
        .rows = memory_allocate(SAMPLES_AT_ONCE, sizeof *block.rows, error),
        .labels = memory_allocate(SAMPLES_AT_ONCE, sizeof *block.labels, error),
        .ids = memory_allocate(TOKENS_AT_ONCE, sizeof *block.ids, error),
        .targets = memory_allocate(TARGETS_AT_ONCE, sizeof *block.targets, error),
    };
    progress_begin("check", "samples", count);
    for (int64_t done = 0; done < count && !error->status; done += SAMPLES_AT_ONCE) {
        progress_set(done, NULL);
        verify_block(dataset, first + done, int64_min(count - done, SAMPLES_AT_ONCE), &block, error);
    }
    progress_end();
    memory_free(block.offsets);
    memory_free(block.rows);
    memory_free(block.labels);
    memory_free(block.ids);
    memory_free(block.targets);
    return error->status;
}
