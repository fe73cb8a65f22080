#ifndef LINNET_DATA_H5_H
#define LINNET_DATA_H5_H
/** What linnet needs of HDF5's C API: files opened without locks, attributes of checked types, and one line from HDF5's
 *  error stack. Not collective. */
#include "linnet/core/error.h"
#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define H5_TEXT_MAX 255 /**< bytes of the longest text in an attribute */

/** What an open file is read from: the disk, or a copy in memory (file_copies.h), which HDF5 reads where it is. */
typedef struct {
    void *bytes; /**< [size] of the copy; NULL: the disk */
    size_t size;
    struct stat opened;
} H5Source;

/** Open for reading, without file locks. STATUS_INPUT names the file and its fault, also where its format is older
 *  than HDF5 1.10. */
Status h5_open(hid_t *file, H5Source *source, const char *path, Error *error);
/** Close a file (−1: none) and free its image. */
void h5_close(hid_t file, H5Source *source);
/** Read bytes of the file from `address` on, past HDF5; false where it has not so many. */
bool h5_bytes(hid_t file, const H5Source *source, uint64_t address, void *out, size_t size);
/** Create or empty the file `temporary` for writing, without file locks. Errors name `path`, whose place it will take:
 *  STATUS_INPUT when the path is wrong. */
Status h5_create(hid_t *file, const char *temporary, const char *path, Error *error);

/** Whether the call of HDF5 that has just failed in this thread did so because a file server no longer knows the file
 *  (ESTALE). */
bool h5_is_stale(void);

/** Fill *error with "path: what: " and the most specific entry of HDF5's error stack. STATUS_FAILURE instead of
 *  `status` when this machine has no memory or file descriptors left. */
Status h5_error(Error *error, Status status, const char *path, const char *what);

/** Read an attribute of `object`; STATUS_INPUT when it is missing, of another type or outside low…high. */
Status h5_get_int(hid_t object, const char *name, int64_t low, int64_t high, int64_t *value, const char *path,
                  Error *error);
/** One text of 1 … size − 1 bytes without control characters into text [size]. */
Status h5_get_text(hid_t object, const char *name, char *text, size_t size, const char *path, Error *error);
/** A list of 1 … most texts, of fixed length. Freed with h5_free_texts(). */
Status h5_get_texts(hid_t object, const char *name, int32_t most, char ***texts, int32_t *count, const char *path,
                    Error *error);
void h5_free_texts(char **texts, int32_t count);

/** Write an attribute; false after an error. Texts are UTF-8 of at least 1 byte, padded with zeros to the same
 *  length. */
bool h5_put_int(hid_t object, const char *name, int64_t value);
bool h5_put_text(hid_t object, const char *name, const char *text);
bool h5_put_texts(hid_t object, const char *name, char *const *texts, int32_t count);

#endif
