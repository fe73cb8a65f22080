/* The checkpoints in a folder: list them, find a run's newest, remove old ones, and clean up after a killed run. */
#include "linnet/checkpoint/checkpoint.h"

#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
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

char *checkpoint_best_path(const char *output_dir, const BestCheckpoint *best, Error *error) {
    if (best->step == 0) return NULL;
    return best->folder[0] ? memory_text(best->folder, error) : checkpoint_path(output_dir, best->step, error);
}

/* The step in a name like checkpoint-12 with this ending; 0 for any other name. */
static int64_t step_of(const char *name, const char *ending) {
    static const char prefix[] = "checkpoint-";
    const char *digits = name + sizeof prefix - 1;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || digits[0] < '1' || digits[0] > '9') return 0;
    size_t length = strspn(digits, "0123456789");
    return strcmp(digits + length, ending) != 0 || length > 18 ? 0 : (int64_t)strtoll(digits, NULL, 10);
}

/* --- The list ----------------------------------------------------------------------------------------------------- */

static int compare_steps(const void *left, const void *right) {
    const CheckpointEntry *a = left, *b = right;
    return (a->step > b->step) - (a->step < b->step);
}

/* Whose checkpoint it is. Damage of its state is no error here. */
static void read_entry(CheckpointEntry *entry, const char *path, Error *error) {
    RunState state;
    RunStateParts parts = {0};
    Error damage = {0};
    entry->kind = checkpoint_kind(path);
    if (entry->kind == CHECKPOINT_LINNET && !run_state_read_own(path, &state, &parts, &damage))
        memcpy(entry->run, state.run.id, sizeof entry->run);
    else if (damage.status == STATUS_FAILURE) /* of this machine, such as no memory */
        *error = damage;
    run_state_parts_free(&parts);
}

static Status add_entry(CheckpointList *list, const char *output_dir, const char *name, Error *error) {
    const int64_t step = step_of(name, "");
    char *path = step > 0 ? file_join(output_dir, name, error) : NULL;
    if (path && file_is_folder(path)) {
        const size_t size = sizeof *list->entries;
        CheckpointEntry *entries = memory_resize(list->entries, list->count * size, list->count + 1, size, error);
        if (entries) {
            list->entries = entries;
            entries[list->count] = (CheckpointEntry){.step = step};
            read_entry(&entries[list->count++], path, error);
        }
    }
    memory_free(path);
    return error->status;
}

/* Only a folder that does not exist has no checkpoints: one that cannot be listed may hold some. */
Status checkpoint_list(CheckpointList *list, const char *output_dir, Error *error) {
    *list = (CheckpointList){0};
    DIR *folder = opendir(output_dir);
    if (!folder && errno == ENOENT) return STATUS_OK;
    if (folder) errno = 0;
    for (const struct dirent *entry; folder && (entry = readdir(folder)); errno = 0)
        if (add_entry(list, output_dir, entry->d_name, error)) break;
    if (errno && !error->status)
        error_set(error, file_blame(errno), "%s: cannot list: %s", output_dir, strerror(errno));
    if (folder) closedir(folder);
    if (list->count) qsort(list->entries, list->count, sizeof *list->entries, compare_steps);
    return error->status;
}

void checkpoint_list_free(CheckpointList *list) {
    memory_free(list->entries);
    *list = (CheckpointList){0};
}

bool checkpoint_is_of(const CheckpointEntry *entry, const char *run) {
    return run[0] && strcmp(entry->run, run) == 0;
}

bool checkpoint_may_replace(const CheckpointEntry *entry, const char *run) {
    return checkpoint_is_of(entry, run) || (entry->kind == CHECKPOINT_LINNET && !entry->run[0]);
}

int64_t checkpoint_newest(const CheckpointList *list, const char *run) {
    int64_t newest = 0;
    for (size_t i = 0; i < list->count; i++)
        if (checkpoint_is_of(&list->entries[i], run)) newest = list->entries[i].step;
    return newest;
}

int64_t checkpoint_newest_intact(const CheckpointList *list, const char *output_dir, const char *run, Error *error) {
    size_t damaged = 0, bare = 0;
    for (size_t i = list->count; i-- > 0 && !error->status;) {
        const CheckpointEntry *entry = &list->entries[i];
        if (!checkpoint_is_of(entry, run) && !(entry->kind == CHECKPOINT_LINNET && !entry->run[0])) continue;
        CheckpointInfo info;
        Error damage = {0};
        char *path = checkpoint_path(output_dir, entry->step, error);
        const bool intact = path && checkpoint_verify(path, &info, &damage) == STATUS_OK;
        memory_free(path);
        if (intact && !info.state.model_only) return entry->step;
        if (intact) {
            log_info("skipping checkpoint-%lld: it has no optimizer state (save_only_model)", (long long)entry->step);
            bare++;
        }
        if (damage.status == STATUS_FAILURE) *error = damage; /* of this machine, not of the checkpoint */
        if (damage.status != STATUS_INPUT) continue;
        log_warning("skipping checkpoint-%lld: %s", (long long)entry->step, damage.message);
        damaged++;
    }
    if (bare > 0)
        error_set(
            error, STATUS_INPUT,
            "%s holds checkpoints, but none has the optimizer's state (save_only_model), without which a run cannot be "
            "resumed: set resume_from_checkpoint to false, and another output_dir or overwrite_output_dir: true, to "
            "start from the beginning",
            output_dir);
    else if (damaged > 0)
        error_set(error, STATUS_INPUT,
                  "%s holds checkpoints, but none is intact: remove them to start from the beginning", output_dir);
    return 0;
}

