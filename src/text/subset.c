#include "text/subset.h"
#include "linnet/core/memory.h"
#include "linnet/data/order.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t row, place; /**< the row was the place-th to be drawn */
    size_t start, size; /**< its tokens in ids */
    int32_t label;
} Draw;

struct Chosen {
    Draw *draws;      /**< [count] sorted by row while reading */
    size_t *by_place; /**< [count] index in draws of the place-th drawn */
    size_t count, kept;
    int32_t *ids; /**< [capacity] tokens of the kept samples */
    size_t used, capacity;
};

static int compare_rows(const void *a, const void *b) {
    int64_t left = ((const Draw *)a)->row, right = ((const Draw *)b)->row;
    return (left > right) - (left < right);
}

static Status draw_rows(Chosen *chosen, int64_t rows, uint64_t seed, Error *error) {
    int64_t *order = memory_allocate((size_t)rows, sizeof *order, error);
    if (!order) return error->status;
    order_shuffle(order, rows, seed);
    for (size_t i = 0; i < chosen->count; i++) chosen->draws[i] = (Draw){.row = order[i], .place = (int64_t)i};
    memory_free(order);
    qsort(chosen->draws, chosen->count, sizeof *chosen->draws, compare_rows);
    for (size_t i = 0; i < chosen->count; i++) chosen->by_place[chosen->draws[i].place] = i;
    return STATUS_OK;
}

Status chosen_create(Chosen **chosen, int64_t rows, int64_t count, uint64_t seed, Error *error) {
    Chosen *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    made->count = (size_t)count;
    made->draws = memory_allocate(made->count, sizeof *made->draws, error);
    made->by_place = memory_allocate(made->count, sizeof *made->by_place, error);
    if (!made->draws || !made->by_place || draw_rows(made, rows, seed, error)) {
        chosen_destroy(made);
        return error->status;
    }
    *chosen = made;
    return STATUS_OK;
}

void chosen_destroy(Chosen *chosen) {
    if (!chosen) return;
    memory_free(chosen->draws);
    memory_free(chosen->by_place);
    memory_free(chosen->ids);
    memory_free(chosen);
}

bool chosen_wants(const Chosen *chosen, int64_t row) {
    return chosen->kept < chosen->count && chosen->draws[chosen->kept].row == row;
}

Status chosen_keep(Chosen *chosen, const int32_t *ids, size_t count, int32_t label, Error *error) {
    if (chosen->capacity - chosen->used < count) {
        size_t capacity = 2 * (chosen->used + count);
        int32_t *grown = memory_resize(chosen->ids, chosen->used * sizeof *grown, capacity, sizeof *grown, error);
        if (!grown) return error->status;
        chosen->ids = grown;
        chosen->capacity = capacity;
    }
    memcpy(chosen->ids + chosen->used, ids, count * sizeof *ids);
    Draw *draw = &chosen->draws[chosen->kept++];
    draw->start = chosen->used;
    draw->size = count;
    draw->label = label;
    chosen->used += count;
    return STATUS_OK;
}

Status chosen_write(const Chosen *chosen, DatasetWriter *writer, Error *error) {
    for (size_t i = 0; i < chosen->kept; i++) {
        const Draw *draw = &chosen->draws[chosen->by_place[i]];
        if (dataset_writer_add(writer, chosen->ids + draw->start, draw->size, draw->label, draw->row, error))
            return error->status;
    }
    return STATUS_OK;
}
