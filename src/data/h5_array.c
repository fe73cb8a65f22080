/* Arrays in HDF5 files. See h5_array.h. */
#include "data/h5_array.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* HDF5 reads a chunk at once, so this limits the memory that a file can make the reader take. */
#define CHUNK_BYTES_MAX ((hsize_t)64 << 20)

/* Whether an address of the file has an object header of the version with a checksum. */
static bool has_checked_header(hid_t file, haddr_t address) {
    char mark[4];
    int *descriptor = NULL;
    if (H5Fget_vfd_handle(file, H5P_DEFAULT, (void **)&descriptor) < 0 || !descriptor) return false;
    return pread(*descriptor, mark, sizeof mark, (off_t)address) == sizeof mark && memcmp(mark, "OHDR", 4) == 0;
}

/* Whether the name is an object of this file: it may be a link into another one. */
static bool is_own(hid_t file, const char *name) {
    H5L_info_t link;
    return H5Lget_info(file, name, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD &&
           has_checked_header(file, link.u.address);
}

static bool has_right_type(hid_t array, const H5ArrayKind *kind) {
    const hid_t type = H5Dget_type(array);
    if (type < 0) return false;
    bool good = H5Tget_class(type) == kind->class && H5Tget_size(type) == kind->size;
    if (good && kind->class == H5T_INTEGER) good = H5Tget_sign(type) == (kind->is_signed ? H5T_SGN_2 : H5T_SGN_NONE);
    H5Tclose(type);
    return good;
}

static bool read_size(H5Array *array, const H5ArrayKind *kind) {
    const hid_t space = H5Dget_space(array->array);
    if (space < 0) return false;
    array->size[1] = 1;
    const bool good = H5Sget_simple_extent_type(space) == H5S_SIMPLE &&
                      H5Sget_simple_extent_ndims(space) == kind->dimensions &&
                      H5Sget_simple_extent_dims(space, array->size, NULL) == kind->dimensions;
    H5Sclose(space);
    const hsize_t row = array->size[1] * kind->size;
    return good && array->size[1] <= INT32_MAX && (row == 0 || array->size[0] <= INT64_MAX / row);
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

static bool has_right_chunks(hid_t array, hid_t properties, const H5ArrayKind *kind) {
    hsize_t chunk[2] = {0, 1};
    H5D_chunk_index_t index;
    if (H5Pget_chunk(properties, 2, chunk) != kind->dimensions || chunk[0] < 1 || chunk[1] < 1) return false;
    if (chunk[0] > CHUNK_BYTES_MAX || chunk[1] > CHUNK_BYTES_MAX / kind->size / chunk[0]) return false;
    /* A B-tree index has no checksums. */
    return H5Dget_chunk_index_type(array, &index) >= 0 && index != H5D_CHUNK_IDX_BTREE;
}

/* Whether the data are in this file, in chunks of limited size. */
static bool has_right_layout(hid_t array, const H5ArrayKind *kind) {
    const hid_t properties = H5Dget_create_plist(array);
    if (properties < 0) return false;
    const H5D_layout_t layout = H5Pget_layout(properties);
    bool good = layout == H5D_COMPACT || (layout == H5D_CONTIGUOUS && H5Pget_external_count(properties) == 0);
    if (layout == H5D_CHUNKED) good = has_known_filters(properties) && has_right_chunks(array, properties, kind);
    H5Pclose(properties);
    return good;
}

static Status refuse_type(const H5ArrayKind *kind, const char *path, Error *error) {
    const char *sign = kind->is_signed ? "signed integers" : "unsigned integers";
    return error_set(error, STATUS_INPUT, "%s: dataset \"%s\": expected %s of %zu bits", path, kind->name,
                     kind->class == H5T_FLOAT ? "floats" : sign, 8 * kind->size);
}

Status h5_array_open(H5Array *array, hid_t file, const H5ArrayKind *kind, const char *path, Error *error) {
    *array = (H5Array){.array = -1};
    if (is_own(file, kind->name)) array->array = H5Dopen2(file, kind->name, H5P_DEFAULT);
    if (array->array < 0)
        return error_set(error, STATUS_INPUT, "%s: dataset \"%s\" is missing or damaged", path, kind->name);
    if (!has_right_type(array->array, kind)) return refuse_type(kind, path, error);
    if (!read_size(array, kind))
        return error_set(error, STATUS_INPUT, "%s: dataset \"%s\": expected %s", path, kind->name,
                         kind->dimensions == 1 ? "one dimension" : "two dimensions");
    if (!has_right_layout(array->array, kind))
        return error_set(error, STATUS_INPUT,
                         "%s: dataset \"%s\": expected data in this file, not compressed, in chunks of at most 64 MiB",
                         path, kind->name);
    const hsize_t stored = H5Dget_storage_size(array->array), elements = array->size[0] * array->size[1];
    if (elements * kind->size > stored)
        return error_set(error, STATUS_INPUT,
                         "%s: dataset \"%s\" has %llu elements, but the file holds only %llu bytes of it", path,
                         kind->name, (unsigned long long)elements, (unsigned long long)stored);
    return STATUS_OK;
}

void h5_array_close(H5Array *array) {
    if (array->array >= 0) H5Dclose(array->array);
    array->array = -1;
}

Status h5_array_read(const H5Array *array, hid_t type, hsize_t first, hsize_t count, void *out, const char *name,
                     const char *path, Error *error) {
    const hsize_t start[2] = {first, 0}, extent[2] = {count, array->size[1]};
    if (error->status || count == 0 || array->size[1] == 0) return error->status;
    const hid_t stored = H5Dget_space(array->array);
    const hid_t held = H5Screate_simple(H5Sget_simple_extent_ndims(stored), extent, NULL);
    if (held < 0 || stored < 0 || H5Sselect_hyperslab(stored, H5S_SELECT_SET, start, NULL, extent, NULL) < 0 ||
        H5Dread(array->array, type, held, stored, H5P_DEFAULT, out) < 0) {
        char what[96];
        snprintf(what, sizeof what, "cannot read dataset \"%s\"", name);
        h5_error(error, STATUS_INPUT, path, what);
    }
    if (held >= 0) H5Sclose(held);
    if (stored >= 0) H5Sclose(stored);
    return error->status;
}
