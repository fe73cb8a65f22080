/* Checkpoints: folders, state and the order in which things are written. See checkpoint.h; the moments are in
 * checkpoint_moments.c. */
#include "linnet/checkpoint.h"

#include "linnet/file.h"
#include "linnet/json.h"
#include "linnet/memory.h"
#include "train/checkpoint_moments.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *checkpoint_path(const char *output_dir, int64_t step, Error *error) {
    char name[64];
    snprintf(name, sizeof name, "checkpoint-%lld", (long long)step);
    return file_join(output_dir, name, error);
}

bool checkpoint_is(const char *folder) {
    Error error = {0};
    char *path = file_join(folder, "optimizer.h5", &error);
    bool is = path != NULL && file_exists(path);
    memory_free(path);
    return is;
}

/* The step in a name like checkpoint-12; −1 for any other name (checkpoint-12.tmp is one that was never finished). */
static int64_t step_of(const char *name) {
    static const char prefix[] = "checkpoint-";
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) return -1;
    char *end;
    errno = 0;
    long long step = strtoll(name + sizeof prefix - 1, &end, 10);
    return errno != 0 || end == name + sizeof prefix - 1 || *end != '\0' || step < 0 ? -1 : (int64_t)step;
}

/* The steps of a folder's checkpoints: their number, the newest, and the oldest other than the newest and `keep`. */
static int64_t survey(const char *output_dir, int64_t keep, int64_t *newest, int64_t *oldest) {
    int64_t count = 0;
    *newest = *oldest = -1;
    for (int pass = 0; pass < 2; pass++) {
        DIR *folder = opendir(output_dir);
        if (folder == NULL) return 0;
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            int64_t step = step_of(entry->d_name);
            if (step < 0) continue;
            if (pass == 0) {
                count++;
                if (step > *newest) *newest = step;
            } else if (step != *newest && step != keep && (*oldest < 0 || step < *oldest)) {
                *oldest = step;
            }
        }
        closedir(folder);
    }
    return count;
}

int64_t checkpoint_newest(const char *output_dir) {
    int64_t newest, oldest;
    survey(output_dir, -1, &newest, &oldest);
    return newest;
}

Status checkpoint_rotate(const char *output_dir, int64_t limit, int64_t keep, Error *error) {
    int64_t newest, oldest;
    while (survey(output_dir, keep, &newest, &oldest) > limit && oldest >= 0) {
        char *path = checkpoint_path(output_dir, oldest, error);
        if (path != NULL) file_remove(path, error);
        memory_free(path);
        if (error->status != STATUS_OK) break;
    }
    return error->status;
}

/* A number with all its bits: cJSON itself prints 15 digits, and a resumed run would not quite go on from where
 * this one was. */
static void add_exact(cJSON *object, const char *name, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.17g", value);
    cJSON_AddItemToObject(object, name, cJSON_CreateRaw(text));
}

/* trainer_state.json, named as Trainer names things. */
static cJSON *state_tree(const RunState *state, const char *output_dir, const cJSON *history, Error *error) {
    cJSON *tree = cJSON_CreateObject(), *own = cJSON_AddObjectToObject(tree, "linnet");
    char *best = state->has_best ? checkpoint_path(output_dir, state->best_step, error) : NULL;
    if (state->has_best)
        add_exact(tree, "best_metric", state->best_metric);
    else
        cJSON_AddNullToObject(tree, "best_metric");
    cJSON_AddItemToObject(tree, "best_global_step",
                          state->has_best ? cJSON_CreateNumber((double)state->best_step) : cJSON_CreateNull());
    cJSON_AddItemToObject(tree, "best_model_checkpoint", best != NULL ? cJSON_CreateString(best) : cJSON_CreateNull());
    add_exact(tree, "epoch", state->epoch);
    cJSON_AddNumberToObject(tree, "global_step", (double)state->step);
    cJSON_AddNumberToObject(tree, "max_steps", (double)state->total);
    cJSON_AddItemToObject(tree, "log_history", cJSON_Duplicate(history, 1));
    cJSON_AddNumberToObject(own, "window", (double)state->window);
    cJSON_AddNumberToObject(own, "units", (double)state->units);
    cJSON_AddNumberToObject(own, "samples", (double)state->samples);
    cJSON_AddNumberToObject(own, "seed", (double)state->seed);
    cJSON_AddNumberToObject(own, "evaluations_since_best", (double)state->stale);
    add_exact(own, "loss_sum", state->loss_sum);
    cJSON_AddNumberToObject(own, "loss_steps", (double)state->loss_steps);
    memory_free(best);
    if (own == NULL) error_set(error, STATUS_FAILURE, "out of memory for trainer_state.json");
    return tree;
}

