/* Checkpoints: which there are, and the order in which one is written. See checkpoint.h; checkpoint_state.c has
 * the state, checkpoint_moments.c the moments. */
#include "linnet/checkpoint.h"

#include "linnet/file.h"
#include "linnet/memory.h"
#include "train/checkpoint_moments.h"
#include "train/checkpoint_state.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* The step in a name like checkpoint-12; 0 for any other name (checkpoint-12.tmp is one that was never finished). */
static int64_t step_of(const char *name) {
    static const char prefix[] = "checkpoint-";
    const char *digits = name + sizeof prefix - 1;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || digits[0] < '1' || digits[0] > '9') return 0;
    size_t length = strspn(digits, "0123456789");
    return digits[length] != '\0' || length > 18 ? 0 : (int64_t)strtoll(digits, NULL, 10);
}

/* A checkpoint that lies in a folder. */
typedef struct {
    int64_t step;
    struct timespec written;
} Found;

static bool is_older(const Found *a, const Found *b) {
    if (a->written.tv_sec != b->written.tv_sec) return a->written.tv_sec < b->written.tv_sec;
    if (a->written.tv_nsec != b->written.tv_nsec) return a->written.tv_nsec < b->written.tv_nsec;
    return a->step < b->step;
}

/* What a walk over a folder's checkpoints finds. */
typedef struct {
    int64_t count, newest_step;
    int64_t spared[2]; /* steps that cannot be the oldest */
    Found oldest;      /* step 0: none */
} Survey;

static void survey_one(Survey *survey, int folder, const char *name) {
    struct stat about;
    Found found = {.step = step_of(name)};
    if (found.step == 0 || fstatat(folder, name, &about, 0) != 0 || !S_ISDIR(about.st_mode)) return;
    found.written = about.st_mtim;
    survey->count++;
    if (found.step > survey->newest_step) survey->newest_step = found.step;
    if (found.step == survey->spared[0] || found.step == survey->spared[1]) return;
    if (survey->oldest.step == 0 || is_older(&found, &survey->oldest)) survey->oldest = found;
}

static void survey_folder(Survey *survey, const char *output_dir) {
    DIR *folder = opendir(output_dir);
    if (folder == NULL) return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) survey_one(survey, dirfd(folder), entry->d_name);
    closedir(folder);
}

int64_t checkpoint_newest(const char *output_dir) {
    Survey survey = {.newest_step = -1};
    survey_folder(&survey, output_dir);
    return survey.newest_step;
}

Status checkpoint_rotate(const char *output_dir, int64_t limit, int64_t current, int64_t best, Error *error) {
    while (error->status == STATUS_OK) {
        Survey survey = {.newest_step = -1, .spared = {current, best}};
        survey_folder(&survey, output_dir);
        if (survey.count <= limit || survey.oldest.step == 0) break;
        char *path = checkpoint_path(output_dir, survey.oldest.step, error);
        if (path != NULL) file_remove(path, error);
        memory_free(path);
    }
    return error->status;
}

/* Everything that rank 0 writes but the moments. */
static void write_model(const char *folder, const char *output_dir, const RunState *state, const cJSON *history,
                        const Replica *replica, Error *error) {
    if (file_remove(folder, error) || file_make_folder(folder, error)) return;
    if (model_folder_save(folder, &replica->config, &replica->layout, &replica->parameters, replica->tokenizer, error))
        return;
    state_write(folder, output_dir, state, history, error);
}

/* Put a finished folder in its place: there is a whole checkpoint of this step at every moment, an old one or the
 * new one. */
static Status put_in_place(const char *beside, const char *path, Error *error) {
    if (file_flush(beside, error)) return error->status;
    if (!file_exists(path)) return file_rename(beside, path, error);
    char *old = memory_allocate(strlen(path) + sizeof ".old", 1, error);
    if (old == NULL) return error->status;
    strcat(strcpy(old, path), ".old");
    if (file_remove(old, error) == STATUS_OK && file_rename(path, old, error) == STATUS_OK &&
        file_rename(beside, path, error) == STATUS_OK)
        file_remove(old, error);
    memory_free(old);
    return error->status;
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
    if (world->rank == 0 && error->status == STATUS_OK) put_in_place(beside, path, error);
    if (world->rank == 0 && error->status != STATUS_OK && beside != NULL) {
        Error ignored = {0}; /* what failed first is what is told */
        file_remove(beside, &ignored);
    }
    memory_free(beside);
    memory_free(path);
    return world_agree(world, error, true);
}

Status checkpoint_verify(const char *folder, CheckpointInfo *info, Error *error) {
    *info = (CheckpointInfo){0};
    if (checkpoint_read_state(folder, &info->state, NULL, error)) return error->status;
    return moments_verify(folder, info, error);
}
