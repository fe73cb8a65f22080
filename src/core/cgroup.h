#ifndef LINNET_CORE_CGROUP_H
#define LINNET_CORE_CGROUP_H
/** The control groups that this process is in, of version 1 and 2. Not collective. */
#include <stddef.h>

/** Called with the folder of a group, where it is mounted as usual; a folder or a file in it may be missing. */
typedef void CgroupVisit(const char *folder, void *context);

/** Visit the process's group of version 1's `controller` and that of version 2, and all parents of each. */
void cgroup_visit(const char *controller, CgroupVisit *visit, void *context);

/** Bytes of the longest folder, with room for a file's name. */
#define CGROUP_PATH 4480

#endif
