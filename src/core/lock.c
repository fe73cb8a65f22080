/* One process at a time in a folder. See lock.h. */
#include "linnet/core/lock.h"
#include "core/file_private.h"
#include "linnet/core/clock.h"
#include "linnet/core/environment.h"
#include "linnet/core/file.h"
#include "linnet/core/launcher.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/signals.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT 120.0 /* seconds: a file server drops the locks of a lost host late (Linux's NFS: 90 s) */
#define POLL_NANOSECONDS 200000000L
#define HOLDER 320 /* bytes of a holder's name, with the final zero */

/* Lock the file for this open file description, without waiting; 0, or errno. Such a lock works over NFS and Lustre
 * where locks work at all, and unlike a process's lock it does not end when the process closes another descriptor of
 * the file. */
static int try_lock(int file) {
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(file, F_OFD_SETLK, &all) == 0 ? 0 : errno;
}

static bool is_held(int code) {
    return code == EAGAIN || code == EACCES;
}

/* Lustre without the mount option flock returns ENOSYS, NFS without its lock service ENOLCK; a system or file system
 * without this kind of lock, EINVAL. */
static bool is_unknown(int code) {
    return code == ENOSYS || code == ENOLCK || code == EOPNOTSUPP || code == EINVAL;
}

/* The holder's name in the file. */
static void read_holder(int file, char text[HOLDER]) {
    const ssize_t count = pread(file, text, HOLDER - 1, 0);
    text[count > 0 ? count : 0] = '\0';
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) *c = '\0'; /* one line without commands to a terminal */
    if (!*text) strcpy(text, "which left no name");
}

/* Write the holder's name, for the message of a process that waits. The lock holds also where this fails. */
static void write_holder(int file) {
    char text[HOLDER], host[256] = "";
    const char *job = launcher_job();
    gethostname(host, sizeof host - 1);
    const int length = snprintf(text, sizeof text, "process %ld on %s%s%.20s\n", (long)getpid(), host,
                                job ? ", job " : "", job ? job : "");
    if (ftruncate(file, 0) == 0 && pwrite(file, text, (size_t)length, 0) == length) fsync(file); /* NFS: now */
}

/* Wait for the lock; 0, or the last attempt's errno. */
static int wait_for_lock(int file, const char *folder) {
    const double seconds = environment_seconds("LINNET_LOCK_TIMEOUT", TIMEOUT_DEFAULT, true);
    const double end = clock_now() + seconds;
    int code = try_lock(file);
    if (is_held(code) && seconds > 0) {
        char holder[HOLDER];
        read_holder(file, holder);
        log_warning("%s: another run, %s, writes into this folder: waiting up to %g s for it to end", folder, holder,
                    seconds);
    }
    while (is_held(code) && clock_now() < end && !signals_pending()) {
        nanosleep(&(struct timespec){.tv_nsec = POLL_NANOSECONDS}, NULL);
        code = try_lock(file);
    }
    return code;
}

/* Warn or set an error because there is no lock. */
static Status not_locked(int file, int code, const char *folder, Error *error) {
    char holder[HOLDER];
    read_holder(file, holder);
    if (is_unknown(code)) {
        log_warning("%s: its file system has no locks (%s): make sure that no other run writes into this folder",
                    folder, strerror(code));
        return STATUS_OK;
    }
    if (!is_held(code)) return error_set(error, STATUS_FAILURE, "%s/" LOCK_NAME ": %s", folder, strerror(code));
    if (signals_pending()) return error_set(error, STATUS_STOPPED, "%s: stopped by a signal while waiting", folder);
    return error_set(
        error, STATUS_INPUT,
        "%s: another run, %s, writes into this folder: wait for it to end, end it, or set another output_dir", folder,
        holder);
}

/* Open the lock file; −1 with an error, or without one where the folder cannot be written: the first write reports
 * that. */
static int open_file(const char *path, Error *error) {
    const int file = file_open_again(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0666), code = errno;
    const bool forbidden = code == EACCES || code == EPERM;
    if (file >= 0 || code == EROFS || (forbidden && !file_exists(path))) return file;
    const bool bad = forbidden || code == EISDIR || code == ELOOP;
    error_set(error, bad ? STATUS_INPUT : STATUS_FAILURE, "%s: cannot open: %s", path, strerror(code));
    return -1;
}

bool lock_is_held(const char *folder) {
    Error ignored = {0};
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *path = file_join(folder, LOCK_NAME, &ignored);
    const int file = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW) : -1;
    const bool held = file >= 0 && fcntl(file, F_OFD_GETLK, &all) == 0 && all.l_type != F_UNLCK;
    if (file >= 0) close(file);
    memory_free(path);
    return held;
}

Status lock_take(Lock *lock, const char *folder, Error *error) {
    *lock = (Lock){0};
    char *path = file_join(folder, LOCK_NAME, error);
    int file = -1, code = 0, attempts = 0;
    do {
        if (file >= 0) close(file);
        file = path ? open_file(path, error) : -1;
        errno = code = file >= 0 ? wait_for_lock(file, folder) : 0;
    } while (code && file_retry(&attempts));
    memory_free(path);
    if (file < 0) return error->status;
    if (code == 0) {
        write_holder(file);
        *lock = (Lock){.held = true, .file = file};
        return STATUS_OK;
    }
    not_locked(file, code, folder, error);
    close(file);
    return error->status;
}

/* The file is not removed: a waiting process has it open and would lock a file that no longer has a name, while a third
 * process makes and locks a new one. */
void lock_release(Lock *lock) {
    if (lock->held) close(lock->file);
    *lock = (Lock){0};
}
