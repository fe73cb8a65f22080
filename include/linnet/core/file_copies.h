#ifndef LINNET_CORE_FILE_COPIES_H
#define LINNET_CORE_FILE_COPIES_H
/** Files of which this process has copies in memory. While a file or folder is in the list, file.h answers from the list
 *  and reads the copies, so that the file system is not asked for anything in it. Whoever reads a file needs no change.
 *
 *  A copy is the descriptor of a file without a name (memfd_create(2)): it can be mapped and read like any other file,
 *  and several processes of a host may have the same one. The list is empty unless broadcast_files.h has filled it.
 *  Paths are compared as they are written. Any thread may look up while another changes the list. Not collective. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** Add a folder: a path in it that is not added as well does not exist. */
Status file_copies_add_folder(const char *path, Error *error);

/** Add a file or the like, by its mode (S_IFREG, …) and size. `file` is the copy, which the list closes, also after an
 *  error; −1: it exists, but who opens it gets the original. */
Status file_copies_add(const char *path, mode_t mode, int64_t size, int file, Error *error);

/** Whether the list knows about this path; *mode (0: no such file) and *size are then set. */
bool file_copies_look(const char *path, mode_t *mode, int64_t *size);

/** Room for file_copies_place(). */
enum { FILE_COPIES_PLACE = 32 };

/** The path under which to open the file: of its copy, written to `place`, else `path` itself. */
const char *file_copies_place(const char *path, char place[FILE_COPIES_PLACE]);

/** Give back the memory of bytes first … first + count − 1 of a copy, for all processes that have it. From then on who
 *  opens the file gets the original. */
void file_copies_discard(const char *path, int64_t first, int64_t count);

/** Forget all. A copy that is still open or mapped lives on until it is closed. */
void file_copies_clear(void);

#endif
