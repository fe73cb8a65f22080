#include "data/dataset_columns.h"

// Some 64 to 128 KiB a chunk: few enough reads for a whole file, little to read in vain for one sample.
const ColumnKind column_kinds[COLUMNS] = {
    [COLUMN_TOKENS] = {"tokens", sizeof(uint16_t), false, 65536},
    [COLUMN_OFFSETS] = {"offsets", sizeof(int64_t), true, 8192},
    [COLUMN_LABELS] = {"labels", sizeof(uint8_t), false, 65536},
    [COLUMN_ROWS] = {"rows", sizeof(int64_t), true, 8192},
};

// A chunk is read (and unpacked) whole, so its size bounds the memory that a file can make us take.
#define CHUNK_BYTES_MAX ((hsize_t)64 << 20)
// No filter of HDF5's packs better than deflate's 1 : 1032; elements beyond that were never written.
#define PACKING_MAX 2048

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

static bool right_type(hid_t dataset, const ColumnKind *kind) {
    const hid_t type = H5Dget_type(dataset);
    if (type < 0) return false;
    const bool good = H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) == kind->size &&
                      H5Tget_sign(type) == (kind->is_signed ? H5T_SGN_2 : H5T_SGN_NONE);
    H5Tclose(type);
    return good;
}

/** The length of a one-dimensional dataset, or −1. */
static int64_t vector_length(hid_t dataset) {
    hsize_t extent = 0;
    const hid_t space = H5Dget_space(dataset);
    if (space < 0) return -1;
    const bool good = H5Sget_simple_extent_type(space) == H5S_SIMPLE && H5Sget_simple_extent_ndims(space) == 1 &&
                      H5Sget_simple_extent_dims(space, &extent, NULL) == 1 && extent <= INT64_MAX;
    H5Sclose(space);
    return good ? (int64_t)extent : -1;
}

/** The data lie in this file, in pieces of a sane size. */
static bool right_layout(hid_t dataset, const ColumnKind *kind) {
    hsize_t chunk = 0;
    const hid_t properties = H5Dget_create_plist(dataset);
    if (properties < 0) return false;
    const H5D_layout_t layout = H5Pget_layout(properties);
    bool good = layout == H5D_COMPACT || (layout == H5D_CONTIGUOUS && H5Pget_external_count(properties) == 0);
    if (layout == H5D_CHUNKED) good = H5Pget_chunk(properties, 1, &chunk) == 1 && chunk <= CHUNK_BYTES_MAX / kind->size;
    H5Pclose(properties);
    return good;
}

/** A name may also be a link into another file. */
static bool is_own(hid_t file, const char *name) {
    H5L_info_t link;
    return H5Lget_info(file, name, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD;
}

Status column_open(Column *column, ColumnName name, hid_t file, const char *path, Error *error) {
    const ColumnKind *kind = &column_kinds[name];
    column->name = name;
    column->dataset = is_own(file, kind->name) ? H5Dopen2(file, kind->name, H5P_DEFAULT) : -1;
    if (column->dataset < 0)
        return error_set(error, STATUS_INPUT, "%s: dataset \"%s\" is missing or damaged", path, kind->name);
    if (!right_type(column->dataset, kind))
        return error_set(error, STATUS_INPUT, "%s: dataset \"%s\" must hold %s integers of %zu bits", path, kind->name,
                         kind->is_signed ? "signed" : "unsigned", 8 * kind->size);
    column->length = vector_length(column->dataset);
    if (column->length < 0)
        return error_set(error, STATUS_INPUT, "%s: dataset \"%s\" must have one dimension", path, kind->name);
    if (!right_layout(column->dataset, kind))
        return error_set(error, STATUS_INPUT, "%s: dataset \"%s\" must lie in this file, in chunks of 64 MiB at most",
                         path, kind->name);
    const uint64_t stored = H5Dget_storage_size(column->dataset);
    if ((uint64_t)column->length / PACKING_MAX > stored)
        return error_set(error, STATUS_INPUT,
                         "%s: dataset \"%s\" names %lld elements but the file holds %llu bytes of it", path, kind->name,
                         (long long)column->length, (unsigned long long)stored);
    return STATUS_OK;
}

Status column_read(const Column *column, int64_t first, int64_t count, void *out, const char *path, Error *error) {
    const hsize_t start = (hsize_t)first, extent = (hsize_t)count;
    if (count == 0) return STATUS_OK;
    h5_enter();
    const hid_t held = H5Screate_simple(1, &extent, NULL);
    const hid_t stored = H5Dget_space(column->dataset);
    if (held < 0 || stored < 0 || H5Sselect_hyperslab(stored, H5S_SELECT_SET, &start, NULL, &extent, NULL) < 0 ||
        H5Dread(column->dataset, column_memory_type(column->name), held, stored, H5P_DEFAULT, out) < 0) {
        char what[64];
        snprintf(what, sizeof what, "dataset \"%s\" cannot be read", column_kinds[column->name].name);
        h5_error(error, STATUS_INPUT, path, what);
    }
    if (held >= 0) H5Sclose(held);
    if (stored >= 0) H5Sclose(stored);
    h5_leave();
    return error->status;
}

Status dataset_check_offsets(const Dataset *dataset, const int64_t *offsets, int64_t first, int64_t count,
                             Error *error) {
    const DatasetInfo *info = &dataset->info;
    for (int64_t i = 0; i <= count; i++) {
        const bool inside = offsets[i] >= 0 && offsets[i] <= info->tokens;
        if (!inside || (i > 0 && offsets[i] <= offsets[i - 1]))
            return error_set(error, STATUS_INPUT,
                             "%s: offsets[%lld] is %lld; offsets must rise from 0 to the number of tokens, %lld",
                             dataset->path, (long long)(first + i), (long long)offsets[i], (long long)info->tokens);
        if (i > 0 && offsets[i] - offsets[i - 1] > info->longest)
            return error_set(error, STATUS_INPUT, "%s: sample %lld has %lld tokens, but \"longest_sample\" says %d",
                             dataset->path, (long long)(first + i - 1), (long long)(offsets[i] - offsets[i - 1]),
                             info->longest);
    }
    return STATUS_OK;
}

Status dataset_check_label(const Dataset *dataset, uint8_t label, int64_t sample, Error *error) {
    if (label < dataset->info.labels) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: labels[%lld] is %d; there are %d labels, numbered from 0", dataset->path,
                     (long long)sample, label, dataset->info.labels);
}

Status dataset_check_ids(const Dataset *dataset, const uint16_t *ids, int64_t count, int64_t place, Error *error) {
    for (int64_t i = 0; i < count; i++)
        if (ids[i] >= dataset->info.vocabulary)
            return error_set(error, STATUS_INPUT,
                             "%s: tokens[%lld] is %d; the vocabulary has %d tokens, numbered from 0", dataset->path,
                             (long long)(place + i), ids[i], dataset->info.vocabulary);
    return STATUS_OK;
}
