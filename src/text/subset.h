#ifndef LINNET_TEXT_SUBSET_H
#define LINNET_TEXT_SUBSET_H
/** A subset of a table's rows, which are read in the table's order and written in the order of the draw. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Subset Subset;

/** Draw `count` ≤ rows of the rows: the first of order_shuffle(rows, seed). */
Status subset_create(Subset **subset, int64_t rows, int64_t count, uint64_t seed, Error *error);
/** The samples have so many targets, which subset_keep() copies. Before the first one is kept. */
Status subset_take_targets(Subset *subset, size_t targets, Error *error);
void subset_destroy(Subset *subset);

/** Whether this row is in the subset. Ask in rising order, and keep each row that is before asking for the next. */
bool subset_wants(const Subset *subset, int64_t row);
/** `targets`: those of the sample, else NULL. */
Status subset_keep(Subset *subset, const int32_t *ids, size_t count, int32_t label, const float *targets, Error *error);

/** Forget what was kept, and ask for all rows again. */
void subset_rewind(Subset *subset);

/** A kept sample. */
typedef struct {
    int64_t row;
    int64_t index;      /**< how many rows of the subset are before it in the table */
    const int32_t *ids; /**< [count] borrowed */
    size_t count;
    int32_t label;
    const float *targets; /**< borrowed; NULL: it has none */
} SubsetSample;

/** The place-th sample of the draw; false behind the last one. */
bool subset_sample(const Subset *subset, size_t place, SubsetSample *sample);

#endif
