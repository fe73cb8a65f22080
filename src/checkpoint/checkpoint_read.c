/* Reading a rank's part of the moments from their file. See checkpoint_read.h. */
#include "linnet/checkpoint/checkpoint_read.h"

#include "checkpoint/moments_file.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"

static void read_dense(const MomentsFile *file, const Optimizer *o, int which, Error *error) {
    const Tensor *tensor = file->dense[which];
    float *moment = which == 0 ? o->m : o->v;
    if ((size_t)tensor->shape[0] != o->layout->dense)
        error_set(error, STATUS_INPUT, "%s: tensor %s has %lld elements, this model needs %zu", file->path,
                  tensor->name, (long long)tensor->shape[0], o->layout->dense);
    for (size_t b = 0; b < o->layout->buckets && !error->status; b++) {
        size_t first, length;
        optimizer_part_of(o, b, o->world->rank, &first, &length);
        moments_file_read(file, tensor, first, length, moment, error);
        moment += length;
    }
}

/* The ids of the rows, checked against the embedding, to be freed with memory_free(); NULL after an error. */
static int32_t *read_ids(const MomentsFile *file, const Tensor *tensor, const SparseEmbedding *embedding,
                         Error *error) {
    const size_t count = (size_t)tensor->shape[0];
    int32_t *ids = NULL;
    if (count > embedding->rows)
        error_set(error, STATUS_INPUT, "%s: tensor %s has %zu elements, the model's embedding only %zu rows",
                  file->path, tensor->name, count, embedding->rows);
    else
        ids = memory_allocate(count, sizeof *ids, error);
    if (ids) moments_file_read(file, tensor, 0, count, ids, error);
    for (size_t i = 0; ids && !error->status && i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= embedding->rows)
            error_set(error, STATUS_INPUT, "%s: tensor %s: element %zu is %d, expected a row from 0 to %zu", file->path,
                      tensor->name, i, ids[i], embedding->rows - 1);
    return ids;
}

/* Read the rows of a sparse embedding that this rank owns. */
static void read_rows(const MomentsFile *file, int which, SparseEmbedding *embedding, Error *error) {
    const Tensor *const *values = file->rows[which];
    const size_t width = embedding->width, count = (size_t)file->ids[which]->shape[0];
    if ((size_t)values[0]->shape[1] != width) {
        error_set(error, STATUS_INPUT, "%s: tensor %s has rows of %lld elements, this model needs %zu", file->path,
                  values[0]->name, (long long)values[0]->shape[1], width);
        return;
    }
    int32_t *ids = read_ids(file, file->ids[which], embedding, error);
    if (!error->status) sparse_embedding_restore(embedding, ids, count);
    for (size_t i = 0; !error->status && i < count; i++) {
        if (ids[i] % embedding->world->size != embedding->world->rank) continue;
        const size_t moment = sparse_embedding_moment(embedding, ids[i]);
        moments_file_read(file, values[0], i * width, width, embedding->m + moment, error);
        moments_file_read(file, values[1], i * width, width, embedding->v + moment, error);
    }
    memory_free(ids);
}

Status checkpoint_read_optimizer(const World *world, const char *folder, Optimizer *o, Error *error) {
    MomentsFile file;
    progress_begin("load moments", NULL, 0);
    if (!moments_file_open(&file, folder, error)) {
        for (int which = 0; which < 2 && !error->status; which++) read_dense(&file, o, which, error);
        if (!error->status) read_rows(&file, MOMENTS_TOKEN, &o->token, error);
        if (!error->status) read_rows(&file, MOMENTS_POSITION, &o->position, error);
        if (!error->status) optimizer_check_finite(o, NULL, file.path, STATUS_INPUT, error);
    }
    moments_file_close(&file);
    progress_end();
    return world_agree(world, error, true);
}