/* Everything that rank 0 writes but the moments. */
static void write_model(const char *folder, const char *output_dir, const RunState *state, const cJSON *history,
                        const Replica *replica, Error *error) {
    if (file_remove(folder, error) || file_make_folder(folder, error)) return;
    if (model_folder_save(folder, &replica->config, &replica->layout, &replica->parameters, replica->tokenizer, error))
        return;
    cJSON *tree = state_tree(state, output_dir, history, error);
    char *path = file_join(folder, "trainer_state.json", error);
    if (error->status == STATUS_OK) json_save(tree, path, true, error);
    cJSON_Delete(tree);
    memory_free(path);
}

Status checkpoint_save(const World *world, const char *output_dir, const RunState *state, const cJSON *history,
                       const Replica *replica, Optimizer *optimizer, Error *error) {
    char *path = checkpoint_path(output_dir, state->step, error), *beside = NULL;
    if (path != NULL) beside = memory_allocate(strlen(path) + 5, 1, error);
    if (beside != NULL) {
        strcat(strcpy(beside, path), ".tmp");
        if (world->rank == 0) write_model(beside, output_dir, state, history, replica, error);
    }
    /* Rank 0 takes in every rank's moments even when it can no longer write: nobody is left waiting. */
    moments_write(world, beside, optimizer, error);
    if (world->rank == 0 && error->status == STATUS_OK) {
        if (file_flush(beside, error) == STATUS_OK && file_remove(path, error) == STATUS_OK)
            file_rename(beside, path, error);
    }
    if (world->rank == 0 && error->status != STATUS_OK && beside != NULL) {
        Error ignored = {0}; /* what failed first is what is told */
        file_remove(beside, &ignored);
    }
    memory_free(beside);
    memory_free(path);
    return world_agree(world, error, true);
}

/* A run cannot go on from a state that lacks one of these. */
static Status require(const cJSON *object, const char *const *names, size_t count, const char *path, Error *error) {
    for (size_t i = 0; i < count; i++)
        if (cJSON_GetObjectItemCaseSensitive(object, names[i]) == NULL)
            error_set(error, STATUS_INPUT, "%s lacks \"%s\": it is not a checkpoint of this linnet", path, names[i]);
    return error->status;
}

static Status read_own(const cJSON *tree, RunState *state, const char *path, Error *error) {
    static const char *const members[] = {"global_step", "max_steps", "epoch", "log_history"};
    static const char *const own_members[] = {"window",   "units",     "samples", "seed", "evaluations_since_best",
                                              "loss_sum", "loss_steps"};
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(tree, "linnet");
    if (!cJSON_IsObject(own))
        return error_set(error, STATUS_INPUT, "%s has no member \"linnet\": it is not a checkpoint of linnet", path);
    if (require(tree, members, sizeof members / sizeof *members, path, error) ||
        require(own, own_members, sizeof own_members / sizeof *own_members, path, error))
        return error->status;
    json_get_int(tree, "global_step", &state->step, path, error);
    json_get_int(tree, "max_steps", &state->total, path, error);
    json_get_double(tree, "epoch", &state->epoch, path, error);
    json_get_int(own, "window", &state->window, path, error);
    json_get_int(own, "units", &state->units, path, error);
    json_get_int(own, "samples", &state->samples, path, error);
    json_get_int(own, "seed", &state->seed, path, error);
    json_get_int(own, "evaluations_since_best", &state->stale, path, error);
    json_get_double(own, "loss_sum", &state->loss_sum, path, error);
    json_get_int(own, "loss_steps", &state->loss_steps, path, error);
    state->has_best = cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(tree, "best_metric"));
    json_get_double(tree, "best_metric", &state->best_metric, path, error);
    json_get_int(tree, "best_global_step", &state->best_step, path, error);
    return error->status; /* of any of them: each tells its own alone */
}

Status checkpoint_read_state(const char *folder, RunState *state, cJSON **history, Error *error) {
    char *path = file_join(folder, "trainer_state.json", error);
    cJSON *tree = NULL;
    *state = (RunState){0};
    if (path != NULL && json_load(&tree, path, error) == STATUS_OK && read_own(tree, state, path, error) == STATUS_OK &&
        history != NULL)
        *history = cJSON_DetachItemFromObjectCaseSensitive(tree, "log_history");
    cJSON_Delete(tree);
    memory_free(path);
    return error->status;
}

Status checkpoint_verify(const char *folder, CheckpointInfo *info, Error *error) {
    *info = (CheckpointInfo){0};
    if (checkpoint_read_state(folder, &info->state, NULL, error)) return error->status;
    return moments_verify(folder, info, error);
}
