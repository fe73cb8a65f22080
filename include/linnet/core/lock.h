#ifndef LINNET_CORE_LOCK_H
#define LINNET_CORE_LOCK_H
/** A folder for one process at a time, on whatever host: two runs that write into the same one would ruin each other's
 *  files. Not collective.
 *
 *  The lock is the system's, on the open file FOLDER/.lock: it goes with the process that holds it, however that ends,
 *  and no file that is left can refuse anybody. The file's text says who holds it, or did so last, for people alone. A
 *  folder that is moved takes its lock along. */
#include "linnet/core/error.h"
#include <stdbool.h>

#define LOCK_NAME ".lock"

/** A lock that may be held; {0} is none. */
typedef struct {
    bool held;
    int file; /**< open while it is held */
} Lock;

/** Take the lock of a folder that exists. While somebody else has it this waits, after a warning that names him, up to
 *  LINNET_LOCK_TIMEOUT seconds (120; 0: not at all), and then fails with STATUS_INPUT, or with STATUS_STOPPED once a
 *  stop signal comes. STATUS_OK without a lock where the file system knows none, after a warning, and where nothing
 *  can be written into the folder anyhow. */
Status lock_take(Lock *lock, const char *folder, Error *error);

/** Give it back; one that is not held is fine. The file stays. */
void lock_release(Lock *lock);

#endif
