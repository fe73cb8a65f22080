/* Reading the moments: rank 0 reads their file and sends every rank its part, as saving brings them to rank 0. See
 * checkpoint_read.h. */
#include "linnet/checkpoint/checkpoint_read.h"

#include "checkpoint/moments_file.h"
#include "linnet/core/file.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include <string.h>

enum { TAG_MOMENTS = 2, PIECE_ROWS = 1024 /* of an embedding; a count of floats far below MPI's limit */ };

typedef struct {
    Optimizer *optimizer; /* borrowed */
    MomentsFile file;     /* open on rank 0 */
    size_t rows[MOMENTS_EMBEDDINGS];
    int32_t *ids[MOMENTS_EMBEDDINGS]; /* [rows] in the order of the file */
    float *read, *packed;             /* [largest piece] */
    Error *error;                     /* after an error of reading the pieces are still sent */
} MomentsScatter;

static SparseEmbedding *embedding_of(Optimizer *o, int embedding) {
    return embedding == MOMENTS_TOKEN ? &o->token : &o->position;
}

/* --- What is in the file ------------------------------------------------------------------------------------------ */

static void check_dense(const MomentsScatter *s, int which) {
    const Tensor *tensor = s->file.dense[which];
    const size_t expected = s->optimizer->layout->dense;
    if ((size_t)tensor->shape[0] != expected)
        error_set(s->error, STATUS_INPUT, "%s: tensor %s has %lld elements, this model needs %zu", s->file.path,
                  tensor->name, (long long)tensor->shape[0], expected);
}

static void check_rows(MomentsScatter *s, int which) {
    const SparseEmbedding *embedding = embedding_of(s->optimizer, which);
    const Tensor *values = s->file.rows[which][0], *ids = s->file.ids[which];
    if ((size_t)values->shape[1] != embedding->width)
        error_set(s->error, STATUS_INPUT, "%s: tensor %s has rows of %lld elements, this model needs %zu", s->file.path,
                  values->name, (long long)values->shape[1], embedding->width);
    else if ((size_t)ids->shape[0] > embedding->rows)
        error_set(s->error, STATUS_INPUT, "%s: tensor %s has %lld elements, the model's embedding only %zu rows",
                  s->file.path, ids->name, (long long)ids->shape[0], embedding->rows);
    else
        s->rows[which] = (size_t)ids->shape[0];
}

/* The ids of the rows, checked against the embedding. */
static void read_ids(MomentsScatter *s, int which) {
    const size_t rows = embedding_of(s->optimizer, which)->rows;
    const Tensor *tensor = s->file.ids[which];
    int32_t *ids = s->ids[which] = memory_allocate(s->rows[which], sizeof *ids, s->error);
    if (ids) moments_file_read(&s->file, tensor, 0, s->rows[which], ids, s->error);
    for (size_t i = 0; ids && !s->error->status && i < s->rows[which]; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= rows)
            error_set(s->error, STATUS_INPUT, "%s: tensor %s: element %zu is %d, expected a row from 0 to %zu",
                      s->file.path, tensor->name, i, ids[i], rows - 1);
}

/* Rank 0. */
static void open_file(MomentsScatter *s, const char *folder) {
    if (moments_file_open(&s->file, folder, s->error)) return;
    for (int which = 0; which < 2; which++) check_dense(s, which);
    for (int i = 0; i < MOMENTS_EMBEDDINGS && !s->error->status; i++) check_rows(s, i);
    for (int i = 0; i < MOMENTS_EMBEDDINGS && !s->error->status; i++) read_ids(s, i);
}

static void allocate_pieces(MomentsScatter *s) {
    const Optimizer *o = s->optimizer;
    size_t largest = PIECE_ROWS * o->token.width;
    for (size_t b = 0; b < o->layout->buckets; b++)
        for (int r = 0; r < o->world->size; r++) {
            size_t first, length;
            optimizer_part_of(o, b, r, &first, &length);
            largest = size_max(largest, length);
        }
    s->read = memory_allocate(largest, sizeof *s->read, s->error);
    s->packed = memory_allocate(largest, sizeof *s->packed, s->error);
}

