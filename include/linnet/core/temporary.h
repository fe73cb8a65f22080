#ifndef LINNET_CORE_TEMPORARY_H
#define LINNET_CORE_TEMPORARY_H
/** Temporary names: a file or folder is written beside its place, under a name that no other process uses, then renamed.
 *
 *  The name is PATH.HOST-PLACE-PID.tmp: the host for people; eight digits that differ between hosts, their boots and
 *  their containers; the process. So a process can tell whether the writer of a name that it finds still runs. What a
 *  killed process left is removed by the next one that writes the same path; what a signal ends, before it ends. Not
 *  collective. */
#include "linnet/core/error.h"

/** The temporary name of `path` in this process, as a new text, freed with memory_free(). A file name that is too long
 *  for it is shortened. A process writes a path once at a time. */
char *temporary_path(const char *path, Error *error);

/** The same, for a file or folder that is going to be made: first removes what was left under other processes' names,
 *  and notes the name for temporary_clean(). To be given to temporary_end(), or forgotten by its text. */
char *temporary_begin(const char *path, Error *error);

/** Forget the name, which no longer exists, and free the text; NULL is allowed. */
void temporary_end(char *temporary);

/** Remove what this process has begun and not ended: files, and folders of files. Calls only what a signal's handler
 *  may call. */
void temporary_clean(void);

/** From now on SIGHUP, SIGINT, SIGTERM and SIGXCPU call temporary_clean() and then end the process as they do without a
 *  handler. Signals that are ignored stay ignored. A limit of CPU time (ulimit -t) is told by a line, a second before
 *  the system kills the process. */
void temporary_catch_signals(void);

#endif
