/* The list of copies in memory. See file_copies.h. */
#include "linnet/core/file_copies.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    char *path;
    mode_t mode;
    int64_t size;
    int file;    /* −1: not copied */
    bool listed; /* a folder all of whose files are in the list */
    bool partly; /* part of the copy is gone */
} Entry;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Entry *entries; /* [count] */
static size_t count;

static Entry *find(const char *path) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(entries[i].path, path) == 0) return &entries[i];
    return NULL;
}

/* Whether the path lies directly in a folder of the list. */
static bool is_in_listed(const char *path) {
    for (size_t i = 0; i < count; i++) {
        const size_t length = strlen(entries[i].path);
        if (entries[i].listed && strncmp(path, entries[i].path, length) == 0 && path[length] == '/' &&
            path[length + 1] && !strchr(path + length + 1, '/'))
            return true;
    }
    return false;
}

static Status add(Entry entry, const char *path, Error *error) {
    entry.path = memory_text(path, error);
    pthread_mutex_lock(&lock);
    Entry *more = entry.path ? memory_resize(entries, count * sizeof *more, count + 1, sizeof *more, error) : NULL;
    if (more) {
        entries = more;
        entries[count++] = entry;
    }
    pthread_mutex_unlock(&lock);
    if (more) return STATUS_OK;
    memory_free(entry.path);
    if (entry.file >= 0) close(entry.file);
    return error->status;
}

Status file_copies_add_folder(const char *path, Error *error) {
    return add((Entry){.mode = S_IFDIR, .file = -1, .listed = true}, path, error);
}

Status file_copies_add(const char *path, mode_t mode, int64_t size, int file, Error *error) {
    return add((Entry){.mode = mode, .size = size, .file = file}, path, error);
}

bool file_copies_look(const char *path, mode_t *mode, int64_t *size) {
    pthread_mutex_lock(&lock);
    const Entry *entry = find(path);
    const bool known = entry || is_in_listed(path);
    *mode = entry ? entry->mode : 0;
    *size = entry ? entry->size : 0;
    pthread_mutex_unlock(&lock);
    return known;
}

const char *file_copies_place(const char *path, char place[FILE_COPIES_PLACE]) {
    pthread_mutex_lock(&lock);
    const Entry *entry = find(path);
    const bool copied = entry && entry->file >= 0 && !entry->partly;
    /* Opening this, unlike dup(2), gives a descriptor with a place of its own. */
    if (copied) snprintf(place, FILE_COPIES_PLACE, "/proc/self/fd/%d", entry->file);
    pthread_mutex_unlock(&lock);
    return copied ? place : path;
}

void file_copies_discard(const char *path, int64_t first, int64_t bytes) {
    pthread_mutex_lock(&lock);
    Entry *entry = find(path);
    if (entry && entry->file >= 0 && bytes > 0) {
        entry->partly = true;
        /* Where the system refuses, the memory is given back when the copy is closed. */
        fallocate(entry->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first, bytes);
    }
    pthread_mutex_unlock(&lock);
}

void file_copies_clear(void) {
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].file >= 0) close(entries[i].file);
        memory_free(entries[i].path);
    }
    memory_free(entries);
    entries = NULL;
    count = 0;
    pthread_mutex_unlock(&lock);
}
