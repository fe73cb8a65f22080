#ifndef LINNET_CORE_FILE_SOURCE_H
#define LINNET_CORE_FILE_SOURCE_H
/** A regular file that is read at given places. Where a file server no longer knows it (ESTALE) the path is opened again
 *  a few times, and reading goes on if the file there has the same size and time of its last change. Not for several
 *  threads at once. Not collective. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/** Whether a file that was looked at twice is likely to have the same content: by its size and the time of its last
 *  change. */
static inline bool file_is_unchanged(const struct stat *then, const struct stat *now) {
    return now->st_size == then->st_size && now->st_mtim.tv_sec == then->st_mtim.tv_sec &&
           now->st_mtim.tv_nsec == then->st_mtim.tv_nsec;
}

typedef struct {
    const char *path; /**< borrowed */
    int file;         /**< its descriptor; −1 where it is not open */
    struct stat about;
} FileSource;

/** As file_open(). */
Status file_source_open(FileSource *source, const char *path, Error *error);

/** Read bytes from … from + size − 1 into out; *got is less than `size` only where the file ends earlier. By
 *  file_blame() after an error. */
Status file_source_read(FileSource *source, void *out, size_t size, int64_t from, size_t *got, Error *error);

/** Nothing to close is fine. */
void file_source_close(FileSource *source);

#endif
