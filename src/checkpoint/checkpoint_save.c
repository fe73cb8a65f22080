/* Saving a checkpoint, all moments of which rank 0 receives, at once or from a copy in memory. See
 * checkpoint_save.h. */
#include "linnet/checkpoint/checkpoint_save.h"

#include "checkpoint/moments_file.h"
#include "linnet/checkpoint/checkpoint.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/progress.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* --- Every rank's moments to rank 0 ------------------------------------------------------------------------------- */

enum { TAG_MOMENTS = 1, PIECE_ROWS = 1024 /* of an embedding; a count of floats far below MPI's limit */ };

/* Copy floats by all threads of this rank: most of the time goes into new pages. */
static void copy_floats(float *to, const float *from, size_t floats) {
    enum { PIECE = 1 << 18 };
#pragma omp parallel for schedule(static) if (floats > PIECE)
    for (size_t at = 0; at < floats; at += PIECE)
        memcpy(to + at, from + at, (floats - at < PIECE ? floats - at : PIECE) * sizeof *to);
}

typedef struct {
    const Optimizer *optimizer; /* borrowed */
    MomentsShape shape;
    float *buffer; /* [largest piece] */
    /* Where rank 0 puts the next piece. */
    float *values; /* NULL: it goes to the writer */
    SafetensorsWriter *writer;
    Error *error; /* rank 0's error of writing; after one the pieces are still received */
} MomentsGather;

static const SparseEmbedding *embedding_of(const Optimizer *o, int embedding) {
    return embedding == MOMENTS_TOKEN ? &o->token : &o->position;
}

/* Nothing is gathered where the checkpoint has no moments. Not collective; does not agree. After a failure only
 * gather_close() may be called. */
static void gather_open(MomentsGather *g, const CheckpointParts *parts, Error *error) {
    const Optimizer *o = parts->optimizer;
    const size_t width = o->token.width;
    size_t largest = PIECE_ROWS * width;
    *g = (MomentsGather){0};
    if (parts->state->model_only) return;
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
}

static void gather_close(MomentsGather *g) {
    moments_shape_free(&g->shape);
    memory_free(g->buffer);
    *g = (MomentsGather){0};
}

/* One piece from its owner, who has it in `mine`, to rank 0. */
static void bring(MomentsGather *g, int owner, const float *mine, size_t floats) {
    const World *world = g->optimizer->world;
    if (world->rank == owner && owner != 0)
        world_check(world, MPI_Send(mine, (int)floats, MPI_FLOAT, 0, TAG_MOMENTS, world->comm), "MPI_Send");
    if (world->rank != 0) return;
    float *received = g->values ? g->values : g->buffer;
    if (owner != 0)
        world_check(world,
                    MPI_Recv(received, (int)floats, MPI_FLOAT, owner, TAG_MOMENTS, world->comm, MPI_STATUS_IGNORE),
                    "MPI_Recv");
    else if (g->values)
        copy_floats(received, mine, floats);
    if (g->values)
        g->values += floats;
    else
        safetensors_append(g->writer, owner != 0 ? received : mine, floats * sizeof *mine, g->error);
}

static void bring_dense(MomentsGather *g, int which) {
    const Optimizer *o = g->optimizer;
    const float *mine = which == 0 ? o->m : o->v;
    for (size_t b = 0; b < o->layout->buckets; b++)
        for (int owner = 0; owner < o->world->size; owner++) {
            size_t first, length;
            optimizer_part_of(o, b, owner, &first, &length);
            bring(g, owner, mine, length);
            if (owner == o->world->rank) mine += length;
        }
}

static void bring_embedding(MomentsGather *g, int embedding, int which) {
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
        bring(g, owner, g->buffer, rows * width);
    }
}

/* Send the moments to rank 0, in pieces and in the order of the file, into values [moments_floats()] or, where that is
 * NULL, to the writer. Collective. */
