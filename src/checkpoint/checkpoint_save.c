/* Saving a checkpoint in pieces as they arrive, or from a copy in memory. See checkpoint_save.h. */
#include "linnet/checkpoint/checkpoint_save.h"

#include "checkpoint/checkpoint_folder.h"
#include "checkpoint/moments_gather.h"
#include "linnet/checkpoint/checkpoint.h"
#include "linnet/core/memory.h"

static cJSON *state_of(const CheckpointParts *parts, Error *error) {
    const int64_t step = parts->state->best_saved;
    char *best = step > 0 ? checkpoint_path(parts->output_dir, step, error) : NULL;
    cJSON *tree = run_state_tree(parts->state, best, parts->history, error);
    memory_free(best);
    return tree;
}

/* --- At once ------------------------------------------------------------------------------------------------------ */

Status checkpoint_save(const CheckpointParts *parts, Error *error) {
    const World *world = parts->world;
    MomentsGather gather;
    CheckpointFolder folder = {0};
    cJSON *state = NULL;
    moments_gather_open(&gather, parts->optimizer, error);
    if (world->rank == 0 && !error->status) {
        state = state_of(parts, error);
        if (!error->status)
            checkpoint_folder_begin(&folder, parts->output_dir, parts->state->step, parts->model,
                                    &parts->model->parameters, &gather.shape, error);
    }
    const bool begun = world_agree(world, error, false) == STATUS_OK;
    if (begun) moments_gather_run(&gather, NULL, folder.moments, error);
    if (world->rank == 0) checkpoint_folder_end(&folder, state, error);
    cJSON_Delete(state);
    moments_gather_close(&gather);
    /* An error that is agreed on already must not be agreed on again: it would become rank 0's. */
    return begun ? world_agree(world, error, false) : error->status;
}

/* --- From a copy -------------------------------------------------------------------------------------------------- */

struct Snapshot {
    const Model *model; /* borrowed: for all but its values */
    char *output_dir;
    int64_t step;
    cJSON *state;
    MomentsShape shape;
    float *block;          /* the weights, then the moments as their file has them */
    Parameters parameters; /* in the block */
    float *moments;        /* likewise */
};

size_t checkpoint_snapshot_bytes(const ParameterLayout *layout, size_t rows) {
    const MomentsShape shape = {
        .dense = layout->dense, .width = (size_t)layout->token.shape[1], .rows[MOMENTS_TOKEN] = rows};
    return sizeof(float) * (layout->dense + layout->token.count + layout->position.count + moments_floats(&shape));
}

/* Lay out the block and copy the model's values. */
static void copy_parameters(Snapshot *s) {
    const ParameterLayout *layout = &s->model->layout;
    const Parameters *from = &s->model->parameters;
    s->parameters.dense = s->block;
    s->parameters.token = s->parameters.dense + layout->dense;
    s->parameters.position = s->parameters.token + layout->token.count;
    s->moments = s->parameters.position + layout->position.count;
    moments_copy(s->parameters.dense, from->dense, layout->dense);
    moments_copy(s->parameters.token, from->token, layout->token.count);
    moments_copy(s->parameters.position, from->position, layout->position.count);
}

/* Memory for the copy. The system may promise more than it has, and kill the process when that is used: so ask first
 * how much there is. */
static Status allocate_block(Snapshot *s, const MomentsShape *shape, Error *error) {
    size_t rows = shape->rows[MOMENTS_TOKEN] + shape->rows[MOMENTS_POSITION];
    size_t bytes = checkpoint_snapshot_bytes(&s->model->layout, rows), left = memory_available();
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
    s->output_dir = memory_text(parts->output_dir, error);
    s->state = state_of(parts, error);
    if (!error->status) allocate_block(s, shape, error);
}

Status checkpoint_snapshot(Snapshot **snapshot, const CheckpointParts *parts, Error *error) {
    const World *world = parts->world;
    MomentsGather gather;
    *snapshot = NULL;
    moments_gather_open(&gather, parts->optimizer, error);
    if (world->rank == 0 && !error->status) snapshot_begin(snapshot, parts, &gather.shape, error);
    if (world_agree(world, error, false)) {
        snapshot_destroy(*snapshot);
        *snapshot = NULL;
    } else if (world->rank == 0) {
        copy_parameters(*snapshot);
        moments_gather_run(&gather, (*snapshot)->moments, NULL, error);
        (*snapshot)->shape = gather.shape;
        gather.shape = (MomentsShape){0}; /* the snapshot owns it now */
    } else {
        moments_gather_run(&gather, NULL, NULL, error);
    }
    moments_gather_close(&gather);
    return error->status;
}

Status snapshot_write(Snapshot *s, Error *error) {
    CheckpointFolder folder;
    checkpoint_folder_begin(&folder, s->output_dir, s->step, s->model, &s->parameters, &s->shape, error);
    safetensors_append(folder.moments, s->moments, moments_floats(&s->shape) * sizeof(float), error);
    return checkpoint_folder_end(&folder, s->state, error);
}

void snapshot_destroy(Snapshot *s) {
    if (!s) return;
    moments_shape_free(&s->shape);
    cJSON_Delete(s->state);
    memory_free(s->output_dir);
    memory_free(s->block);
    memory_free(s);
}
