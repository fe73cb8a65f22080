#ifndef LINNET_CORE_FILE_PRIVATE_H
#define LINNET_CORE_FILE_PRIVATE_H
/** What reading files (file_look.c), writing them (file.c) and locking them (lock.c) share. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <sys/stat.h>

/** STATUS_INPUT if `about` is not a regular file's: "path: cannot `what`: it is a folder, not a regular file". */
Status file_check_regular(const char *path, const struct stat *about, const char *what, Error *error);

/** open(2), again after ESTALE. */
int file_open_again(const char *path, int flags, mode_t mode);

#endif
