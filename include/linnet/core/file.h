#ifndef LINNET_CORE_FILE_H
#define LINNET_CORE_FILE_H
/** Files and folders, with what crash safety needs. Paths are UTF-8 texts; nothing here is collective. Every
 *  failure names the path and the system's reason. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** Whose fault it is when a file cannot be read, by its errno: STATUS_FAILURE where this machine has no memory or no
 *  descriptors left, which says nothing of the file; else the file's, STATUS_INPUT. */
Status file_blame(int code);

/** folder + "/" + name into a new text, to be freed with memory_free(). */
char *file_join(const char *folder, const char *name, Error *error);

bool file_exists(const char *path);
bool file_is_folder(const char *path);
/** Whether both paths lead to one file or folder that is there. */
bool file_same(const char *a, const char *b);

/** Open a regular file for reading; *file is a descriptor of the caller's to close, -1 on failure. STATUS_INPUT when
 *  there is none, and at once for what could block or never end: a pipe, a device, a folder. Else as file_blame()
 *  says. */
Status file_open(const char *path, int *file, Error *error);

/** The same as a stream, to be closed with fclose(); NULL on failure. */
Status file_open_stream(const char *path, FILE **stream, Error *error);

/** The whole regular file in one new block with a closing zero byte; *size (may be NULL) without that byte. To be freed
 *  with memory_free(). STATUS_INPUT when it is larger than 1 GiB; else as file_blame() says. */
Status file_read(const char *path, char **text, size_t *size, Error *error);

/** Replace the file at once: write `path.tmp`, flush it to disk, rename, flush the folder. After a crash the file
 *  is the old one or the new one, whole. STATUS_INPUT where a folder, a pipe or a device has the name. */
Status file_replace(const char *path, const void *bytes, size_t size, Error *error);

/** The same of a file that is too large for one block: *file is open for writing as `path.tmp`, NULL after an error. */
Status file_begin(FILE **file, const char *path, Error *error);
/** Close it (NULL is fine). When *error is OK it is flushed to disk and takes its place; else it is removed. */
Status file_end(FILE *file, const char *path, Error *error);

/** Whether file_replace() could write `path` now, found out by making `path.tmp` and removing it: what takes long to
 *  make should not be lost on a wrong path. STATUS_INPUT says why not. */
Status file_probe(const char *path, Error *error);

/** Flush a file, or a folder's list of names, to disk. */
Status file_flush(const char *path, Error *error);
/** Flush the folder that holds `path`, so that the name itself survives a crash. */
Status file_flush_parent(const char *path, Error *error);

/** Make a folder and its parents; one that exists is fine. */
Status file_make_folder(const char *path, Error *error);

/** Remove a file, or a folder with all in it; one that does not exist is fine. */
Status file_remove(const char *path, Error *error);

/** rename(2), then flush the folder that holds `to`. */
Status file_rename(const char *from, const char *to, Error *error);

#endif
