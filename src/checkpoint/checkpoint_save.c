/* Saving a checkpoint: run by run as the moments come in, or from a copy in memory. See checkpoint.h. */
#include "linnet/checkpoint/checkpoint.h"

#include "checkpoint/checkpoint_folder.h"
#include "checkpoint/checkpoint_moments.h"
#include "checkpoint/checkpoint_state.h"
#include "linnet/core/memory.h"
#include <string.h>

/* --- At once ------------------------------------------------------------------------------------------------------ */

/* Rank 0 writes each run as it comes. */
typedef struct {
    Writing writing;
    float *room; /* [largest run] */
    Error *error;
} Direct;

static float *direct_room(void *context, const MomentsRun *run) {
    (void)run;
    return ((Direct *)context)->room;
}

static void direct_take(void *context, const MomentsRun *run, const float *values) {
    Direct *direct = context;
    moments_file_write(&direct->writing.moments, run, values, direct->error);
}

static void direct_begin(Direct *direct, const CheckpointParts *parts, const Gathering *gathering, Error *error) {
    cJSON *state = state_tree(parts->state, parts->output_dir, parts->history, error);
    direct->error = error;
    direct->room = memory_allocate(gathering->largest, sizeof *direct->room, error);
    if (error->status == STATUS_OK)
        writing_begin(&direct->writing, parts->output_dir, parts->state->step, parts->model, &parts->model->parameters,
                      state, &gathering->shape, error);
    cJSON_Delete(state);
}

Status checkpoint_save(const CheckpointParts *parts, Error *error) {
    const World *world = parts->world;
    Gathering gathering;
    Direct direct = {0};
    gathering_open(&gathering, world, parts->optimizer, error);
    if (world->rank == 0 && error->status == STATUS_OK) direct_begin(&direct, parts, &gathering, error);
    bool begun = world_agree(world, error, false) == STATUS_OK;
    if (begun) gathering_run(&gathering, &(MomentsSink){&direct, direct_room, direct_take});
    if (world->rank == 0) writing_end(&direct.writing, error);
    memory_free(direct.room);
    gathering_close(&gathering);
    /* Agreed on twice, an error would be taken for rank 0's. */
    return begun ? world_agree(world, error, false) : error->status;
}

/* --- From a copy -------------------------------------------------------------------------------------------------- */

struct Snapshot {
    const Model *model; /* borrowed: for all but its values */
    char *output_dir;
    int64_t step;
    cJSON *state;
    MomentsShape shape;
    float *block; /* everything below */
    Parameters parameters;
    float *moments[MOMENTS_PARTS][2];
};

static size_t moment_floats(const MomentsShape *shape, int part) {
    return shape->length[part] * shape->width[part];
}

size_t checkpoint_snapshot_bytes(const ParameterLayout *layout, size_t rows) {
    size_t moments = 2 * (layout->dense + rows * (size_t)layout->token.shape[1]);
    return sizeof(float) * (layout->dense + layout->token.count + layout->position.count + moments);
}

/* Lay out the block and copy the model's values. */
static void copy_parameters(Snapshot *s) {
    const ParameterLayout *layout = &s->model->layout;
    const Parameters *from = &s->model->parameters;
    s->parameters.dense = s->block;
    s->parameters.token = s->parameters.dense + layout->dense;
    s->parameters.position = s->parameters.token + layout->token.count;
    float *next = s->parameters.position + layout->position.count;
    for (int part = 0; part < MOMENTS_PARTS; part++)
        for (int which = 0; which < 2; which++) {
            s->moments[part][which] = next;
            next += moment_floats(&s->shape, part);
        }
    moments_copy(s->parameters.dense, from->dense, layout->dense);
    moments_copy(s->parameters.token, from->token, layout->token.count);
    moments_copy(s->parameters.position, from->position, layout->position.count);
}

static float *snapshot_room(void *context, const MomentsRun *run) {
    Snapshot *s = context;
    return s->moments[run->part][run->which] + run->first * s->shape.width[run->part];
}

static void snapshot_take(void *context, const MomentsRun *run, const float *values) {
    (void)context, (void)run, (void)values; /* it lies where it belongs */
}

/* Memory for the copy. The system may promise more than it has, and end the process when that is used: so it is asked
 * what it has. */
static Status allocate_block(Snapshot *s, Error *error) {
    size_t rows = s->shape.length[MOMENTS_TOKEN] + s->shape.length[MOMENTS_POSITION];
    size_t bytes = checkpoint_snapshot_bytes(&s->model->layout, rows), left = memory_available();
    if (left < bytes)
        return error_set(error, STATUS_FAILURE, "a copy takes %zu MB, this machine has %zu MB left", bytes / 1000000,
                         left / 1000000);
    s->block = memory_allocate(bytes, 1, error);
    if (s->block != NULL) memory_prefault(s->block, bytes);
    return error->status;
}

static void snapshot_begin(Snapshot **snapshot, const CheckpointParts *parts, const Gathering *gathering,
                           Error *error) {
    Snapshot *s = memory_allocate(1, sizeof *s, error);
    if (s == NULL) return;
    *s = (Snapshot){.model = parts->model, .step = parts->state->step, .shape = gathering->shape};
    s->output_dir = memory_text(parts->output_dir, error);
    s->state = state_tree(parts->state, parts->output_dir, parts->history, error);
    if (error->status == STATUS_OK) allocate_block(s, error);
    *snapshot = s;
}

Status checkpoint_snapshot(Snapshot **snapshot, const CheckpointParts *parts, Error *error) {
    const World *world = parts->world;
    Gathering gathering;
    *snapshot = NULL;
    gathering_open(&gathering, world, parts->optimizer, error);
    if (world->rank == 0 && error->status == STATUS_OK) snapshot_begin(snapshot, parts, &gathering, error);
    if (world_agree(world, error, false) == STATUS_OK) {
        if (world->rank == 0) copy_parameters(*snapshot);
        gathering_run(&gathering, &(MomentsSink){*snapshot, snapshot_room, snapshot_take});
        if (world->rank == 0) memset(gathering.shape.ids, 0, sizeof gathering.shape.ids); /* the snapshot's now */
    } else if (*snapshot != NULL) {
        memset((*snapshot)->shape.ids, 0, sizeof gathering.shape.ids);
        snapshot_destroy(*snapshot);
        *snapshot = NULL;
    }
    gathering_close(&gathering);
    return error->status;
}

Status snapshot_write(const Snapshot *s, Error *error) {
    Writing writing;
    writing_begin(&writing, s->output_dir, s->step, s->model, &s->parameters, s->state, &s->shape, error);
    for (MomentsPart part = 0; part < MOMENTS_PARTS; part++)
        for (int which = 0; which < 2; which++) {
            MomentsRun run = {.part = part, .which = which, .rows = s->shape.length[part]};
            if (error->status == STATUS_OK) moments_file_write(&writing.moments, &run, s->moments[part][which], error);
        }
    return writing_end(&writing, error);
}

void snapshot_destroy(Snapshot *s) {
    if (s == NULL) return;
    for (int part = 0; part < MOMENTS_PARTS; part++) memory_free(s->shape.ids[part]);
    cJSON_Delete(s->state);
    memory_free(s->output_dir);
    memory_free(s->block);
    memory_free(s);
}
