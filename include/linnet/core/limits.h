#ifndef LINNET_CORE_LIMITS_H
#define LINNET_CORE_LIMITS_H
/** The system's limits on this process (ulimit). Where libraries would crash or wait for ever below a limit, linnet
 *  looks first and says which one it is. Not collective. */
#include "linnet/core/error.h"

/** For the start of the program: a write beyond the limit on file sizes fails from now on, as on a full disk, instead
 *  of ending the process (SIGXFSZ), and a soft limit on the stack that is too low is raised. STATUS_FAILURE where the
 *  hard one is, or where standard input, output and error take the last file descriptors. */
Status limits_start(Error *error);

/** Check that `bytes` of address space are left for `what`; STATUS_FAILURE says how many are missing. */
Status limits_room(size_t bytes, const char *what, Error *error);

/** Check that MPI can start: memory, open files, and the size of a file; STATUS_FAILURE. Raises a soft limit on open
 *  files that is too low. */
Status limits_mpi(Error *error);

/** Start the other OpenMP threads of a team of `threads` now, so that they are there when memory is short; first check
 *  that the system gives them, since OpenMP ends the process where it does not. STATUS_FAILURE. */
Status limits_threads(int threads, Error *error);

#endif
