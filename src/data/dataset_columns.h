#ifndef LINNET_DATA_DATASET_COLUMNS_H
#define LINNET_DATA_DATASET_COLUMNS_H
/** The token file's arrays ("columns"), and reading a range of one. */
#include "data/h5.h"
#include "linnet/data/dataset.h"
#include <stdatomic.h>

typedef enum { COLUMN_TOKENS, COLUMN_OFFSETS, COLUMN_LABELS, COLUMN_ROWS, COLUMN_TARGETS, COLUMNS } ColumnName;

typedef struct {
    const char *name;
    size_t size;     /**< bytes of an element in memory, and in the file … */
    size_t narrower; /**< … unless the file's have so many, as the ids of a small vocabulary; else = size */
    bool is_signed;  /**< the elements are signed integers */
    bool is_real;    /**< they are float32, no integers */
    hsize_t chunk;   /**< elements of a chunk, when writing */
} ColumnKind;

extern const ColumnKind column_kinds[COLUMNS];
hid_t column_type(ColumnName name); /**< of an element in memory; borrowed from HDF5 */
/** Of an element in a file that is written with this vocabulary and so many labels; likewise. */
hid_t column_file_type(ColumnName name, const DatasetInfo *info);
/** Whether a file of this problem has the column. */
bool column_is_used(ColumnName name, Problem problem);

struct Dataset {
    char *path;
    hid_t file;
    H5Source source;
    DatasetInfo info;
    hid_t columns[COLUMNS]; /**< −1 where not open */
    atomic_bool stopped;    /**< dataset_stop() was called */
};

/** Open a column of an open file and check type, layout and that it has `expected` elements. STATUS_INPUT names file,
 *  array and fault. */
Status column_open(Dataset *dataset, ColumnName name, int64_t expected, Error *error);

/** Read elements first … first + count − 1 into out; count may be 0. Where a file server no longer knows the file
 *  (ESTALE) it is opened again after a wait (file_retry()), if it is still the same. Threads may call it at the same
 *  time. */
Status column_read(Dataset *dataset, ColumnName name, int64_t first, int64_t count, void *out, Error *error);

/** Check the offsets [count + 1] and a label of samples first … first + count − 1. What passes is safe to read and
 *  use. */
Status dataset_check_offsets(const Dataset *dataset, const int64_t *offsets, int64_t first, int64_t count,
                             Error *error);
Status dataset_check_label(const Dataset *dataset, uint16_t label, int64_t sample, Error *error);
/** Check values [count] of targets; the first is targets[place] of the file. */
Status dataset_check_targets(const Dataset *dataset, const float *values, int64_t count, int64_t place, Error *error);
/** Check ids [count]; the first is tokens[place] of the file. */
Status dataset_check_ids(const Dataset *dataset, const int32_t *ids, int64_t count, int64_t place, Error *error);

#endif