static void gather_run(MomentsGather *g, float *values, SafetensorsWriter *writer, Error *error) {
    if (!g->optimizer) return;
    g->values = values;
    g->writer = writer;
    g->error = error;
    for (int which = 0; which < 2; which++) {
        bring_dense(g, which);
        for (int i = 0; i < MOMENTS_EMBEDDINGS; i++) bring_embedding(g, i, which);
    }
}

/* --- The folder while rank 0 writes it ---------------------------------------------------------------------------- */

/* The model, the moments, the state, then the rename. Calls no MPI, so that any one thread may do it. */
typedef struct {
    char *path, *temporary; /* OUTPUT/checkpoint-STEP, and the folder that is renamed to it */
    const char *run;        /* its id, borrowed */
    const char *values;     /* model_values_file() */
    char weights[DIGEST_TEXT];
    SafetensorsWriter *moments; /* takes the moments between folder_begin() and folder_end(); NULL: there are none */
} CheckpointFolder;

/* path + ending, to be freed with memory_free(). */
static char *with_ending(const char *path, const char *ending, Error *error) {
    char *text = memory_allocate(strlen(path) + strlen(ending) + 1, 1, error);
    if (text) strcat(strcpy(text, path), ending);
    return text;
}

/* Write the model, with parameters [model's layout] that need not be the model's own, and start on the moments, if the
 * shape (dense: 0) has any. After a failure too folder_end() must be called. */
static void folder_begin(CheckpointFolder *f, const char *output_dir, const char *run, int64_t step, const Model *model,
                         const Parameters *parameters, const MomentsShape *shape, Error *error) {
    *f = (CheckpointFolder){
        .path = checkpoint_path(output_dir, step, error), .run = run, .values = model_values_file(model)};
    if (f->path) f->temporary = with_ending(f->path, ".tmp", error);
    if (f->temporary && !file_remove(f->temporary, error) && !file_make_folder(f->temporary, error) &&
        !model_save(model, parameters, f->temporary, f->weights, error) && shape->dense > 0)
        moments_file_create(&f->moments, f->temporary, shape, error);
}

static Status add_digest(const CheckpointFolder *f, const RunStateFiles *state, const char *name, Error *error) {
    char digest[DIGEST_TEXT];
    if (!file_is_in(f->temporary, name)) return STATUS_OK;
    char *path = file_join(f->temporary, name, error);
    if (path && !digest_file(path, digest, error)) run_state_add_digest(state, name, digest, error);
    memory_free(path);
    return error->status;
}

/* The digests of the two large files were computed while they were written; `moments` is NULL where there are none. */
static Status save_state(const CheckpointFolder *f, const RunStateFiles *state, const char *moments, Error *error) {
    run_state_add_digest(state, f->values, f->weights, error);
    if (moments) run_state_add_digest(state, MOMENTS_FILE, moments, error);
    if (!error->status) add_digest(f, state, "config.json", error);
    if (!error->status) add_digest(f, state, ADAPTER_CONFIG_FILE, error);
    if (!error->status) add_digest(f, state, ADAPTER_MODEL_FILE, error);
    for (size_t i = 0; i < TOKENIZER_FILES && !error->status; i++) add_digest(f, state, TOKENIZER_FILE_NAMES[i], error);
    return error->status ? error->status : run_state_save(state, f->temporary, error);
}

/* Rename a folder and flush its name to disk; after a failed flush it has its old name again. */
static Status rename_folder(const char *from, const char *to, Error *error) {
    if (!file_move(from, to))
        return error_set(error, STATUS_FAILURE, "%s: cannot rename to %s: %s", from, to, strerror(errno));
    if (file_flush_parent(to, error) && !file_move(to, from))
        log_warning("%s: cannot rename back to %s: %s", to, from, strerror(errno));
    return error->status;
}

/* The new checkpoint is complete: that the older one remains is no failure. The next run removes it. */
static void remove_displaced(const char *folder) {
    Error remains = {0};
    if (file_remove(folder, &remains))
        log_warning("%s, an older checkpoint that was replaced, cannot be removed: %s", folder, remains.message);
}

