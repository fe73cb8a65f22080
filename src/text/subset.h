#ifndef LINNET_TEXT_SUBSET_H
#define LINNET_TEXT_SUBSET_H
/** A subset of a table's rows: met in the table's order, written in the order in which they were drawn. */
#include "linnet/core/error.h"
#include "linnet/data/dataset.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Chosen Chosen;

/** Draw `count` ≤ rows of the rows: the first of order_shuffle(rows, seed). */
Status chosen_create(Chosen **chosen, int64_t rows, int64_t count, uint64_t seed, Error *error);
void chosen_destroy(Chosen *chosen);

/** Is this row drawn? Rows are asked for in rising order, and each that is must be kept before the next is asked
 *  for. */
bool chosen_wants(const Chosen *chosen, int64_t row);
Status chosen_keep(Chosen *chosen, const int32_t *ids, size_t count, int32_t label, Error *error);

/** Write the kept samples in the order of the draw. */
Status chosen_write(const Chosen *chosen, DatasetWriter *writer, Error *error);

#endif