/* "run 1f0c9a3b": whose it is. */
static const char *owner_of(const CheckpointEntry *entry, char text[RUN_NAME_TEXT]) {
    if (entry->run[0]) return run_record_name(entry->run, text);
    return entry->kind == CHECKPOINT_TRAINER  ? "Hugging Face Trainer"
           : entry->kind == CHECKPOINT_OLDER  ? "an older linnet"
           : entry->kind == CHECKPOINT_LINNET ? "damaged"
                                              : "no checkpoint";
}

Status checkpoint_check_replaced(const char *path, const char *run, Error *error) {
    CheckpointEntry entry = {0};
    char owner[RUN_NAME_TEXT];
    if (!file_exists(path)) return STATUS_OK;
    read_entry(&entry, path, error);
    if (error->status || checkpoint_may_replace(&entry, run)) return error->status;
    return error_set(error, STATUS_FAILURE, "%s is not of this run (%s) and is not replaced", path,
                     owner_of(&entry, owner));
}

size_t checkpoint_others(const CheckpointList *list, const char *run, char names[CHECKPOINT_NAMES_TEXT]) {
    size_t others = 0, named = 0, used = 0;
    names[0] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        char owner[RUN_NAME_TEXT], name[80];
        if (checkpoint_is_of(&list->entries[i], run)) continue;
        const int length = snprintf(name, sizeof name, "%scheckpoint-%lld (%s)", named ? ", " : "",
                                    (long long)list->entries[i].step, owner_of(&list->entries[i], owner));
        if (others++ == named && used + (size_t)length + sizeof " and 1000000 more" < CHECKPOINT_NAMES_TEXT) {
            used += (size_t)sprintf(names + used, "%s", name);
            named++;
        }
    }
    if (named < others) snprintf(names + used, CHECKPOINT_NAMES_TEXT - used, " and %zu more", others - named);
    return others;
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

static bool is_kept(const char *path, const char *const *keep, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (keep[i] && file_same(path, keep[i])) return true;
    return false;
}

Status checkpoint_remove_others(const char *output_dir, const char *run, const char *const *keep, size_t count,
                                Error *error) {
    CheckpointList list;
    checkpoint_list(&list, output_dir, error);
    for (size_t i = 0; i < list.count && !error->status; i++) {
        char owner[RUN_NAME_TEXT];
        if (checkpoint_is_of(&list.entries[i], run)) continue;
        char *path = checkpoint_path(output_dir, list.entries[i].step, error);
        if (path && !is_kept(path, keep, count)) {
            log_info("overwrite_output_dir: removing %s (%s)", path, owner_of(&list.entries[i], owner));
            remove_checkpoint(output_dir, list.entries[i].step, error);
        }
        memory_free(path);
    }
    checkpoint_list_free(&list);
    return error->status;
}

/* Where the run has gone back to an older checkpoint, those of steps that it has not reached again go first. Times of
 * writing say less: a copy changes them. */
static bool goes_before(int64_t step, int64_t other, int64_t current) {
    const bool ahead = step > current, other_ahead = other > current;
    return ahead != other_ahead ? ahead : step < other;
}

Status checkpoint_rotate(const char *output_dir, const char *run, int64_t limit, int64_t current, int64_t best,
                         Error *error) {
    CheckpointList list;
    int64_t count = 0;
    checkpoint_list(&list, output_dir, error);
    for (size_t i = 0; i < list.count; i++) count += checkpoint_is_of(&list.entries[i], run);
    for (; count > limit && !error->status; count--) {
        CheckpointEntry *chosen = NULL;
        for (size_t i = 0; i < list.count; i++) {
            CheckpointEntry *entry = &list.entries[i];
            if (!checkpoint_is_of(entry, run) || entry->step == current || entry->step == best) continue;
            if (!chosen || goes_before(entry->step, chosen->step, current)) chosen = entry;
        }
        if (!chosen) break;
        remove_checkpoint(output_dir, chosen->step, error);
        chosen->run[0] = '\0';
    }
    checkpoint_list_free(&list);
    return error->status;
}
