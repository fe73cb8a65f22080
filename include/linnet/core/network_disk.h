#ifndef LINNET_CORE_NETWORK_DISK_H
#define LINNET_CORE_NETWORK_DISK_H
/** Whether a path is on a file system that other hosts serve (NFS, Lustre, GPFS, …), by the system's number of its kind.
 *  False for kinds that are not known, and where there is nothing. Not collective. */
#include <stdbool.h>

bool network_disk(const char *path);

#endif
