/* The token file's arrays, which may be hostile: an array that would make its reader take too much memory, open
 * another file or load a filter is refused before it is read. See dataset_columns.h. */
#include "data/dataset_columns.h"
#include "linnet/core/file.h"
#include "linnet/core/file_source.h"
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* HDF5 reads a chunk at once, so this limits the memory that a file can make the reader take. */
#define CHUNK_BYTES_MAX ((hsize_t)64 << 20)

/* Chunks of 64 to 128 KiB: few reads for a complete file, little to read that one sample does not need. */
const ColumnKind column_kinds[COLUMNS] = {
    [COLUMN_TOKENS] = {"tokens", sizeof(uint32_t), sizeof(uint16_t), false, false, 65536},
    [COLUMN_OFFSETS] = {"offsets", sizeof(int64_t), sizeof(int64_t), true, false, 8192},
    [COLUMN_LABELS] = {"labels", sizeof(uint16_t), sizeof(uint8_t), false, false, 65536},
    [COLUMN_ROWS] = {"rows", sizeof(int64_t), sizeof(int64_t), true, false, 8192},
    [COLUMN_TARGETS] = {"targets", sizeof(float), sizeof(float), true, true, 16384},
};

hid_t column_type(ColumnName name) {
    if (name == COLUMN_TOKENS) return H5T_NATIVE_UINT32;
    if (name == COLUMN_TARGETS) return H5T_NATIVE_FLOAT;
    return name == COLUMN_LABELS ? H5T_NATIVE_UINT16 : H5T_NATIVE_INT64;
}

hid_t column_file_type(ColumnName name, const DatasetInfo *info) {
    if (name == COLUMN_TOKENS) return info->vocabulary <= UINT16_MAX + 1 ? H5T_STD_U16LE : H5T_STD_U32LE;
    if (name == COLUMN_LABELS) return info->labels <= UINT8_MAX + 1 ? H5T_STD_U8LE : H5T_STD_U16LE;
    return name == COLUMN_TARGETS ? H5T_IEEE_F32LE : H5T_STD_I64LE;
}

bool column_is_used(ColumnName name, Problem problem) {
    if (name == COLUMN_LABELS) return !problem_has_targets(problem);
    return name != COLUMN_TARGETS || problem_has_targets(problem);
}

/* --- Opening --- */

/* Whether an address of the file has an object header of the version with a checksum. */
static bool has_checked_header(const Dataset *dataset, haddr_t address) {
    char mark[4];
    return h5_bytes(dataset->file, &dataset->source, address, mark, sizeof mark) && memcmp(mark, "OHDR", 4) == 0;
}

