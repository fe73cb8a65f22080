/* Bringing every rank's moments to rank 0. See checkpoint_moments.h; the file is in checkpoint_file.c. */
#include "checkpoint/checkpoint_moments.h"

#include "linnet/core/memory.h"
#include <string.h>

enum { TAG_MOMENTS = 1, RUN_ROWS = 1024 /* of a table; a count of floats that never nears MPI's limit */ };

void moments_copy(float *to, const float *from, size_t floats) {
    enum { PIECE = 1 << 18 };
#pragma omp parallel for schedule(static) if (floats > PIECE)
    for (size_t at = 0; at < floats; at += PIECE)
        memcpy(to + at, from + at, (floats - at < PIECE ? floats - at : PIECE) * sizeof *to);
}

/* A table's rows that were ever touched, by owner, then id; every rank knows them all. */
static void list_rows(MomentsShape *shape, MomentsPart part, const SparseEmbedding *table, Error *error) {
    size_t count = 0, ranks = (size_t)table->world->size;
    for (size_t id = 0; id < table->rows; id++) count += table->touched[id];
    shape->length[part] = count;
    shape->width[part] = table->width;
    shape->ids[part] = memory_allocate(count, sizeof **shape->ids, error);
    if (shape->ids[part] == NULL) return;
    count = 0;
    for (size_t owner = 0; owner < ranks; owner++)
        for (size_t id = owner; id < table->rows; id += ranks)
            if (table->touched[id]) shape->ids[part][count++] = (int32_t)id;
}

Status gathering_open(Gathering *g, const World *world, Optimizer *o, Error *error) {
    *g = (Gathering){.world = world, .optimizer = o, .largest = RUN_ROWS * o->token.width};
    g->shape.length[MOMENTS_DENSE] = o->layout->dense;
    g->shape.width[MOMENTS_DENSE] = 1;
    list_rows(&g->shape, MOMENTS_TOKEN, &o->token, error);
    list_rows(&g->shape, MOMENTS_POSITION, &o->position, error);
    for (size_t b = 0; b < o->layout->buckets; b++)
        for (int r = 0; r < world->size; r++) {
            size_t first, length;
            reduction_part_of(o->reduction, b, r, &first, &length);
            if (length > g->largest) g->largest = length;
        }
    g->packed = memory_allocate(g->largest, sizeof *g->packed, error);
    return error->status;
}

void gathering_close(Gathering *g) {
    for (int part = 0; part < MOMENTS_PARTS; part++) memory_free(g->shape.ids[part]);
    memory_free(g->packed);
    *g = (Gathering){0};
}

/* One run from its owner, where it lies in `mine`, into rank 0's sink. */
static void bring(const Gathering *g, const MomentsSink *sink, const MomentsRun *run, int owner, const float *mine) {
    const World *world = g->world;
    size_t floats = run->rows * g->shape.width[run->part];
    if (world->rank == owner && owner != 0)
        world_check(world, MPI_Send(mine, (int)floats, MPI_FLOAT, 0, TAG_MOMENTS, world->comm), "MPI_Send");
    if (world->rank != 0) return;
    float *room = sink->room(sink->context, run);
    if (owner == 0)
        moments_copy(room, mine, floats);
    else
        world_check(world, MPI_Recv(room, (int)floats, MPI_FLOAT, owner, TAG_MOMENTS, world->comm, MPI_STATUS_IGNORE),
                    "MPI_Recv");
    sink->take(sink->context, run, room);
}

static void bring_dense(const Gathering *g, const MomentsSink *sink, int which) {
    const Optimizer *o = g->optimizer;
    const float *mine = which == 0 ? o->m : o->v;
    for (size_t b = 0; b < o->layout->buckets; b++)
        for (int owner = 0; owner < g->world->size; owner++) {
            MomentsRun run = {.part = MOMENTS_DENSE, .which = which};
            reduction_part_of(o->reduction, b, owner, &run.first, &run.rows);
            bring(g, sink, &run, owner, mine);
            if (owner == g->world->rank) mine += run.rows;
        }
}

static void bring_table(const Gathering *g, const MomentsSink *sink, MomentsPart part, const SparseEmbedding *table,
                        int which) {
    const float *moment = which == 0 ? table->m : table->v;
    const int32_t *ids = g->shape.ids[part];
    size_t width = table->width, count = g->shape.length[part];
    int ranks = g->world->size;
    MomentsRun run = {.part = part, .which = which};
    for (; run.first < count; run.first += run.rows) {
        int owner = ids[run.first] % ranks;
        for (run.rows = 0; run.rows < RUN_ROWS && run.first + run.rows < count; run.rows++)
            if (ids[run.first + run.rows] % ranks != owner) break;
        for (size_t i = 0; owner == g->world->rank && i < run.rows; i++)
            memcpy(g->packed + i * width, moment + sparse_embedding_moment(table, ids[run.first + i]),
                   width * sizeof *moment);
        bring(g, sink, &run, owner, g->packed);
    }
}

void gathering_run(Gathering *g, const MomentsSink *sink) {
    for (int which = 0; which < 2; which++) {
        bring_dense(g, sink, which);
        bring_table(g, sink, MOMENTS_TOKEN, &g->optimizer->token, which);
        bring_table(g, sink, MOMENTS_POSITION, &g->optimizer->position, which);
    }
}
