/* The token file's arrays. See dataset_columns.h. */
#include "data/dataset_columns.h"

/* Chunks of 64 to 128 KiB: few reads for a complete file, little to read that one sample does not need. */
const ColumnKind column_kinds[COLUMNS] = {
    [COLUMN_TOKENS] = {"tokens", sizeof(uint16_t), false, 65536},
    [COLUMN_OFFSETS] = {"offsets", sizeof(int64_t), true, 8192},
    [COLUMN_LABELS] = {"labels", sizeof(uint8_t), false, 65536},
    [COLUMN_ROWS] = {"rows", sizeof(int64_t), true, 8192},
};

hid_t column_memory_type(ColumnName name) {
    switch (name) {
    case COLUMN_TOKENS:
        return H5T_NATIVE_UINT16;
    case COLUMN_LABELS:
        return H5T_NATIVE_UINT8;
    default:
        return H5T_NATIVE_INT64;
    }
}

Status column_open(Column *column, ColumnName name, hid_t file, const char *path, Error *error) {
    const ColumnKind *kind = &column_kinds[name];
    const H5ArrayKind wanted = {kind->name, H5T_INTEGER, kind->size, kind->is_signed, 1};
    column->name = name;
    if (h5_array_open(&column->array, file, &wanted, path, error)) return error->status;
    column->length = (int64_t)column->array.size[0];
    return STATUS_OK;
}

Status column_read(const Column *column, int64_t first, int64_t count, void *out, const char *path, Error *error) {
    h5_lock();
    h5_array_read(&column->array, column_memory_type(column->name), (hsize_t)first, (hsize_t)count, out,
                  column_kinds[column->name].name, path, error);
    h5_unlock();
    return error->status;
}

Status dataset_check_offsets(const Dataset *dataset, const int64_t *offsets, int64_t first, int64_t count,
                             Error *error) {
    const DatasetInfo *info = &dataset->info;
    for (int64_t i = 0; i <= count; i++) {
        const bool inside = offsets[i] >= 0 && offsets[i] <= info->tokens;
        if (!inside || (i > 0 && offsets[i] <= offsets[i - 1]))
            return error_set(
                error, STATUS_INPUT,
                "%s: offsets[%lld]: expected offsets that rise from 0 to the number of tokens, %lld, got %lld",
                dataset->path, (long long)(first + i), (long long)info->tokens, (long long)offsets[i]);
        if (i > 0 && offsets[i] - offsets[i - 1] > info->longest)
            return error_set(error, STATUS_INPUT, "%s: sample %lld has %lld tokens, more than \"longest_sample\", %d",
                             dataset->path, (long long)(first + i - 1), (long long)(offsets[i] - offsets[i - 1]),
                             info->longest);
    }
    return STATUS_OK;
}

Status dataset_check_label(const Dataset *dataset, uint8_t label, int64_t sample, Error *error) {
    if (label < dataset->info.labels) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: labels[%lld]: expected a label from 0 to %d, got %d", dataset->path,
                     (long long)sample, dataset->info.labels - 1, label);
}

Status dataset_check_ids(const Dataset *dataset, const uint16_t *ids, int64_t count, int64_t place, Error *error) {
    for (int64_t i = 0; i < count; i++)
        if (ids[i] >= dataset->info.vocabulary)
            return error_set(error, STATUS_INPUT, "%s: tokens[%lld]: expected an id from 0 to %d, got %d",
                             dataset->path, (long long)(place + i), dataset->info.vocabulary - 1, ids[i]);
    return STATUS_OK;
}
