/* Writing a token file. See dataset.h. */
#include "data/dataset_columns.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/core/temporary.h"
#include <string.h>
#include <unistd.h>

/* A column that is written: the current chunk in memory, full chunks in the file. */
typedef struct {
    hid_t dataset; /**< −1 where not open */
    char *chunk;
    hsize_t held;    /**< elements in chunk */
    hsize_t written; /**< elements in the file */
} Output;

struct DatasetWriter {
    char *path, *temporary; /**< the target, and the file that is written */
    hid_t file;             /**< −1 once closed */
    bool exists;            /**< the temporary file exists and must be removed */
    DatasetInfo info;
    Output outputs[COLUMNS];
};

static Status write_failed(const DatasetWriter *writer, Error *error) {
    return h5_error(error, STATUS_FAILURE, writer->path, "cannot write the token file");
}

/* --- Columns --- */

/* A chunked dataset that can grow, with a checksum for each chunk, which shows damage, and without time stamps, so
 * that the same input gives the same bytes. */
static hid_t create_column(hid_t file, ColumnName name, const DatasetInfo *info) {
    const ColumnKind *kind = &column_kinds[name];
    const hsize_t none = 0, unlimited = H5S_UNLIMITED;
    const hid_t space = H5Screate_simple(1, &none, &unlimited);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE), access = H5Pcreate(H5P_DATASET_ACCESS);
    hid_t dataset = -1;
    H5Pset_obj_track_times(creation, false);
    /* Each chunk is written once, when full: without a cache a full disk is an error of that write, not of the
     * close. */
    if (H5Pset_chunk(creation, 1, &kind->chunk) >= 0 && H5Pset_fletcher32(creation) >= 0 &&
        H5Pset_chunk_cache(access, 0, 0, 1.0) >= 0)
        dataset = H5Dcreate2(file, kind->name, column_file_type(name, info), space, H5P_DEFAULT, creation, access);
    H5Pclose(access);
    H5Pclose(creation);
    H5Sclose(space);
    return dataset;
}

/* Append the elements in memory to the file. */
static Status output_flush(DatasetWriter *writer, ColumnName name, Error *error) {
    Output *output = &writer->outputs[name];
    const hsize_t extent = output->written + output->held;
    if (output->held == 0) return STATUS_OK;
    hid_t held = -1, stored = -1;
    if (H5Dset_extent(output->dataset, &extent) < 0 || (stored = H5Dget_space(output->dataset)) < 0 ||
        (held = H5Screate_simple(1, &output->held, NULL)) < 0 ||
        H5Sselect_hyperslab(stored, H5S_SELECT_SET, &output->written, NULL, &output->held, NULL) < 0 ||
        H5Dwrite(output->dataset, column_type(name), held, stored, H5P_DEFAULT, output->chunk) < 0)
        write_failed(writer, error);
    if (held >= 0) H5Sclose(held);
    if (stored >= 0) H5Sclose(stored);
    output->written = extent;
    output->held = 0;
    return error->status;
}

/* The place of the next element, after writing a full chunk; NULL after an error. */
static void *output_next(DatasetWriter *writer, ColumnName name, Error *error) {
    Output *output = &writer->outputs[name];
    if (output->held == column_kinds[name].chunk && output_flush(writer, name, error)) return NULL;
    return output->chunk + output->held++ * column_kinds[name].size;
}

static Status add_int64(DatasetWriter *writer, ColumnName name, int64_t value, Error *error) {
    int64_t *next = output_next(writer, name, error);
    if (next) *next = value;
    return error->status;
}

/* --- The writer --- */

static Status copy_info(DatasetWriter *writer, const DatasetInfo *info, Error *error) {
    DatasetInfo *own = &writer->info;
    *own = *info;
    own->samples = own->tokens = own->longest = 0;
    own->label_names = memory_allocate((size_t)info->labels, sizeof *own->label_names, error);
    for (int32_t i = 0; own->label_names && i < info->labels; i++) {
        const size_t size = strlen(info->label_names[i]);
        if (size < 1 || size > H5_TEXT_MAX)
            return error_set(error, STATUS_INPUT, "label %d: expected a name of 1 to %d bytes, got %zu", i, H5_TEXT_MAX,
                             size);
        own->label_names[i] = memory_text(info->label_names[i], error);
    }
    return error->status;
}

Status dataset_writer_create(DatasetWriter **writer, const char *path, const DatasetInfo *info, Error *error) {
    DatasetWriter *created = memory_allocate(1, sizeof *created, error);
    if (!created) return error->status;
    created->file = -1;
    for (int i = 0; i < COLUMNS; i++) created->outputs[i].dataset = -1;
    created->path = memory_text(path, error);
    created->temporary = temporary_begin(path, error);
    if (copy_info(created, info, error) || h5_create(&created->file, created->temporary, path, error)) goto cleanup;
    created->exists = true;
    for (ColumnName name = 0; name < COLUMNS; name++) {
        Output *output = &created->outputs[name];
        if (!column_is_used(name, info->problem)) continue;
        output->chunk = memory_allocate(column_kinds[name].chunk, column_kinds[name].size, error);
        if (output->chunk && (output->dataset = create_column(created->file, name, info)) < 0)
            write_failed(created, error);
        if (error->status) goto cleanup;
    }
    if (add_int64(created, COLUMN_OFFSETS, 0, error)) goto cleanup;
    *writer = created;
    created = NULL;
cleanup:
    dataset_writer_destroy(created);
    return error->status;
}

