/* Sending every rank's moments to rank 0. See moments_gather.h. */
#include "checkpoint/moments_gather.h"

#include "linnet/core/memory.h"
#include <string.h>

enum { TAG_MOMENTS = 1, PIECE_ROWS = 1024 /* of an embedding; a count of floats far below MPI's limit */ };

void moments_copy(float *to, const float *from, size_t floats) {
    enum { PIECE = 1 << 18 };
#pragma omp parallel for schedule(static) if (floats > PIECE)
    for (size_t at = 0; at < floats; at += PIECE)
        memcpy(to + at, from + at, (floats - at < PIECE ? floats - at : PIECE) * sizeof *to);
}

static const SparseEmbedding *embedding_of(const Optimizer *o, int embedding) {
    return embedding == MOMENTS_TOKEN ? &o->token : &o->position;
}

Status moments_gather_open(MomentsGather *g, const Optimizer *o, Error *error) {
    const size_t width = o->token.width;
    size_t largest = PIECE_ROWS * width;
    *g = (MomentsGather){.optimizer = o, .shape = {.dense = o->layout->dense, .width = width}};
    for (int i = 0; i < MOMENTS_EMBEDDINGS; i++) {
        const SparseEmbedding *embedding = embedding_of(o, i);
        g->shape.rows[i] = sparse_embedding_touched(embedding, NULL);
        g->shape.ids[i] = memory_allocate(g->shape.rows[i], sizeof **g->shape.ids, error);
        if (g->shape.ids[i]) sparse_embedding_touched(embedding, g->shape.ids[i]);
    }
    for (size_t b = 0; b < o->layout->buckets; b++)
        for (int r = 0; r < o->world->size; r++) {
            size_t first, length;
            optimizer_part_of(o, b, r, &first, &length);
            if (length > largest) largest = length;
        }
    g->buffer = memory_allocate(largest, sizeof *g->buffer, error);
    return error->status;
}

void moments_gather_close(MomentsGather *g) {
    moments_shape_free(&g->shape);
    memory_free(g->buffer);
    *g = (MomentsGather){0};
}

/* Where rank 0 puts the next piece. */
typedef struct {
    float *values; /* NULL: it goes to the writer */
    SafetensorsWriter *writer;
    Error *error;
} Target;

/* One piece from its owner, who has it in `mine`, to rank 0's target. */
static void bring(const MomentsGather *g, Target *target, int owner, const float *mine, size_t floats) {
    const World *world = g->optimizer->world;
    if (world->rank == owner && owner != 0)
        world_check(world, MPI_Send(mine, (int)floats, MPI_FLOAT, 0, TAG_MOMENTS, world->comm), "MPI_Send");
    if (world->rank != 0) return;
    float *received = target->values ? target->values : g->buffer;
    if (owner != 0)
        world_check(world,
                    MPI_Recv(received, (int)floats, MPI_FLOAT, owner, TAG_MOMENTS, world->comm, MPI_STATUS_IGNORE),
                    "MPI_Recv");
    else if (target->values)
        moments_copy(received, mine, floats);
    if (target->values)
        target->values += floats;
    else
        safetensors_append(target->writer, owner != 0 ? received : mine, floats * sizeof *mine, target->error);
}

static void bring_dense(const MomentsGather *g, Target *target, int which) {
    const Optimizer *o = g->optimizer;
    const float *mine = which == 0 ? o->m : o->v;
    for (size_t b = 0; b < o->layout->buckets; b++)
        for (int owner = 0; owner < o->world->size; owner++) {
            size_t first, length;
            optimizer_part_of(o, b, owner, &first, &length);
            bring(g, target, owner, mine, length);
            if (owner == o->world->rank) mine += length;
        }
}

static void bring_embedding(const MomentsGather *g, Target *target, int embedding, int which) {
    const SparseEmbedding *from = embedding_of(g->optimizer, embedding);
    const float *moment = which == 0 ? from->m : from->v;
    const int32_t *ids = g->shape.ids[embedding];
    const size_t width = from->width, count = g->shape.rows[embedding];
    const int ranks = from->world->size;
    for (size_t first = 0, rows; first < count; first += rows) {
        const int owner = ids[first] % ranks;
        for (rows = 0; rows < PIECE_ROWS && first + rows < count; rows++)
            if (ids[first + rows] % ranks != owner) break;
        for (size_t i = 0; owner == from->world->rank && i < rows; i++)
            memcpy(g->buffer + i * width, moment + sparse_embedding_moment(from, ids[first + i]),
                   width * sizeof *moment);
        bring(g, target, owner, g->buffer, rows * width);
    }
}

void moments_gather_run(const MomentsGather *g, float *values, SafetensorsWriter *writer, Error *error) {
    Target target = {values, writer, error};
    for (int which = 0; which < 2; which++) {
        bring_dense(g, &target, which);
        for (int i = 0; i < MOMENTS_EMBEDDINGS; i++) bring_embedding(g, &target, i, which);
    }
}