/* Whether the name is an object of this file: it may be a link into another one. */
static bool is_own(const Dataset *dataset, const char *name) {
    H5L_info_t link;
    return H5Lget_info(dataset->file, name, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD &&
           has_checked_header(dataset, link.u.address);
}

/* The bytes of an element in the file; 0 where the type is not the column's. */
static size_t read_size(hid_t array, const ColumnKind *kind) {
    const hid_t type = H5Dget_type(array);
    if (type < 0) return 0;
    const size_t size = H5Tget_size(type);
    const bool good = kind->is_real
                          ? H5Tequal(type, H5T_IEEE_F32LE) > 0
                          : H5Tget_class(type) == H5T_INTEGER && (size == kind->size || size == kind->narrower) &&
                                H5Tget_sign(type) == (kind->is_signed ? H5T_SGN_2 : H5T_SGN_NONE);
    H5Tclose(type);
    return good ? size : 0;
}

static Status refuse_type(const Dataset *dataset, const ColumnKind *kind, Error *error) {
    const char *sign = kind->is_signed ? "signed" : "unsigned";
    if (kind->is_real)
        return error_set(error, STATUS_INPUT, "%s: dataset \"%s\": expected little-endian float32", dataset->path,
                         kind->name);
    if (kind->narrower < kind->size)
        return error_set(error, STATUS_INPUT, "%s: dataset \"%s\": expected %s integers of %zu or %zu bits",
                         dataset->path, kind->name, sign, 8 * kind->narrower, 8 * kind->size);
    return error_set(error, STATUS_INPUT, "%s: dataset \"%s\": expected %s integers of %zu bits", dataset->path,
                     kind->name, sign, 8 * kind->size);
}

/* Set *length to the number of elements; false where there is not one dimension. */
static bool read_length(hid_t array, hsize_t *length) {
    const hid_t space = H5Dget_space(array);
    if (space < 0) return false;
    const bool good = H5Sget_simple_extent_type(space) == H5S_SIMPLE && H5Sget_simple_extent_ndims(space) == 1 &&
                      H5Sget_simple_extent_dims(space, length, NULL) == 1;
    H5Sclose(space);
    return good && *length <= INT64_MAX / sizeof(int64_t);
}

/* Only the checksum filter: others may be code that HDF5 looks for on the disk, or unpack to any size. */
static bool has_known_filters(hid_t properties) {
    for (int i = 0; i < H5Pget_nfilters(properties); i++) {
        unsigned flags, settings;
        size_t count = 0;
        if (H5Pget_filter2(properties, (unsigned)i, &flags, &count, NULL, 0, NULL, &settings) != H5Z_FILTER_FLETCHER32)
            return false;
    }
    return true;
}

static bool has_right_chunks(hid_t array, hid_t properties, size_t size) {
    hsize_t chunk = 0;
    H5D_chunk_index_t index;
    if (H5Pget_chunk(properties, 1, &chunk) != 1 || chunk < 1 || chunk > CHUNK_BYTES_MAX / size) return false;
    /* A B-tree index has no checksums. */
    return H5Dget_chunk_index_type(array, &index) >= 0 && index != H5D_CHUNK_IDX_BTREE;
}

/* Whether the data, elements of `size` bytes, are in this file, in chunks of limited size. */
static bool has_right_layout(hid_t array, size_t size) {
    const hid_t properties = H5Dget_create_plist(array);
    if (properties < 0) return false;
    const H5D_layout_t layout = H5Pget_layout(properties);
    bool good = layout == H5D_COMPACT || (layout == H5D_CONTIGUOUS && H5Pget_external_count(properties) == 0);
    if (layout == H5D_CHUNKED) good = has_known_filters(properties) && has_right_chunks(array, properties, size);
    H5Pclose(properties);
    return good;
}

Status column_open(Dataset *dataset, ColumnName name, int64_t expected, Error *error) {
    const ColumnKind *kind = &column_kinds[name];
    const DatasetInfo *info = &dataset->info;
    const char *path = dataset->path;
    hsize_t length = 0;
    size_t size;
    const hid_t array = is_own(dataset, kind->name) ? H5Dopen2(dataset->file, kind->name, H5P_DEFAULT) : -1;
    dataset->columns[name] = array;
    if (array < 0) return error_set(error, STATUS_INPUT, "%s: dataset \"%s\" is missing or damaged", path, kind->name);
    if (!(size = read_size(array, kind))) return refuse_type(dataset, kind, error);
    if (name == COLUMN_TOKENS) dataset->info.id_bits = (int32_t)(8 * size);
    if (!read_length(array, &length))
        return error_set(error, STATUS_INPUT, "%s: dataset \"%s\": expected one dimension", path, kind->name);
    if (!has_right_layout(array, size))
        return error_set(error, STATUS_INPUT,
                         "%s: dataset \"%s\": expected data in this file, not compressed, in chunks of at most 64 MiB",
                         path, kind->name);
    const hsize_t stored = H5Dget_storage_size(array);
    if (length * size > stored)
        return error_set(error, STATUS_INPUT,
                         "%s: dataset \"%s\" has %llu elements, but the file holds only %llu bytes of it", path,
                         kind->name, (unsigned long long)length, (unsigned long long)stored);
    if (length != (hsize_t)expected)
        return error_set(error, STATUS_INPUT,
                         "%s: dataset \"%s\": expected %lld elements for %lld samples and %lld tokens, got %llu", path,
                         kind->name, (long long)expected, (long long)info->samples, (long long)info->tokens,
                         (unsigned long long)length);
    return STATUS_OK;
}

/* --- Reading and checking --- */

/* One read. *stale: it failed because a file server no longer knows the file. */
static Status read_once(const Dataset *dataset, ColumnName name, hsize_t first, hsize_t count, void *out, bool *stale,
                        Error *error) {
    const hid_t array = dataset->columns[name];
    const hid_t stored = H5Dget_space(array), held = H5Screate_simple(1, &count, NULL);
    if (held < 0 || stored < 0 || H5Sselect_hyperslab(stored, H5S_SELECT_SET, &first, NULL, &count, NULL) < 0 ||
        H5Dread(array, column_type(name), held, stored, H5P_DEFAULT, out) < 0) {
        char what[96];
        snprintf(what, sizeof what, "cannot read dataset \"%s\"", column_kinds[name].name);
        *stale = h5_is_stale();
        h5_error(error, STATUS_INPUT, dataset->path, what);
    }
    if (held >= 0) H5Sclose(held);
    if (stored >= 0) H5Sclose(stored);
    return error->status;
}

/* Open the file again; an error where it is another one now. HDF5 takes a path that it has open for the same file, so
 * that it must be closed first. */
static Status reopen(Dataset *dataset, Error *error) {
    const struct stat then = dataset->source.opened;
    for (int i = 0; i < COLUMNS; i++) {
        if (dataset->columns[i] >= 0) H5Dclose(dataset->columns[i]);
        dataset->columns[i] = -1;
    }
    h5_close(dataset->file, &dataset->source);
    if (h5_open(&dataset->file, &dataset->source, dataset->path, error)) return error->status;
    for (ColumnName name = 0; name < COLUMNS; name++)
        if (column_is_used(name, dataset->info.problem))
            dataset->columns[name] = H5Dopen2(dataset->file, column_kinds[name].name, H5P_DEFAULT);
    if (file_is_unchanged(&then, &dataset->source.opened)) return STATUS_OK;
    return error_set(error, STATUS_FAILURE, "%s: was replaced by another file while it was in use: start again",
                     dataset->path);
}

Status column_read(Dataset *dataset, ColumnName name, int64_t first, int64_t count, void *out, Error *error) {
    /* HDF5 as Debian builds it serves one thread at a time. While the loader's thread reads ahead, the main thread may
     * read evaluation data. A thread that waits holds `next`, so that the other one, which may read many pieces in a
     * row, cannot take the lock again before it. */
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, next = PTHREAD_MUTEX_INITIALIZER;
    if (count == 0) return error->status;
    pthread_mutex_lock(&next);
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&next);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* each thread may have an error stack of its own, and print it */
    for (int attempts = 0; !error->status;) {
        bool stale = false;
        Error failure = {0};
        if (!read_once(dataset, name, (hsize_t)first, (hsize_t)count, out, &stale, &failure)) break;
        errno = stale ? ESTALE : 0;
        if (file_retry(&attempts))
            reopen(dataset, error);
        else
            error_set(error, failure.status, "%s", failure.message);
    }
    pthread_mutex_unlock(&lock);
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

Status dataset_check_label(const Dataset *dataset, uint16_t label, int64_t sample, Error *error) {
    const int32_t largest = dataset->info.labels > 0 ? dataset->info.labels - 1 : 0; /* without labels all are 0 */
    if (label <= largest) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: labels[%lld]: expected a label from 0 to %d, got %d", dataset->path,
                     (long long)sample, largest, label);
}

Status dataset_check_targets(const Dataset *dataset, const float *values, int64_t count, int64_t place, Error *error) {
    const bool multi = dataset->info.problem == PROBLEM_MULTI_LABEL;
    for (int64_t i = 0; i < count; i++)
        if (multi ? values[i] != 0.0F && values[i] != 1.0F : !isfinite(values[i]))
            return error_set(error, STATUS_INPUT, "%s: targets[%lld]: expected %s, got %g", dataset->path,
                             (long long)(place + i), multi ? "0 or 1" : "a finite number", (double)values[i]);
    return STATUS_OK;
}

Status dataset_check_ids(const Dataset *dataset, const int32_t *ids, int64_t count, int64_t place, Error *error) {
    const uint32_t vocabulary = (uint32_t)dataset->info.vocabulary;
    for (int64_t i = 0; i < count; i++) /* they were read as uint32: one of 2^31 or more is negative */
        if ((uint32_t)ids[i] >= vocabulary)
            return error_set(error, STATUS_INPUT, "%s: tokens[%lld]: expected an id from 0 to %u, got %u",
                             dataset->path, (long long)(place + i), vocabulary - 1, (uint32_t)ids[i]);
    return STATUS_OK;
}
