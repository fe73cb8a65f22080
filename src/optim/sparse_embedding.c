/* Embedding tables in training. See sparse_embedding.h. */
#include "linnet/optim/sparse_embedding.h"

#include "linnet/core/memory.h"
#include <stdlib.h>
#include <string.h>

Status table_create(Table *table, const World *world, size_t rows, size_t width, size_t capacity, Error *error) {
    if (capacity > rows) capacity = rows;
    size_t ranks = (size_t)world->size, share = (rows + ranks - 1) / ranks;
    *table = (Table){.world = world, .rows = rows, .width = width, .capacity = capacity};
    table->ids = memory_allocate(capacity, sizeof *table->ids, error);
    table->slots = memory_allocate(rows, sizeof *table->slots, error);
    table->cuts = memory_allocate(ranks + 1, sizeof *table->cuts, error);
    table->touched = memory_allocate(rows, 1, error);
    table->owned = memory_allocate(share, sizeof *table->owned, error);
    table->m = memory_allocate(share * width, sizeof *table->m, error);
    table->v = memory_allocate(share * width, sizeof *table->v, error);
    table->seen = memory_allocate(rows, 1, error);
    table->mine = memory_allocate(rows, sizeof *table->mine, error);
    table->gathered = memory_allocate(capacity * ranks, sizeof *table->gathered, error);
    table->counts = memory_allocate(ranks, sizeof *table->counts, error);
    table->places = memory_allocate(ranks, sizeof *table->places, error);
    if (ranks > 1) {
        table->packed = memory_allocate(share * width, sizeof *table->packed, error);
        table->received = memory_allocate(rows * width, sizeof *table->received, error);
    }
    for (size_t i = 0; error->status == STATUS_OK && i < rows; i++) table->slots[i] = -1;
    return error->status;
}

void table_destroy(Table *table) {
    void *blocks[] = {table->ids,    table->slots,  table->cuts,   table->touched, table->owned,
                      table->m,      table->v,      table->seen,   table->mine,    table->gathered,
                      table->counts, table->places, table->packed, table->received};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) memory_free(blocks[i]);
    *table = (Table){0};
}

static void touch(Table *table, int32_t id) {
    if (table->touched[id]) return;
    table->touched[id] = 1;
    if (id % table->world->size == table->world->rank) table->owned[table->owned_count++] = id;
}

void table_restore(Table *table, const int32_t *ids, size_t count) {
    for (size_t i = 0; i < count; i++) touch(table, ids[i]);
}

void table_list(Table *table, const int32_t *ids, size_t count) {
    const World *world = table->world;
    int mine = 0, total = 0;
    for (size_t i = 0; i < count; i++)
        if (!table->seen[ids[i]]) {
            table->seen[ids[i]] = 1;
            table->mine[mine++] = ids[i];
        }
    for (int i = 0; i < mine; i++) table->seen[table->mine[i]] = 0;
    world_check(world, MPI_Allgather(&mine, 1, MPI_INT, table->counts, 1, MPI_INT, world->comm), "MPI_Allgather");
    for (int r = 0; r < world->size; r++) {
        table->places[r] = total;
        total += table->counts[r];
    }
    world_check(world,
                MPI_Allgatherv(table->mine, mine, MPI_INT32_T, table->gathered, table->counts, table->places,
                               MPI_INT32_T, world->comm),
                "MPI_Allgatherv");
    table->gathered_count = (size_t)total;
}

void table_begin(Table *table) {
    int32_t ranks = table->world->size;
    for (size_t i = 0; i < table->count; i++) table->slots[table->ids[i]] = -1;
    for (size_t i = 0; i < table->gathered_count; i++) table->slots[table->gathered[i]] = 0;
    /* All rows in question are marked: list them by owner and id. */
    table->count = 0;
    for (int32_t owner = 0; owner < ranks; owner++) {
        table->cuts[owner] = table->count;
        for (size_t id = (size_t)owner; id < table->rows; id += (size_t)ranks)
            if (table->slots[id] >= 0) table->ids[table->count++] = (int32_t)id;
    }
    table->cuts[ranks] = table->count;
    for (size_t i = 0; i < table->count; i++) {
        table->slots[table->ids[i]] = (int32_t)i;
        touch(table, table->ids[i]);
    }
}

size_t table_moment(const Table *table, int32_t id) {
    return (size_t)(id / table->world->size) * table->width;
}

void table_exchange(Table *table, float *values) {
    const World *world = table->world;
    size_t width = table->width, packed = 0;
    if (world->size == 1) return;
    /* Every rank knows all rows ever touched, so the rows themselves need not be named: each owner's travel by
     * ascending id. */
    for (int r = 0; r < world->size; r++) table->counts[r] = 0;
    for (size_t id = 0; id < table->rows; id++) {
        if (!table->touched[id]) continue;
        int owner = (int)(id % (size_t)world->size);
        table->counts[owner]++;
        if (owner == world->rank) memcpy(table->packed + packed++ * width, values + id * width, width * sizeof *values);
    }
    MPI_Datatype row;
    world_check(world, MPI_Type_contiguous((int)width, MPI_FLOAT, &row), "MPI_Type_contiguous");
    world_check(world, MPI_Type_commit(&row), "MPI_Type_commit");
    for (int r = 0, total = 0; r < world->size; total += table->counts[r++]) table->places[r] = total;
    world_check(world,
                MPI_Allgatherv(table->packed, (int)packed, row, table->received, table->counts, table->places, row,
                               world->comm),
                "MPI_Allgatherv");
    world_check(world, MPI_Type_free(&row), "MPI_Type_free");
    for (size_t id = 0; id < table->rows; id++) {
        if (!table->touched[id]) continue;
        size_t owner = id % (size_t)world->size;
        size_t place = (size_t)table->places[owner]++;
        if ((int)owner != world->rank)
            memcpy(values + id * width, table->received + place * width, width * sizeof *values);
    }
}
