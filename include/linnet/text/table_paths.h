#ifndef LINNET_TEXT_TABLE_PATHS_H
#define LINNET_TEXT_TABLE_PATHS_H
/** The files that a user names: paths, and patterns of paths in quotes, which the shell has not expanded. Not
 *  collective. */
#include "linnet/core/error.h"
#include <stddef.h>

typedef struct {
    char **items; /**< [count] owned copies */
    size_t count;
} TablePaths;

/** Expand each of `given` [count]: what exists, and "-", stands for itself; in any other name `*`, `?` and `[…]` are as in
 *  the shell, and the names that match are sorted by their bytes. STATUS_INPUT: a pattern that nothing matches, and
 *  among several paths standard input, what is no regular file, and a file that is there twice. Free also after an
 *  error. */
Status table_paths_expand(TablePaths *paths, char *const *given, size_t count, Error *error);
void table_paths_free(TablePaths *paths);

#endif
