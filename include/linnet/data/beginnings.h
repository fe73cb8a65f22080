#ifndef LINNET_DATA_BEGINNINGS_H
#define LINNET_DATA_BEGINNINGS_H
/** The order in which texts share most rows of a batch (batch.h). Not collective. */
#include "linnet/core/error.h"
#include <stdint.h>

/** order [count] = the numbers of the texts, sorted so that each has its longest common beginning with the one before
 *  it; equal texts in their own order. Text i is ids[starts[i]] … ids[starts[i + 1] − 1], count + 1 starts. All arrays are
 *  the caller's. O(n log n) comparisons. STATUS_FAILURE when out of memory. */
Status beginnings_order(int64_t *order, const int32_t *ids, const int64_t *starts, int64_t count, Error *error);

#endif