/* Rank 0 opens the file; all learn which rows it has. Collective. */
static Status scatter_open(MomentsScatter *s, const char *folder) {
    const World *world = s->optimizer->world;
    if (world->rank == 0) open_file(s, folder);
    allocate_pieces(s);
    if (world_agree(world, s->error, true)) return s->error->status;
    world_broadcast(world, s->rows, sizeof s->rows);
    for (int i = 0; i < MOMENTS_EMBEDDINGS && world->rank != 0; i++)
        s->ids[i] = memory_allocate(s->rows[i], sizeof *s->ids[i], s->error);
    if (world_agree(world, s->error, true)) return s->error->status;
    for (int i = 0; i < MOMENTS_EMBEDDINGS; i++) {
        world_broadcast(world, s->ids[i], s->rows[i] * sizeof *s->ids[i]);
        sparse_embedding_restore(embedding_of(s->optimizer, i), s->ids[i], s->rows[i]);
    }
    return STATUS_OK;
}

/* --- Every rank's part to it -------------------------------------------------------------------------------------- */

/* Rank 0's `values` to another rank, which gets them into `mine`. */
static void give(const MomentsScatter *s, int owner, const float *values, float *mine, size_t floats) {
    const World *world = s->optimizer->world;
    if (world->rank == 0)
        world_check(world, MPI_Send(values, (int)floats, MPI_FLOAT, owner, TAG_MOMENTS, world->comm), "MPI_Send");
    else if (world->rank == owner)
        world_check(world, MPI_Recv(mine, (int)floats, MPI_FLOAT, 0, TAG_MOMENTS, world->comm, MPI_STATUS_IGNORE),
                    "MPI_Recv");
}

static void give_dense(MomentsScatter *s, int which) {
    const Optimizer *o = s->optimizer;
    float *mine = which == 0 ? o->m : o->v;
    for (size_t b = 0; b < o->layout->buckets; b++)
        for (int owner = 0; owner < o->world->size; owner++) {
            size_t first, length;
            optimizer_part_of(o, b, owner, &first, &length);
            if (o->world->rank == 0)
                moments_file_read(&s->file, s->file.dense[which], first, length, owner == 0 ? mine : s->read, s->error);
            if (owner != 0) give(s, owner, s->read, mine, length);
            if (owner == o->world->rank) mine += length;
        }
}

/* The rows [count] of a piece that `owner` has, from s->read on rank 0 to the owner's `moment`. */
static void give_piece(MomentsScatter *s, const SparseEmbedding *to, const int32_t *ids, size_t count, int owner,
                       float *moment) {
    const World *world = to->world;
    const size_t width = to->width;
    size_t rows = 0;
    for (size_t i = 0; i < count; i++)
        if (ids[i] % world->size == owner) {
            if (world->rank == 0) memcpy(s->packed + rows * width, s->read + i * width, width * sizeof *moment);
            rows++;
        }
    if (owner != 0 && rows > 0) give(s, owner, s->packed, s->packed, rows * width);
    if (world->rank != owner) return;
    rows = 0;
    for (size_t i = 0; i < count; i++)
        if (ids[i] % world->size == owner)
            memcpy(moment + sparse_embedding_moment(to, ids[i]), s->packed + rows++ * width, width * sizeof *moment);
}

static void give_embedding(MomentsScatter *s, int embedding, int which) {
    const SparseEmbedding *to = embedding_of(s->optimizer, embedding);
    float *moment = which == 0 ? to->m : to->v;
    for (size_t first = 0, count; first < s->rows[embedding]; first += count) {
        count = size_min(s->rows[embedding] - first, PIECE_ROWS);
        if (to->world->rank == 0)
            moments_file_read(&s->file, s->file.rows[embedding][which], first * to->width, count * to->width, s->read,
                              s->error);
        for (int owner = 0; owner < to->world->size; owner++)
            give_piece(s, to, s->ids[embedding] + first, count, owner, moment);
    }
}

static void scatter_close(MomentsScatter *s) {
    moments_file_close(&s->file);
    for (int i = 0; i < MOMENTS_EMBEDDINGS; i++) memory_free(s->ids[i]);
    memory_free(s->read);
    memory_free(s->packed);
}

Status checkpoint_read_optimizer(const World *world, const char *folder, Optimizer *o, Error *error) {
    MomentsScatter scatter = {.optimizer = o, .file.source.file = -1, .error = error};
    char *path = file_join(folder, MOMENTS_FILE, error);
    progress_begin("load moments", NULL, 0);
    if (!scatter_open(&scatter, folder)) {
        for (int which = 0; which < 2; which++) {
            give_dense(&scatter, which);
            for (int i = 0; i < MOMENTS_EMBEDDINGS; i++) give_embedding(&scatter, i, which);
        }
        if (!error->status) optimizer_check_finite(o, NULL, path, STATUS_INPUT, error);
        world_agree(world, error, true);
    }
    scatter_close(&scatter);
    memory_free(path);
    progress_end();
    return error->status;
}
