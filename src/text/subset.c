/* The rows of a subset, kept in memory until they are written. See subset.h. */
#include "text/subset.h"
#include "linnet/core/memory.h"
#include "linnet/data/order.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t row, place; /**< the row was the place-th draw */
    size_t start, size; /**< its tokens in ids */
    int32_t label;
} Draw;

struct Subset {
    Draw *draws;      /**< [count] sorted by row while reading */
    size_t *by_place; /**< [count] index in draws of the place-th drawn */
    size_t count, kept;
    int32_t *ids; /**< [capacity] tokens of the kept samples */
    size_t used, capacity;
    float *targets; /**< [count, width] of the kept samples; NULL where they have none */
    size_t width;
};

static int compare_rows(const void *a, const void *b) {
    int64_t left = ((const Draw *)a)->row, right = ((const Draw *)b)->row;
    return (left > right) - (left < right);
}

static Status draw_rows(Subset *subset, int64_t rows, uint64_t seed, Error *error) {
    int64_t *order = memory_allocate((size_t)rows, sizeof *order, error);
    if (!order) return error->status;
    order_shuffle(order, rows, seed);
    for (size_t i = 0; i < subset->count; i++) subset->draws[i] = (Draw){.row = order[i], .place = (int64_t)i};
    memory_free(order);
    qsort(subset->draws, subset->count, sizeof *subset->draws, compare_rows);
    for (size_t i = 0; i < subset->count; i++) subset->by_place[subset->draws[i].place] = i;
    return STATUS_OK;
}

Status subset_create(Subset **subset, int64_t rows, int64_t count, uint64_t seed, Error *error) {
    Subset *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    made->count = (size_t)count;
    made->draws = memory_allocate(made->count, sizeof *made->draws, error);
    made->by_place = memory_allocate(made->count, sizeof *made->by_place, error);
    if (!error->status && !draw_rows(made, rows, seed, error))
        *subset = made;
    else
        subset_destroy(made);
    return error->status;
}

Status subset_take_targets(Subset *subset, size_t targets, Error *error) {
    subset->width = targets;
    subset->targets = memory_allocate(subset->count, targets * sizeof *subset->targets, error);
    return error->status;
}

void subset_destroy(Subset *subset) {
    if (!subset) return;
    memory_free(subset->draws);
    memory_free(subset->by_place);
    memory_free(subset->ids);
    memory_free(subset->targets);
    memory_free(subset);
}

bool subset_wants(const Subset *subset, int64_t row) {
    return subset->kept < subset->count && subset->draws[subset->kept].row == row;
}

Status subset_keep(Subset *subset, const int32_t *ids, size_t count, int32_t label, const float *targets,
                   Error *error) {
    if (subset->capacity - subset->used < count) {
        size_t capacity = 2 * (subset->used + count);
        int32_t *grown = memory_resize(subset->ids, subset->used * sizeof *grown, capacity, sizeof *grown, error);
        if (!grown) return error->status;
        subset->ids = grown;
        subset->capacity = capacity;
    }
    if (count > 0) memcpy(subset->ids + subset->used, ids, count * sizeof *ids);
    if (targets) memcpy(subset->targets + subset->kept * subset->width, targets, subset->width * sizeof *targets);
    Draw *draw = &subset->draws[subset->kept++];
    draw->start = subset->used;
    draw->size = count;
    draw->label = label;
    subset->used += count;
    return STATUS_OK;
}

void subset_rewind(Subset *subset) {
    subset->kept = subset->used = 0;
}

bool subset_sample(const Subset *subset, size_t place, SubsetSample *sample) {
    if (place >= subset->kept) return false;
    const size_t index = subset->by_place[place];
    const Draw *draw = &subset->draws[index];
    *sample = (SubsetSample){.row = draw->row,
                             .index = (int64_t)index,
                             .ids = subset->ids + draw->start,
                             .count = draw->size,
                             .label = draw->label,
                             .targets = subset->targets ? subset->targets + index * subset->width : NULL};
    return true;
}
