#include "linnet/core/lock.h"

#include "linnet/core/clock.h"
#include "linnet/core/environment.h"
#include "linnet/core/file.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/signals.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/** Seconds. A host that is gone keeps its locks until the file server gives them up: 90 s later with Linux's NFS. */
#define TIMEOUT_DEFAULT 120.0
#define POLL_NANOSECONDS 200000000L
/** Room for who holds a lock, with the closing zero. */
enum { HOLDER = 320 };

/** Lock the whole file for this opening of it alone, without waiting; 0, or errno. Such a lock reaches over NFS, Lustre
 *  and their like where locks do at all, and unlike a process's own it does not end when the process opens the file once
 *  more and closes that. */
static int try_lock(int file) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(file, F_OFD_SETLK, &whole) == 0 ? 0 : errno;
}

static bool is_held(int code) {
    return code == EAGAIN || code == EACCES;
}

/** Lustre without the mount option flock says ENOSYS, NFS without its lock service ENOLCK; a system or a file system
 *  that knows none of this kind, EINVAL. */
static bool is_unknown(int code) {
    return code == ENOSYS || code == ENOLCK || code == EOPNOTSUPP || code == EINVAL;
}

/** Who holds the lock, as the file says. */
static void read_holder(int file, char text[HOLDER]) {
    const ssize_t count = pread(file, text, HOLDER - 1, 0);
    text[count > 0 ? count : 0] = '\0';
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) *c = '\0'; /* one line, and nothing that a terminal would obey */
    if (!*text) strcpy(text, "of which nothing is known");
}

/** Say who holds the lock. A message of somebody who waits is all that this is for: where it fails the lock is none the
 *  worse. */
static void write_holder(int file) {
    char text[HOLDER], host[256] = "";
    const char *job = getenv("SLURM_JOB_ID");
    gethostname(host, sizeof host - 1);
    const int length = snprintf(text, sizeof text, "process %ld on %s%s%.20s\n", (long)getpid(), host,
                                job ? ", job " : "", job ? job : "");
    if (ftruncate(file, 0) == 0 && pwrite(file, text, (size_t)length, 0) == length) fsync(file); /* NFS: now */
}

/** Wait until the lock is had; the last try's errno. */
static int wait_for_lock(int file, const char *folder) {
    const double seconds = environment_seconds("LINNET_LOCK_TIMEOUT", TIMEOUT_DEFAULT, true);
    const double end = clock_now() + seconds;
    int code = try_lock(file);
    if (is_held(code) && seconds > 0) {
        char holder[HOLDER];
        read_holder(file, holder);
        log_warning("%s: another run, %s, writes into this folder: waiting for up to %g s for its end", folder, holder,
                    seconds);
    }
    while (is_held(code) && clock_now() < end && !signals_pending()) {
        nanosleep(&(struct timespec){.tv_nsec = POLL_NANOSECONDS}, NULL);
        code = try_lock(file);
    }
    return code;
}

/** Why there is no lock: a warning, or an error. */
static Status not_locked(int file, int code, const char *folder, Error *error) {
    char holder[HOLDER];
    read_holder(file, holder);
    if (is_unknown(code)) {
        log_warning("%s: its file system has no locks (%s): see to it that no other run writes into this folder",
                    folder, strerror(code));
        return STATUS_OK;
    }
    if (!is_held(code)) return error_set(error, STATUS_FAILURE, "%s/" LOCK_NAME ": %s", folder, strerror(code));
    if (signals_pending()) return error_set(error, STATUS_STOPPED, "%s: stopped by a signal while waiting", folder);
    return error_set(
        error, STATUS_INPUT,
        "%s: another run, %s, writes into this folder: wait for its end, end it, or give another output_dir", folder,
        holder);
}

/** Open the file; −1, with an error or without: where nothing can be written nothing needs a lock, and whoever writes
 *  first says what is wrong. */
static int open_file(const char *path, Error *error) {
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0666), code = errno;
    const bool forbidden = code == EACCES || code == EPERM;
    if (file >= 0 || code == EROFS || (forbidden && !file_exists(path))) return file;
    const bool bad = forbidden || code == EISDIR || code == ELOOP;
    error_set(error, bad ? STATUS_INPUT : STATUS_FAILURE, "%s: cannot open: %s", path, strerror(code));
    return -1;
}

Status lock_take(Lock *lock, const char *folder, Error *error) {
    *lock = (Lock){0};
    char *path = file_join(folder, LOCK_NAME, error);
    const int file = path ? open_file(path, error) : -1;
    memory_free(path);
    if (file < 0) return error->status;
    const int code = wait_for_lock(file, folder);
    if (code == 0) {
        write_holder(file);
        *lock = (Lock){.held = true, .file = file};
        return STATUS_OK;
    }
    not_locked(file, code, folder, error);
    close(file);
    return error->status;
}

/** The file is not removed: who waits has it open, and would come to hold a file that nobody else finds any more, while
 *  a third one makes and locks a new one. */
void lock_release(Lock *lock) {
    if (lock->held) close(lock->file);
    *lock = (Lock){0};
}
