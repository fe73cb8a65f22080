#ifndef LINNET_DATA_H5_ARRAY_H
#define LINNET_DATA_H5_ARRAY_H
/** Arrays in an HDF5 file that may be hostile: an array that would make its reader take too much memory, open another
 *  file or load a filter is refused before it is read. Not collective. */
#include "data/h5.h"

/** What an array must be. */
typedef struct {
    const char *name;
    H5T_class_t class; /**< H5T_INTEGER or H5T_FLOAT */
    size_t size;       /**< bytes of an element */
    bool is_signed;    /**< of integers */
    int dimensions;    /**< 1 or 2 */
} H5ArrayKind;

typedef struct {
    hid_t array;
    hsize_t size[2]; /**< size[1] is 1 where there is one dimension */
} H5Array;

/** Open an array of an open file and check that it is of the kind. STATUS_INPUT names file, array and fault. Close also
 *  after an error. */
Status h5_array_open(H5Array *array, hid_t file, const H5ArrayKind *kind, const char *path, Error *error);
void h5_array_close(H5Array *array);

/** Read rows first … first + count − 1 as `type` into out; count may be 0. */
Status h5_array_read(const H5Array *array, hid_t type, hsize_t first, hsize_t count, void *out, const char *name,
                     const char *path, Error *error);

#endif