static Status check_sample(const DatasetInfo *info, const int32_t *ids, size_t count, int64_t row, Error *error) {
    if (row < 0) return error_set(error, STATUS_INPUT, "expected a row from 0, got %lld", (long long)row);
    if (count < 1 || count > (size_t)info->max_length)
        return error_set(error, STATUS_INPUT, "row %lld: expected 1 to %d tokens, got %zu", (long long)row,
                         info->max_length, count);
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= info->vocabulary)
            return error_set(error, STATUS_INPUT, "row %lld: expected ids from 0 to %d, got %d", (long long)row,
                             info->vocabulary - 1, ids[i]);
    return STATUS_OK;
}

/* All of a sample but its label. */
static Status add_sample(DatasetWriter *writer, const int32_t *ids, size_t count, int64_t row, Error *error) {
    DatasetInfo *info = &writer->info;
    for (size_t i = 0; i < count; i++) {
        uint32_t *next = output_next(writer, COLUMN_TOKENS, error);
        if (!next) return error->status;
        *next = (uint32_t)ids[i];
    }
    info->samples++;
    info->tokens += (int64_t)count;
    if ((int32_t)count > info->longest) info->longest = (int32_t)count;
    if (add_int64(writer, COLUMN_ROWS, row, error)) return error->status;
    return add_int64(writer, COLUMN_OFFSETS, info->tokens, error);
}

Status dataset_writer_add(DatasetWriter *writer, const int32_t *ids, size_t count, int32_t label, int64_t row,
                          Error *error) {
    const DatasetInfo *info = &writer->info;
    const int32_t largest = info->labels > 0 ? info->labels - 1 : 0; /* without labels all are 0 */
    if (check_sample(info, ids, count, row, error)) return error->status;
    if (label < 0 || label > largest)
        return error_set(error, STATUS_INPUT, "row %lld: expected a label from 0 to %d, got %d", (long long)row,
                         largest, label);
    uint16_t *next = output_next(writer, COLUMN_LABELS, error);
    if (!next) return error->status;
    *next = (uint16_t)label;
    return add_sample(writer, ids, count, row, error);
}

Status dataset_writer_add_targets(DatasetWriter *writer, const int32_t *ids, size_t count, const float *targets,
                                  int64_t row, Error *error) {
    if (check_sample(&writer->info, ids, count, row, error)) return error->status;
    for (int32_t k = 0; k < writer->info.labels; k++) {
        float *next = output_next(writer, COLUMN_TARGETS, error);
        if (!next) return error->status;
        *next = targets[k];
    }
    return add_sample(writer, ids, count, row, error);
}

/* A file that earlier versions can read stays as they write it. */
static bool put_version(hid_t file, const DatasetInfo *info) {
    if (!problem_has_targets(info->problem) && info->labels <= DATASET_PLAIN_LABELS_MAX)
        return h5_put_int(file, "format_version", DATASET_FORMAT_VERSION);
    return h5_put_int(file, "format_version", DATASET_FORMAT_PROBLEMS) &&
           h5_put_text(file, "problem_type", problem_name(info->problem));
}

static bool put_attributes(hid_t file, const DatasetInfo *info) {
    return put_version(file, info) && h5_put_int(file, "samples", info->samples) &&
           h5_put_int(file, "tokens", info->tokens) && h5_put_int(file, "vocabulary_size", info->vocabulary) &&
           h5_put_int(file, "end_of_text", info->end_of_text) && h5_put_int(file, "max_length", info->max_length) &&
           h5_put_int(file, "longest_sample", info->longest) &&
           h5_put_text(file, "tokenizer_digest", info->tokenizer_digest) &&
           h5_put_text(file, "source_name", info->source_name) &&
           h5_put_text(file, "source_digest", info->source_digest) &&
           h5_put_int(file, "source_size", info->source_size) &&
           (!*info->part || h5_put_text(file, "part", info->part)) &&
           (!info->pairs || h5_put_int(file, "text_pairs", 1)) &&
           (info->labels == 0 || h5_put_texts(file, "label_names", info->label_names, info->labels));
}

/* Close all that is open in the file; false when something could not be written. */
static bool close_file(DatasetWriter *writer) {
    bool good = true;
    for (int i = 0; i < COLUMNS; i++) {
        if (writer->outputs[i].dataset >= 0) good = H5Dclose(writer->outputs[i].dataset) >= 0 && good;
        writer->outputs[i].dataset = -1;
    }
    if (writer->file >= 0) good = H5Fclose(writer->file) >= 0 && good;
    writer->file = -1;
    return good;
}

Status dataset_writer_finish(DatasetWriter *writer, const char *source_digest, int64_t source_size, Error *error) {
    DatasetInfo *info = &writer->info;
    if (info->samples == 0)
        return error_set(error, STATUS_INPUT, "%s: no samples to write: a token file has at least one", writer->path);
    strncpy(info->source_digest, source_digest, sizeof info->source_digest - 1);
    info->source_size = source_size;
    for (ColumnName name = 0; name < COLUMNS; name++)
        if (writer->outputs[name].dataset >= 0 && output_flush(writer, name, error)) return error->status;
    if (!put_attributes(writer->file, info) || H5Fflush(writer->file, H5F_SCOPE_GLOBAL) < 0 || !close_file(writer))
        return write_failed(writer, error);
    if (!file_take_place(writer->temporary, writer->path, error)) writer->exists = false;
    return error->status;
}

void dataset_writer_destroy(DatasetWriter *writer) {
    if (!writer) return;
    close_file(writer);
    if (writer->exists) unlink(writer->temporary);
    for (int i = 0; i < COLUMNS; i++) memory_free(writer->outputs[i].chunk);
    h5_free_texts(writer->info.label_names, writer->info.labels);
    memory_free(writer->path);
    temporary_end(writer->temporary);
    memory_free(writer);
}
