/* The checkpoints of a run: find and verify them, remove old ones, and clean up after a killed run. */
#include "linnet/checkpoint/checkpoint.h"

#include "linnet/checkpoint/checkpoint_verify.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *checkpoint_path(const char *output_dir, int64_t step, Error *error) {
    char name[64];
    snprintf(name, sizeof name, "checkpoint-%lld", (long long)step);
    return file_join(output_dir, name, error);
}

/* The step in a name like checkpoint-12 with this ending; 0 for any other name. */
static int64_t step_of(const char *name, const char *ending) {
    static const char prefix[] = "checkpoint-";
    const char *digits = name + sizeof prefix - 1;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || digits[0] < '1' || digits[0] > '9') return 0;
    size_t length = strspn(digits, "0123456789");
    return strcmp(digits + length, ending) != 0 || length > 18 ? 0 : (int64_t)strtoll(digits, NULL, 10);
}

/* What a scan of a folder's checkpoints looks for and finds. */
typedef struct {
    int64_t count, newest_step;
    int64_t below;         /* only steps below this one count as newest; 0: all */
    int64_t current, best; /* of a run: steps that stay */
    int64_t first;         /* the step to be removed first; 0: none */
} CheckpointScan;

/* A step that this run has not reached yet is of an earlier run. Times of writing say less: a copy changes them. */
static bool goes_before(const CheckpointScan *scan, int64_t step, int64_t other) {
    const bool earlier = step > scan->current, other_earlier = other > scan->current;
    return earlier != other_earlier ? earlier : step < other;
}

static void scan_one(CheckpointScan *scan, int folder, const char *name) {
    struct stat about;
    const int64_t step = step_of(name, "");
    if (step == 0 || fstatat(folder, name, &about, 0) != 0 || !S_ISDIR(about.st_mode)) return;
    scan->count++;
    if (step > scan->newest_step && (scan->below == 0 || step < scan->below)) scan->newest_step = step;
    if (step == scan->current || step == scan->best) return;
    if (scan->first == 0 || goes_before(scan, step, scan->first)) scan->first = step;
}

/* Only a folder that does not exist has no checkpoints: one that cannot be listed may hold some. */
static Status scan_folder(CheckpointScan *scan, const char *output_dir, Error *error) {
    DIR *folder = opendir(output_dir);
    if (!folder && errno == ENOENT) return STATUS_OK;
    if (folder) errno = 0;
    for (const struct dirent *entry; folder && (entry = readdir(folder)); errno = 0)
        scan_one(scan, dirfd(folder), entry->d_name);
    if (errno) error_set(error, file_blame(errno), "%s: cannot list: %s", output_dir, strerror(errno));
    if (folder) closedir(folder);
    return error->status;
}

static int64_t newest_below(const char *output_dir, int64_t below, Error *error) {
    CheckpointScan scan = {.newest_step = -1, .below = below};
    return scan_folder(&scan, output_dir, error) ? -1 : scan.newest_step;
}

int64_t checkpoint_newest(const char *output_dir, Error *error) {
    return newest_below(output_dir, 0, error);
}

int64_t checkpoint_newest_intact(const char *output_dir, Error *error) {
    CheckpointInfo info;
    int64_t newest = checkpoint_newest(output_dir, error), step = newest;
    for (; step > 0 && error->status == STATUS_OK; step = newest_below(output_dir, step, error)) {
        Error damage = {0};
        char *path = checkpoint_path(output_dir, step, error);
        const bool ended = !path || checkpoint_verify(path, &info, &damage) == STATUS_OK;
        memory_free(path);
        if (ended) break;
        if (damage.status != STATUS_INPUT)
            *error = damage; /* a failure of this machine, not damage of the checkpoint */
        else
            log_warning("skipping checkpoint-%lld: %s", (long long)step, damage.message);
    }
    if (error->status == STATUS_OK && newest > 0 && step < 0)
        error_set(error, STATUS_INPUT,
                  "%s holds checkpoints, but none is intact: remove them to start from the beginning", output_dir);
    return step;
}

/* --- What a killed run leaves ------------------------------------------------------------------------------------- */

/* A complete checkpoint that a newer one of the same step was replacing: rename it back, unless the newer one is in
 * place. */
static Status recover_old(const char *output_dir, const char *old, int64_t step, Error *error) {
    char *path = checkpoint_path(output_dir, step, error);
    if (path && file_exists(path))
        file_remove(old, error);
    else if (path)
        file_rename(old, path, error);
    memory_free(path);
    return error->status;
}

Status checkpoint_tidy(const char *output_dir, Error *error) {
    DIR *folder = opendir(output_dir);
    if (!folder) return STATUS_OK;
    for (struct dirent *entry; error->status == STATUS_OK && (entry = readdir(folder));) {
        const char *name = entry->d_name;
        const int64_t old = step_of(name, ".old");
        if (old == 0 && step_of(name, ".tmp") == 0) continue;
        char *path = file_join(output_dir, name, error);
        if (!path) break;
        log_info("%s was left by a run that was killed: %s it", path, old > 0 ? "restoring or removing" : "removing");
        if (old > 0)
            recover_old(output_dir, path, old, error);
        else
            file_remove(path, error);
        memory_free(path);
    }
    closedir(folder);
    return error->status;
}

/* Renamed first: a crash in the middle leaves no checkpoint that lacks some of its files. */
static Status remove_checkpoint(const char *output_dir, int64_t step, Error *error) {
    char *path = checkpoint_path(output_dir, step, error), *away = NULL;
    if (path) away = memory_allocate(strlen(path) + sizeof ".tmp", 1, error);
    if (away && !file_remove(strcat(strcpy(away, path), ".tmp"), error)) {
        Error after = {0};
        file_rename(path, away, error);
        file_remove(away, error->status ? &after : error); /* also after a rename that was only not flushed */
    }
    memory_free(away);
    memory_free(path);
    return error->status;
}

Status checkpoint_rotate(const char *output_dir, int64_t limit, int64_t current, int64_t best, Error *error) {
    while (error->status == STATUS_OK) {
        CheckpointScan scan = {.newest_step = -1, .current = current, .best = best};
        if (scan_folder(&scan, output_dir, error) || scan.count <= limit || scan.first == 0) break;
        remove_checkpoint(output_dir, scan.first, error);
    }
    return error->status;
}
