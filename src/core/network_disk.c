/* Kinds of file systems. See network_disk.h. */
#include "linnet/core/network_disk.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/vfs.h>

/* By their f_type: Linux's include/uapi/linux/magic.h, and the sources of those that are not part of Linux. */
static const uint32_t KINDS[] = {
    0x00006969, /* NFS */
    0x0BD00BD0, /* Lustre */
    0x47504653, /* GPFS (Spectrum Scale) */
    0x19830326, /* BeeGFS */
    0x00C36400, /* Ceph */
    0xAAD7AAEA, /* Panasas */
    0x20030528, /* OrangeFS */
    0x65735546, /* FUSE: sshfs, GlusterFS, … */
    0x01021997, /* 9p */
    0xFF534D42, /* CIFS */
    0xFE534D42, /* SMB 2 and later */
    0x0000517B, /* SMB */
    0x5346414F, /* AFS */
    0x6B414653, /* AFS of the kernel */
    0x73757245, /* Coda */
    0x7461636F, /* OCFS2 */
    0x01161970, /* GFS2 */
};

bool network_disk(const char *path) {
    struct statfs about;
    if (statfs(path, &about)) return false;
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if ((uint32_t)about.f_type == KINDS[i]) return true;
    return false;
}