/* Replace an older checkpoint of the same step, which is there at every moment: as checkpoint-STEP or, where the file
 * system cannot exchange two names at once, for a moment as checkpoint-STEP.old, which the next start renames back. */
static Status replace_older(const char *temporary, const char *path, Error *error) {
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_EXCHANGE) == 0) {
        if (!file_flush_parent(path, error))
            remove_displaced(temporary);
        else
            renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_EXCHANGE); /* the older one stays */
        return error->status;
    }
    char *old = with_ending(path, ".old", error);
    if (old && !file_remove(old, error) && !rename_folder(path, old, error)) {
        Error ignored = {0}; /* the first failure is reported */
        if (rename_folder(temporary, path, error))
            rename_folder(old, path, &ignored);
        else
            remove_displaced(old);
    }
    memory_free(old);
    return error->status;
}

static Status put_in_place(const CheckpointFolder *f, Error *error) {
    if (!file_exists(f->path)) return rename_folder(f->temporary, f->path, error);
    if (checkpoint_check_replaced(f->path, f->run, error)) return error->status;
    return replace_older(f->temporary, f->path, error);
}

/* Write the state, to which the digests are added, and put the folder in its place; or remove it when *error is set. */
static Status folder_end(CheckpointFolder *f, const RunStateFiles *state, Error *error) {
    char moments[DIGEST_TEXT];
    Error ignored = {0}; /* the first failure is reported */
    const bool has_moments = f->moments != NULL;
    if (!safetensors_finish(f->moments, moments, error) && !save_state(f, state, has_moments ? moments : NULL, error) &&
        !file_flush(f->temporary, error))
        put_in_place(f, error);
    if (error->status && f->temporary) file_remove(f->temporary, &ignored);
    memory_free(f->temporary);
    memory_free(f->path);
    return error->status;
}

static void make_state(RunStateFiles *files, const CheckpointParts *parts, Error *error) {
    char *best = checkpoint_best_path(parts->output_dir, &parts->state->best_saved, error);
    run_state_make(files, parts->state, best, parts->history, parts->settings, error);
    memory_free(best);
}

/* Of all weights and moments. */
static size_t checkpoint_bytes(const ParameterLayout *layout, const MomentsShape *shape) {
    return sizeof(float) * (layout->dense + layout->sparse + moments_floats(shape));
}

/* --- At once ------------------------------------------------------------------------------------------------------ */

Status checkpoint_save(const CheckpointParts *parts, Error *error) {
    const World *world = parts->world;
    MomentsGather gather;
    CheckpointFolder folder = {0};
    RunStateFiles state = {0};
    gather_open(&gather, parts, error);
    progress_begin("save", "bytes", (int64_t)checkpoint_bytes(model_saved_layout(parts->model), &gather.shape));
    if (world->rank == 0 && !error->status) {
        make_state(&state, parts, error);
        if (!error->status)
            folder_begin(&folder, parts->output_dir, parts->state->run.id, parts->state->step, parts->model,
                         &parts->model->parameters, &gather.shape, error);
    }
    const bool begun = world_agree(world, error, false) == STATUS_OK;
    if (begun) gather_run(&gather, NULL, folder.moments, error);
    if (world->rank == 0) folder_end(&folder, &state, error);
    progress_end();
    run_state_free(&state);
    gather_close(&gather);
    /* An error that is agreed on already must not be agreed on again: it would become rank 0's. */
    return begun ? world_agree(world, error, false) : error->status;
}

/* --- From a copy -------------------------------------------------------------------------------------------------- */

struct Snapshot {
    const Model *model; /* borrowed: for all but its values */
    char *output_dir;
    char run[RUN_ID_TEXT];
    int64_t step;
    RunStateFiles state;
    MomentsShape shape;
    float *block;          /* the weights, then the moments as their file has them */
    Parameters parameters; /* in the block */
    float *moments;        /* likewise */
};

