#ifndef LINNET_CORE_FILE_PRIVATE_H
#define LINNET_CORE_FILE_PRIVATE_H
/** What reading files (file_look.c), writing them (file.c) and locking them (lock.c) share. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <sys/stat.h>

/** After a call on a path that failed with errno: whether to make it again, as where a file server no longer knows a
 *  handle (ESTALE) after its restart, or because another host has replaced what the path names: the next call asks for
 *  it anew. Has then waited, a tenth of a second at first. *attempts counts from 0; at most three times, in about two
 *  seconds. errno stays. */
bool file_retry(int *attempts);

/** STATUS_INPUT if `about` is not a regular file's: "path: cannot `what`: it is a folder, not a regular file". */
Status file_check_regular(const char *path, const struct stat *about, const char *what, Error *error);

/** open(2), again after ESTALE. */
int file_open_again(const char *path, int flags, mode_t mode);

#endif
