/* Sorting texts by their beginnings. See beginnings.h. */
#include "linnet/data/beginnings.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    const int32_t *ids;
    size_t length;
    int64_t number;
} Text;

/* By bytes: any order of the tokens serves, as long as equal beginnings lie together. */
static int compare(const void *left, const void *right) {
    const Text *a = left, *b = right;
    int by_ids = memcmp(a->ids, b->ids, size_min(a->length, b->length) * sizeof *a->ids);
    if (by_ids != 0) return by_ids;
    if (a->length != b->length) return a->length < b->length ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

Status beginnings_order(int64_t *order, const int32_t *ids, const int64_t *starts, int64_t count, Error *error) {
    if (count == 0) return STATUS_OK;
    Text *texts = memory_allocate((size_t)count, sizeof *texts, error);
    if (!texts) return error->status;
    for (int64_t i = 0; i < count; i++) texts[i] = (Text){ids + starts[i], (size_t)(starts[i + 1] - starts[i]), i};
    qsort(texts, (size_t)count, sizeof *texts, compare);
    for (int64_t i = 0; i < count; i++) order[i] = texts[i].number;
    memory_free(texts);
    return STATUS_OK;
}
