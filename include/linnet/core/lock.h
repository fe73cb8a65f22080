#ifndef LINNET_CORE_LOCK_H
#define LINNET_CORE_LOCK_H
/** A lock on a folder, so that two runs, on any hosts, do not write into it at the same time. Not collective.
 *
 *  It is the system's lock on the open file FOLDER/.lock. It ends with the process that holds it, however that ends,
 *  so a file that remains blocks nobody. The file's text names the process that holds the lock, or held it last, only
 *  for people to read. A folder that is moved keeps its lock. */
#include "linnet/core/error.h"
#include <stdbool.h>

#define LOCK_NAME ".lock"

/** {0} is no lock. */
typedef struct {
    bool held;
    int file; /**< open while it is held */
} Lock;

/** Take the lock of an existing folder. While another process holds it, warn, naming that process, and wait up to
 *  LINNET_LOCK_TIMEOUT seconds (default 120; 0: do not wait); then STATUS_INPUT, or STATUS_STOPPED at a stop signal.
 *  STATUS_OK without a lock where the file system has no locks, after a warning, and where the folder cannot be
 *  written. */
Status lock_take(Lock *lock, const char *folder, Error *error);

/** Whether a process on this host, or on any host where the file system says so, holds the lock of a folder. Nothing is
 *  written. False where that cannot be found out. */
bool lock_is_held(const char *folder);

/** Release the lock, if it is held. The file stays. */
void lock_release(Lock *lock);

#endif
