/* Which snapshot a folder of the hub's cache stands for. See hub_cache.h. */
#include "linnet/core/hub_cache.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A model folder may have any other folders. */
static bool is_cached_model(const char *path) {
    return file_is_in(path, "snapshots") && file_is_in(path, "blobs") && !file_is_in(path, "config.json");
}

/* What refs/main says, without white space; "" where there is no such file. A name with a slash would lead elsewhere. */
static Status read_main(const char *path, char revision[NAME_MAX + 1], Error *error) {
    char *file = file_join(path, "refs/main", error), *text = NULL;
    revision[0] = '\0';
    if (file && file_exists(file) && !file_read(file, &text, NULL, error)) {
        const char *start = text + strspn(text, " \t\r\n");
        const size_t size = strcspn(start, " \t\r\n");
        if (size == 0 || size > NAME_MAX || memchr(start, '/', size) || *start == '.')
            error_set(error, STATUS_INPUT, "%s: expected the name of a folder in %s/snapshots", file, path);
        else
            snprintf(revision, NAME_MAX + 1, "%.*s", (int)size, start);
    }
    memory_free(text);
    memory_free(file);
    return error->status;
}

/* The only entry of snapshots/. */
static Status only_snapshot(const char *path, char revision[NAME_MAX + 1], Error *error) {
    char *snapshots = file_join(path, "snapshots", error);
    DIR *entries = snapshots ? opendir(snapshots) : NULL;
    const struct dirent *entry;
    int count = 0;
    while (entries && (entry = readdir(entries))) {
        if (entry->d_name[0] == '.') continue;
        if (count++ == 0) snprintf(revision, NAME_MAX + 1, "%s", entry->d_name);
    }
    if (entries) closedir(entries);
    if (count != 1)
        error_set(error, STATUS_INPUT, "%s: a model of Hugging Face's cache with %d snapshots and no refs/main: %s",
                  path, count, count > 1 ? "give one of the folders in its snapshots/" : "download it again");
    memory_free(snapshots);
    return error->status;
}

const char *hub_cache_resolve(const char *path, char room[PATH_MAX], Error *error) {
    char revision[NAME_MAX + 1];
    if (!is_cached_model(path) || read_main(path, revision, error) ||
        (!*revision && only_snapshot(path, revision, error)))
        return path;
    if (snprintf(room, PATH_MAX, "%s/snapshots/%s", path, revision) >= PATH_MAX) {
        error_set(error, STATUS_INPUT, "%s: the path is too long", path);
        return path;
    }
    if (file_is_folder(room)) return room;
    error_set(error, STATUS_INPUT,
              "%s: refs/main stands for snapshots/%s, which is not there: download the model again", path, revision);
    return path;
}