size_t checkpoint_snapshot_bytes(const ParameterLayout *saved, const ParameterLayout *learned, size_t rows,
                                 bool model_only) {
    const MomentsShape none = {0}, shape = {.dense = learned->dense,
                                            .width = (size_t)saved->token.shape[1],
                                            .rows[MOMENTS_TOKEN] = rows};
    return checkpoint_bytes(saved, model_only ? &none : &shape);
}

/* Lay out the block and copy the values that are saved: the model's, or its adapter's. */
static void copy_parameters(Snapshot *s) {
    const ParameterLayout *layout = model_saved_layout(s->model);
    const Parameters *from = &s->model->parameters;
    if (s->model->adapter) {
        s->parameters.adapter_values = s->block;
        s->moments = s->block + layout->dense;
        copy_floats(s->block, from->adapter_values, layout->dense);
        return;
    }
    const size_t token_count = layout->sparse - layout->position.count;
    s->parameters.dense = s->block;
    s->parameters.token = s->parameters.dense + (layout->language ? layout->token.offset : layout->dense);
    s->parameters.position = s->parameters.dense + layout->dense + token_count;
    s->moments = s->parameters.position + layout->position.count;
    copy_floats(s->parameters.dense, from->dense, layout->dense);
    copy_floats(s->parameters.token, from->token, token_count);
    copy_floats(s->parameters.position, from->position, layout->position.count);
}

/* Memory for the copy. The system may promise more than it has, and kill the process when that is used: so ask first
 * how much there is. */
static Status allocate_block(Snapshot *s, const MomentsShape *shape, Error *error) {
    size_t bytes = checkpoint_bytes(model_saved_layout(s->model), shape), left = memory_available();
    if (left < bytes)
        return error_set(error, STATUS_FAILURE, "a copy takes %zu MB, this machine has %zu MB left", bytes / 1000000,
                         left / 1000000);
    s->block = memory_allocate(bytes, 1, error);
    if (s->block) memory_prefault(s->block, bytes);
    return error->status;
}

static void snapshot_begin(Snapshot **snapshot, const CheckpointParts *parts, const MomentsShape *shape, Error *error) {
    Snapshot *s = *snapshot = memory_allocate(1, sizeof *s, error);
    if (!s) return;
    *s = (Snapshot){.model = parts->model, .step = parts->state->step};
    memcpy(s->run, parts->state->run.id, sizeof s->run);
    s->output_dir = memory_text(parts->output_dir, error);
    make_state(&s->state, parts, error);
    if (!error->status) allocate_block(s, shape, error);
}

Status checkpoint_snapshot(Snapshot **snapshot, const CheckpointParts *parts, Error *error) {
    const World *world = parts->world;
    MomentsGather gather;
    *snapshot = NULL;
    gather_open(&gather, parts, error);
    if (world->rank == 0 && !error->status) snapshot_begin(snapshot, parts, &gather.shape, error);
    if (world_agree(world, error, false)) {
        snapshot_destroy(*snapshot);
        *snapshot = NULL;
    } else if (world->rank == 0) {
        copy_parameters(*snapshot);
        gather_run(&gather, (*snapshot)->moments, NULL, error);
        (*snapshot)->shape = gather.shape;
        gather.shape = (MomentsShape){0}; /* the snapshot owns it now */
    } else {
        gather_run(&gather, NULL, NULL, error);
    }
    gather_close(&gather);
    return error->status;
}

static Status write_folder(Snapshot *s, Error *error) {
    CheckpointFolder folder;
    folder_begin(&folder, s->output_dir, s->run, s->step, s->model, &s->parameters, &s->shape, error);
    safetensors_append(folder.moments, s->moments, moments_floats(&s->shape) * sizeof(float), error);
    return folder_end(&folder, &s->state, error);
}

Status snapshot_write(Snapshot *s, Error *error) {
    int attempts = 0;
    while (write_folder(s, error) && file_write_again(error, &attempts)) continue;
    return error->status;
}

void snapshot_destroy(Snapshot *s) {
    if (!s) return;
    moments_shape_free(&s->shape);
    run_state_free(&s->state);
    memory_free(s->output_dir);
    memory_free(s->block);
    memory_free(s);
}
