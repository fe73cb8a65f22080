/* The files that a user names. See table_paths.h. */
#include "linnet/text/table_paths.h"
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

static Status add(TablePaths *paths, const char *path, Error *error) {
    char **items = memory_resize(paths->items, paths->count * sizeof *items, paths->count + 1, sizeof *items, error);
    if (!items) return error->status;
    paths->items = items;
    items[paths->count] = memory_text(path, error);
    if (items[paths->count]) paths->count++;
    return error->status;
}

/* Without a locale, which linnet never sets, glob() sorts by bytes. */
static Status add_matches(TablePaths *paths, const char *pattern, Error *error) {
    glob_t found = {0};
    const int code = glob(pattern, 0, NULL, &found);
    if (code == GLOB_NOSPACE)
        error_set(error, STATUS_FAILURE, "%s: could not allocate memory for the names that match", pattern);
    else if (code != 0)
        error_set(error, STATUS_INPUT, "%s: no file has a name like this", pattern);
    for (size_t i = 0; i < found.gl_pathc && !error->status; i++) add(paths, found.gl_pathv[i], error);
    globfree(&found);
    return error->status;
}

/* Files of which several are read: regular ones, each of them once. */
static Status check_several(const TablePaths *paths, Error *error) {
    struct stat *files = memory_allocate(paths->count, sizeof *files, error);
    for (size_t i = 0; files && i < paths->count && !error->status; i++) {
        const char *path = paths->items[i];
        if (strcmp(path, "-") == 0)
            error_set(error, STATUS_INPUT, "-: standard input is not read with other files: name it alone");
        else if (stat(path, &files[i]) != 0)
            file_fail(error, path, "open");
        else if (S_ISDIR(files[i].st_mode))
            error_set(error, STATUS_INPUT, "%s: is a folder: name its files, for example '%s/*.csv'", path, path);
        else if (!S_ISREG(files[i].st_mode))
            error_set(error, STATUS_INPUT, "%s: is no regular file, which several inputs must be: name it alone", path);
        for (size_t j = 0; j < i && !error->status; j++)
            if (files[j].st_dev == files[i].st_dev && files[j].st_ino == files[i].st_ino)
                error_set(error, STATUS_INPUT, "%s: is named twice: its rows would count twice (%s)", path,
                          paths->items[j]);
    }
    memory_free(files);
    return error->status;
}

Status table_paths_expand(TablePaths *paths, char *const *given, size_t count, Error *error) {
    *paths = (TablePaths){0};
    for (size_t i = 0; i < count && !error->status; i++) {
        const bool pattern = strpbrk(given[i], "*?[") && !file_exists(given[i]);
        if (pattern)
            add_matches(paths, given[i], error);
        else
            add(paths, given[i], error);
    }
    return !error->status && paths->count > 1 ? check_several(paths, error) : error->status;
}

void table_paths_free(TablePaths *paths) {
    for (size_t i = 0; i < paths->count; i++) memory_free(paths->items[i]);
    memory_free(paths->items);
    *paths = (TablePaths){0};
}
