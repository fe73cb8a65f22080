#ifndef LINNET_CORE_FILE_H
#define LINNET_CORE_FILE_H
/** Files and folders, written so that a crash leaves the old or the new content. Paths are UTF-8. Every error names the
 *  path and the system's reason. What names a path is asked for again a few times where a file server no longer knows it
 *  (ESTALE). What only looks or reads takes the copies of file_copies.h, where there are some. Not collective. */
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** The status for a file that cannot be read, by errno: STATUS_FAILURE where this machine has no memory or file
 *  descriptors left or the file server does not serve it, else STATUS_INPUT. */
Status file_blame(int code);

/** Fill *error with "path: cannot what: reason" from errno: a path that the user can correct is STATUS_INPUT, all else
 *  STATUS_FAILURE, the machine's. */
Status file_fail(Error *error, const char *path, const char *what);

/** folder + "/" + name as a new text, freed with memory_free(). */
char *file_join(const char *folder, const char *name, Error *error);

/** The path as a new text, freed with memory_free(), in which a leading ~ stands for the home folder, as the shell has
 *  it outside of quotes. */
char *file_expand_home(const char *path, Error *error);

bool file_exists(const char *path);
/** Whether a folder holds a file or folder of this name. */
bool file_is_in(const char *folder, const char *name);
bool file_is_folder(const char *path);
/** Bytes of a regular file, for example to tell how far reading it is; 0 where there is none. */
int64_t file_size(const char *path);
/** Whether both paths lead to the same existing file or folder. */
bool file_same(const char *a, const char *b);
/** The same, and also for paths of a file that is not there yet: whether they are one name in one folder. */
bool file_same_place(const char *a, const char *b);

/** Open a regular file for reading; the caller closes the descriptor *file, which is -1 after an error. STATUS_INPUT
 *  for a missing file, and at once for a pipe, a device or a folder, which could block or never end; else by
 *  file_blame(). */
Status file_open(const char *path, int *file, Error *error);

/** The same as a stream, closed with fclose(); NULL after an error. */
Status file_open_stream(const char *path, FILE **stream, Error *error);

/** Read a regular file into a new block, freed with memory_free(), and add a zero byte, which *size (may be NULL) does
 *  not count. STATUS_INPUT for more than 1 GiB; else by file_blame(). */
Status file_read(const char *path, char **text, size_t *size, Error *error);

/** Replace the file at once: write it under a temporary name of this process (temporary.h), flush it to disk, rename
 *  it, flush the folder. After a crash the file is the complete old one or the complete new one; of several processes
 *  that write it, the last one's stays. STATUS_INPUT for a folder, a pipe or a device. */
Status file_replace(const char *path, const void *bytes, size_t size, Error *error);

/** The same for a file too large for one block: open the temporary file for writing; *file is NULL after an error. */
Status file_begin(FILE **file, const char *path, Error *error);
/** Close it (NULL is allowed). If *error is STATUS_OK flush it and move it into place, else remove it. */
Status file_end(FILE *file, const char *path, Error *error);

/** After a call on a path that failed with errno: whether to make it again, as where a file server no longer knows a
 *  handle (ESTALE) after its restart, or because another host has replaced what the path names: the next call asks for
 *  it anew. Has then waited, a tenth of a second at first. *attempts counts from 0; at most three times, in about two
 *  seconds. errno stays. */
bool file_retry(int *attempts);

/** After writing in several steps ended with *error: whether to write all of it again, since a file server no longer knew
 *  an open file (ESTALE). Then it has waited, said so in the log and emptied *error. *attempts counts from 0; at most
 *  three times. */
bool file_write_again(Error *error, int *attempts);

/** write(2) until all is written; false after an error, which errno tells. */
bool file_write_all(int file, const void *bytes, size_t size);

/** Refuse to replace a file that does not start with the text `start`, of at most 16 bytes, as `what` does ("a token
 *  file"): STATUS_INPUT. An empty file, or one that cannot be read, may be replaced. */
Status file_check_replaced(const char *path, const char *start, const char *what, Error *error);

/** Check that file_replace() could write `path` now by making the temporary file and removing it, so that long work is
 *  not lost on a wrong path. */
Status file_probe(const char *path, Error *error);

/** Flush a file, or a folder's list of names, to disk. */
Status file_flush(const char *path, Error *error);
/** Flush the folder that holds `path`, so that the name itself survives a crash. */
Status file_flush_parent(const char *path, Error *error);

/** Make a folder and its parents; they may exist. */
Status file_make_folder(const char *path, Error *error);

/** Remove a file, or a folder and its content; it need not exist. */
Status file_remove(const char *path, Error *error);

/** The end of writing a file or folder under a temporary name: flush it to disk, rename it, flush the folder that holds
 *  it. Errors name `path` alone. */
Status file_take_place(const char *temporary, const char *path, Error *error);

/** rename(2); false after an error, which errno tells. */
bool file_move(const char *from, const char *to);

/** The same, then flush the folder that holds `to`. */
Status file_rename(const char *from, const char *to, Error *error);

#endif
