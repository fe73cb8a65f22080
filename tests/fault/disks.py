"""Real file systems that a test mounts on a folder: disks that fill up, reach a quota or become read-only. They need root."""
import ctypes
import os
import subprocess
import time

# <linux/quota.h>
Q_SETQUOTA, USER_QUOTA, BLOCK_LIMITS = 0x800008, 0, 1


class Quota(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("block_hard", "block_soft", "bytes", "file_hard", "file_soft", "files", "block_time", "file_time")]
    _fields_ += [("valid", ctypes.c_uint32)]


class Impossible(Exception):
    """This machine does not let us make such a disk."""


def command(*words):
    """What a command prints. A missing program is an error."""
    try:
        return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True, timeout=60).stdout
    except subprocess.CalledProcessError as error:
        raise Impossible(f"{words[0]}: {error.stderr.strip()}") from error


class Disk:
    """A file system of some megabytes on a folder, until unmount(). begin() and end() of a kind of disk begin and end its trouble in the
    folder `place`. `before` is a command that starts the program which writes there."""

    before = ()

    def __init__(self, folder):
        if os.geteuid() != 0:
            raise Impossible("not root")
        self.folder = self.place = folder
        folder.mkdir()
        try:
            self.mount()
        except Impossible:
            subprocess.run(["umount", folder], capture_output=True, timeout=60)
            raise

    def unmount(self):
        for _ in range(50):
            if subprocess.run(["umount", self.folder], capture_output=True, timeout=60).returncode == 0:
                return
            time.sleep(0.1)
        command("umount", "--lazy", self.folder)


class FullDisk(Disk):
    says = "No space left on device"

    def mount(self):
        command("mount", "-t", "tmpfs", "-o", "size=24m", "none", self.folder)

    def begin(self):
        with open(self.folder / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(1 << 16))
            except OSError:
                pass

    def end(self):
        (self.folder / "filler").unlink()


class QuotaDisk(Disk):
    """ext4, or btrfs on systems without quotas for ext4. `before` drops root's capability to exceed a quota."""

    before = ("setpriv", "--bounding-set=-sys_resource")
    says = "Disk quota exceeded"

    def mount(self):
        self.image = self.folder.with_name(self.folder.name + ".image")
        try:
            self.mount_image(24, ["mkfs.ext4", "-q", "-O", "quota", "-E", "quotatype=usrquota"], "loop,usrquota")
            self.limit = self.limit_ext4
        except Impossible:
            self.mount_image(128, ["mkfs.btrfs", "-q", "-m", "single", "-d", "single"], "loop")
            self.limit = self.limit_btrfs
            command("btrfs", "quota", "enable", self.folder)
            # A quota on a part of the disk, since one on the entire disk also prevents its own removal.
            self.place = self.folder / "part"
            command("btrfs", "subvolume", "create", self.place)
            self.part = command("btrfs", "inspect-internal", "rootid", self.place).strip()
        self.end()

    def mount_image(self, megabytes, make, options):
        with open(self.image, "wb") as image:
            image.truncate(megabytes << 20)
        command(*make, self.image)
        command("mount", "-o", options, self.image, self.folder)

    def limit_ext4(self, kilobytes):
        device = command("findmnt", "--noheadings", "--output", "SOURCE", self.folder).strip()
        quota = Quota(block_hard=kilobytes, block_soft=kilobytes, valid=BLOCK_LIMITS)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.quotactl(Q_SETQUOTA << 8 | USER_QUOTA, device.encode(), os.geteuid(), ctypes.byref(quota)) != 0:
            raise Impossible(f"quotactl: {os.strerror(ctypes.get_errno())}")

    def limit_btrfs(self, kilobytes):
        command("btrfs", "qgroup", "limit", f"{kilobytes}K" if kilobytes else "none", f"0/{self.part}", self.folder)

    def begin(self):
        self.limit(64)

    def end(self):
        self.limit(0)


class ReadOnlyDisk(FullDisk):
    """Mounts the same disk once more, read-only, over itself, so that open files stay open."""

    says = "Read-only file system"

    def begin(self):
        command("mount", "--bind", self.folder, self.folder)
        command("mount", "-o", "remount,ro,bind", self.folder)

    def end(self):
        super().unmount()

    def unmount(self):
        """Also the second mount, which a failed test leaves."""
        while os.path.ismount(self.folder):
            super().unmount()
