#ifndef LINNET_DATA_DATASET_COLUMNS_H
#define LINNET_DATA_DATASET_COLUMNS_H
/** The token file's four arrays ("columns"), and reading a range of one. */
#include "data/h5_array.h"
#include "linnet/data/dataset.h"
#include <stdatomic.h>

typedef enum { COLUMN_TOKENS, COLUMN_OFFSETS, COLUMN_LABELS, COLUMN_ROWS, COLUMNS } ColumnName;

typedef struct {
    const char *name;
    size_t size;    /**< bytes of an element */
    bool is_signed; /**< the elements are signed integers */
    hsize_t chunk;  /**< elements of a chunk, when writing */
} ColumnKind;

extern const ColumnKind column_kinds[COLUMNS];
hid_t column_memory_type(ColumnName name); /**< borrowed from HDF5 */

typedef struct {
    H5Array array;
    ColumnName name;
    int64_t length; /**< elements */
} Column;

struct Dataset {
    char *path;
    hid_t file;
    DatasetInfo info;
    Column columns[COLUMNS];
    atomic_bool stopped; /**< dataset_stop() was called */
};

/** Open a column of an open file and check type, rank, layout and size. */
Status column_open(Column *column, ColumnName name, hid_t file, const char *path, Error *error);

/** Read elements first … first + count − 1 into out. */
Status column_read(const Column *column, int64_t first, int64_t count, void *out, const char *path, Error *error);

/** Check the offsets [count + 1] and a label of samples first … first + count − 1. What passes is safe to read and
 *  use. */
Status dataset_check_offsets(const Dataset *dataset, const int64_t *offsets, int64_t first, int64_t count,
                             Error *error);
Status dataset_check_label(const Dataset *dataset, uint8_t label, int64_t sample, Error *error);
/** Check ids [count]; the first is tokens[place] of the file. */
Status dataset_check_ids(const Dataset *dataset, const uint16_t *ids, int64_t count, int64_t place, Error *error);

#endif
