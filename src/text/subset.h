#ifndef LINNET_TEXT_SUBSET_H
#define LINNET_TEXT_SUBSET_H
/** A subset of a table's rows, which are read in the table's order and written in the order of the draw. */
#include "linnet/core/error.h"
#include "linnet/data/dataset.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Subset Subset;

/** Draw `count` ≤ rows of the rows: the first of order_shuffle(rows, seed). */
Status subset_create(Subset **subset, int64_t rows, int64_t count, uint64_t seed, Error *error);
void subset_destroy(Subset *subset);

/** Whether this row is in the subset. Ask in rising order, and keep each row that is before asking for the next. */
bool subset_wants(const Subset *subset, int64_t row);
Status subset_keep(Subset *subset, const int32_t *ids, size_t count, int32_t label, Error *error);

/** Write the kept samples in the order of the draw. */
Status subset_write(const Subset *subset, DatasetWriter *writer, Error *error);

#endif
