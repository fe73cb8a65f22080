/* Sparse embeddings: which rows an update touches, and their all-gather. See sparse_embedding.h. */
#include "linnet/optim/sparse_embedding.h"

#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include <stdlib.h>
#include <string.h>

Status sparse_embedding_create(SparseEmbedding *embedding, const World *world, size_t rows, size_t width,
                               size_t capacity, Error *error) {
    if (capacity > rows) capacity = rows;
    size_t ranks = (size_t)world->size, share = size_divide_up(rows, ranks);
    *embedding = (SparseEmbedding){.world = world, .rows = rows, .width = width, .capacity = capacity};
    embedding->ids = memory_allocate(capacity, sizeof *embedding->ids, error);
    embedding->row_index = memory_allocate(rows, sizeof *embedding->row_index, error);
    embedding->cuts = memory_allocate(ranks + 1, sizeof *embedding->cuts, error);
    embedding->touched = memory_allocate(rows, 1, error);
    embedding->owned = memory_allocate(share, sizeof *embedding->owned, error);
    embedding->m = memory_allocate(share * width, sizeof *embedding->m, error);
    embedding->v = memory_allocate(share * width, sizeof *embedding->v, error);
    embedding->seen = memory_allocate(rows, 1, error);
    embedding->mine = memory_allocate(rows, sizeof *embedding->mine, error);
    embedding->gathered = memory_allocate(capacity * ranks, sizeof *embedding->gathered, error);
    embedding->counts = memory_allocate(ranks, sizeof *embedding->counts, error);
    embedding->places = memory_allocate(ranks, sizeof *embedding->places, error);
    if (ranks > 1) {
        embedding->packed = memory_allocate(share * width, sizeof *embedding->packed, error);
        embedding->received = memory_allocate(rows * width, sizeof *embedding->received, error);
    }
    for (size_t i = 0; error->status == STATUS_OK && i < rows; i++) embedding->row_index[i] = -1;
    return error->status;
}

void sparse_embedding_destroy(SparseEmbedding *embedding) {
    void *blocks[] = {embedding->ids,    embedding->row_index, embedding->cuts,   embedding->touched,
                      embedding->owned,  embedding->m,         embedding->v,      embedding->seen,
                      embedding->mine,   embedding->gathered,  embedding->counts, embedding->places,
                      embedding->packed, embedding->received};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) memory_free(blocks[i]);
    *embedding = (SparseEmbedding){0};
}

static void touch(SparseEmbedding *embedding, int32_t id) {
    if (embedding->touched[id]) return;
    embedding->touched[id] = 1;
    if (id % embedding->world->size == embedding->world->rank) embedding->owned[embedding->owned_count++] = id;
}

size_t sparse_embedding_touched(const SparseEmbedding *embedding, int32_t *ids) {
    const size_t ranks = (size_t)embedding->world->size;
    size_t count = 0;
    for (size_t owner = 0; owner < ranks; owner++)
        for (size_t id = owner; id < embedding->rows; id += ranks)
            if (embedding->touched[id]) {
                if (ids) ids[count] = (int32_t)id;
                count++;
            }
    return count;
}

void sparse_embedding_restore(SparseEmbedding *embedding, const int32_t *ids, size_t count) {
    for (size_t i = 0; i < count; i++) touch(embedding, ids[i]);
}

void sparse_embedding_list(SparseEmbedding *embedding, const int32_t *ids, size_t count) {
    const World *world = embedding->world;
    int mine = 0, total = 0;
    for (size_t i = 0; i < count; i++)
        if (!embedding->seen[ids[i]]) {
            embedding->seen[ids[i]] = 1;
            embedding->mine[mine++] = ids[i];
        }
    for (int i = 0; i < mine; i++) embedding->seen[embedding->mine[i]] = 0;
    world_check(world, MPI_Allgather(&mine, 1, MPI_INT, embedding->counts, 1, MPI_INT, world->comm), "MPI_Allgather");
    for (int r = 0; r < world->size; r++) {
        embedding->places[r] = total;
        total += embedding->counts[r];
    }
    world_check(world,
                MPI_Allgatherv(embedding->mine, mine, MPI_INT32_T, embedding->gathered, embedding->counts,
                               embedding->places, MPI_INT32_T, world->comm),
                "MPI_Allgatherv");
    embedding->gathered_count = (size_t)total;
}

void sparse_embedding_begin(SparseEmbedding *embedding) {
    int32_t ranks = embedding->world->size;
    for (size_t i = 0; i < embedding->count; i++) embedding->row_index[embedding->ids[i]] = -1;
    for (size_t i = 0; i < embedding->gathered_count; i++) embedding->row_index[embedding->gathered[i]] = 0;
    /* All rows in question are marked: list them by owner and id. */
    embedding->count = 0;
    for (int32_t owner = 0; owner < ranks; owner++) {
        embedding->cuts[owner] = embedding->count;
        for (size_t id = (size_t)owner; id < embedding->rows; id += (size_t)ranks)
            if (embedding->row_index[id] >= 0) embedding->ids[embedding->count++] = (int32_t)id;
    }
    embedding->cuts[ranks] = embedding->count;
    for (size_t i = 0; i < embedding->count; i++) {
        embedding->row_index[embedding->ids[i]] = (int32_t)i;
        touch(embedding, embedding->ids[i]);
    }
}

size_t sparse_embedding_moment(const SparseEmbedding *embedding, int32_t id) {
    return (size_t)(id / embedding->world->size) * embedding->width;
}

void sparse_embedding_all_gather(SparseEmbedding *embedding, float *values) {
    const World *world = embedding->world;
    size_t width = embedding->width, packed = 0;
    if (world->size == 1) return;
    /* Every rank knows all rows ever touched, so the rows themselves need not be named: each owner's travel by
     * ascending id. */
    for (int r = 0; r < world->size; r++) embedding->counts[r] = 0;
    for (size_t id = 0; id < embedding->rows; id++) {
        if (!embedding->touched[id]) continue;
        int owner = (int)(id % (size_t)world->size);
        embedding->counts[owner]++;
        if (owner == world->rank)
            memcpy(embedding->packed + packed++ * width, values + id * width, width * sizeof *values);
    }
    MPI_Datatype row;
    world_check(world, MPI_Type_contiguous((int)width, MPI_FLOAT, &row), "MPI_Type_contiguous");
    world_check(world, MPI_Type_commit(&row), "MPI_Type_commit");
    for (int r = 0, total = 0; r < world->size; total += embedding->counts[r++]) embedding->places[r] = total;
    world_check(world,
                MPI_Allgatherv(embedding->packed, (int)packed, row, embedding->received, embedding->counts,
                               embedding->places, row, world->comm),
                "MPI_Allgatherv");
    world_check(world, MPI_Type_free(&row), "MPI_Type_free");
    for (size_t id = 0; id < embedding->rows; id++) {
        if (!embedding->touched[id]) continue;
        size_t owner = id % (size_t)world->size;
        size_t place = (size_t)embedding->places[owner]++;
        if ((int)owner != world->rank)
            memcpy(values + id * width, embedding->received + place * width, width * sizeof *values);
    }
}
