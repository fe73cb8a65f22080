#ifndef LINNET_MODEL_MAPPED_FILE_H
#define LINNET_MODEL_MAPPED_FILE_H
/** Files whose bytes are used where they are: who writes into one meanwhile changes what is used, and who cuts one takes
 *  its pages away, so that reading them is the signal SIGBUS. One that is replaced by another file stays as it was. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <sys/stat.h>

typedef struct MappedFile {
    char *path;              /**< borrowed */
    unsigned char *bytes;    /**< [size], private and writable; NULL when not mapped */
    size_t size;             /**< bytes of the file */
    struct stat opened;      /**< of the file when it was mapped */
    bool copied;             /**< it is a copy in memory (file_copies.h), which nobody changes */
    struct MappedFile *next; /**< in the list of mapped files */
} MappedFile;

/** Map the file at file->path; an empty one is not mapped. While it is mapped, SIGBUS in its bytes ends the process with
 *  one line and exit code 1. Not for several threads at once. */
Status mapped_file_open(MappedFile *file, Error *error);
/** STATUS_INPUT if the file was written to since it was mapped. One that is no longer there, or is another one, is fine. */
Status mapped_file_check(const MappedFile *file, Error *error);
void mapped_file_close(MappedFile *file);
#endif
