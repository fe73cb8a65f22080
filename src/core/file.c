/* Files and folders: replacing at once, flushing, renaming, removing. See file.h. */
#include "linnet/core/file.h"
#include "core/file_private.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/temporary.h"
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Status file_fail(Error *error, const char *path, const char *what) {
    static const int correctable[] = {ENOENT, ENOTDIR, EISDIR, EEXIST, EACCES, EPERM, EROFS, ELOOP, ENAMETOOLONG};
    const int code = errno;
    Status status = STATUS_FAILURE;
    for (size_t i = 0; i < sizeof correctable / sizeof *correctable; i++)
        if (code == correctable[i]) status = STATUS_INPUT;
    if (!error->status) error->code = code;
    return error_set(error, status, "%s: cannot %s: %s", path, what, strerror(code));
}

bool file_write_again(Error *error, int *attempts) {
    errno = error->code;
    if (!error->status || !file_retry(attempts)) return false;
    log_info("%s: writing again", error->message);
    *error = (Error){0};
    return true;
}

Status file_blame(int code) {
    static const int own[] = {ENOMEM, EMFILE, ENFILE, ESTALE, ETIMEDOUT};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (code == own[i]) return STATUS_FAILURE;
    return STATUS_INPUT;
}

char *file_join(const char *folder, const char *name, Error *error) {
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = memory_allocate(size, 1, error);
    if (path) snprintf(path, size, "%s/%s", folder, name);
    return path;
}

char *file_expand_home(const char *path, Error *error) {
    const char *home = path[0] == '~' && (path[1] == '/' || path[1] == '\0') ? getenv("HOME") : NULL;
    if (!home) return memory_text(path, error);
    const size_t size = strlen(home) + strlen(path);
    char *expanded = memory_allocate(size, 1, error);
    if (expanded) snprintf(expanded, size, "%s%s", home, path + 1);
    return expanded;
}

bool file_write_all(int file, const void *bytes, size_t size) {
    for (const char *next = bytes; size > 0;) {
        const ssize_t count = write(file, next, size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        next += count;
        size -= (size_t)count;
    }
    return true;
}

/* fsync(2); false after an error. Some file systems cannot flush anything, and many not a folder. */
static bool flush_open(int file, const char *shown) {
    static atomic_flag told = ATOMIC_FLAG_INIT;
    struct stat about;
    if (fsync(file) == 0) return true;
    const int code = errno;
    if (code != EINVAL && code != ENOSYS && code != EOPNOTSUPP) return false;
    if (!(fstat(file, &about) == 0 && S_ISDIR(about.st_mode)) && !atomic_flag_test_and_set(&told))
        log_warning(
            "%s: its file system cannot flush files to disk (%s): after a crash of the machine the newest files "
            "may be incomplete",
            shown, strerror(code));
    return true;
}

/* Flush what is at `path`; errors name `shown`. Only a folder is flushed again after ESTALE: for a file a second fsync(2)
 * may succeed although the bytes that the first one failed on are lost. */
static Status flush(const char *path, const char *shown, Error *error) {
    const bool folder = file_is_folder(path);
    int attempts = 0;
    bool done;
    do {
        const int file = file_open_again(path, O_RDONLY | O_CLOEXEC, 0);
        if (file < 0) return file_fail(error, shown, "open");
        done = flush_open(file, shown);
        const int code = errno;
        close(file);
        errno = code;
    } while (!done && folder && file_retry(&attempts));
    return done ? STATUS_OK : file_fail(error, shown, "flush to disk");
}

Status file_flush(const char *path, Error *error) {
    return flush(path, path, error);
}

Status file_flush_parent(const char *path, Error *error) {
    char *parent = memory_text(path, error);
    if (!parent) return error->status;
    size_t end = strlen(parent);
    while (end > 1 && parent[end - 1] == '/') end--;
    while (end > 0 && parent[end - 1] != '/') end--;
    while (end > 1 && parent[end - 1] == '/') end--;
    parent[end] = '\0';
    file_flush(end ? parent : ".", error);
    memory_free(parent);
    return error->status;
}

bool file_move(const char *from, const char *to) {
    struct stat before, after;
    const bool known = lstat(from, &before) == 0;
    int attempts = 0, code;
    do code = rename(from, to);
    while (code && file_retry(&attempts));
    if (code == 0) return true;
    code = errno;
    /* A file server that was asked twice, because its first answer was lost, says that the old name does not exist. */
    if (code == ENOENT && known && lstat(to, &after) == 0 && before.st_ino == after.st_ino &&
        before.st_dev == after.st_dev)
        return true;
    errno = code;
    return false;
}

/* Rename a file or folder that is on disk. */
static Status put_in_place(const char *temporary, const char *path, Error *error) {
    if (!file_move(temporary, path)) return file_fail(error, path, "put the new file in its place");
    return file_flush_parent(path, error);
}

/* Check that a rename may replace what is there: it would replace a device or a pipe, such as /dev/null. The temporary
 * name may be possible where the path is not. */
static Status check_replaceable(const char *path, Error *error) {
    struct stat about;
    if (!*path) return error_set(error, STATUS_INPUT, "expected the name of a file to write, got an empty one");
    if (stat(path, &about) == 0) return file_check_regular(path, &about, "write", error);
    return errno == ENOENT ? STATUS_OK : file_fail(error, path, "create");
}

Status file_check_replaced(const char *path, const char *start, const char *what, Error *error) {
    char found[16] = "";
    const size_t size = strlen(start);
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const ssize_t count = file < 0 ? 0 : read(file, found, sizeof found);
    if (file >= 0) close(file);
    if (count > 0 && ((size_t)count < size || memcmp(found, start, size) != 0))
        error_set(error, STATUS_INPUT, "%s: exists and is not %s: remove it, or choose another name", path, what);
    return error->status;
}

Status file_replace(const char *path, const void *bytes, size_t size, Error *error) {
    FILE *file;
    if (file_begin(&file, path, error)) return error->status;
    if (!file_write_all(fileno(file), bytes, size)) file_fail(error, path, "write");
    return file_end(file, path, error);
}

Status file_begin(FILE **file, const char *path, Error *error) {
    *file = NULL;
    char *temporary = check_replaceable(path, error) ? NULL : temporary_begin(path, error);
    if (!temporary) return error->status;
    const int opened =
        file_open_again(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0666);
    if (opened >= 0) *file = fdopen(opened, "w");
    if (*file) {
        memory_free(temporary); /* its name stays noted until file_end() */
        return STATUS_OK;
    }
    file_fail(error, path, "create");
    if (opened >= 0) {
        close(opened);
        unlink(temporary);
    }
    temporary_end(temporary);
    return error->status;
}

Status file_end(FILE *file, const char *path, Error *error) {
    Error ignored = {0}; /* *error holds one already */
    if (!file) return error->status;
    char *temporary = temporary_path(path, error->status ? &ignored : error);
    const bool bad = fflush(file) || ferror(file) || (!error->status && !flush_open(fileno(file), path));
    if ((fclose(file) || bad) && !error->status) file_fail(error, path, "write");
    if (temporary && (error->status || put_in_place(temporary, path, error))) unlink(temporary);
    temporary_end(temporary);
    return error->status;
}

Status file_probe(const char *path, Error *error) {
    FILE *file;
    Error discard = {.status = STATUS_FAILURE};
    if (!file_begin(&file, path, error)) file_end(file, path, &discard);
    return error->status;
}

static Status make_one_folder(const char *path, Error *error) {
    int attempts = 0, code;
    do code = mkdir(path, 0777);
    while (code && file_retry(&attempts));
    if (code == 0) return file_flush_parent(path, error);
    code = errno;
    if (file_is_folder(path)) return STATUS_OK;
    errno = code; /* file_is_folder() has changed it */
    return file_fail(error, path, "make the folder");
}

Status file_make_folder(const char *path, Error *error) {
    char *part = memory_text(path, error);
    if (!part) return error->status;
    for (char *slash = part + 1; *part && (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (make_one_folder(part, error)) break;
        *slash = '/';
    }
    if (!error->status) make_one_folder(part, error);
    memory_free(part);
    return error->status;
}

Status file_remove(const char *path, Error *error) {
    struct stat about;
    if (lstat(path, &about)) return errno == ENOENT ? STATUS_OK : file_fail(error, path, "remove");
    if (!S_ISDIR(about.st_mode)) return unlink(path) && errno != ENOENT ? file_fail(error, path, "remove") : STATUS_OK;

    char *root = memory_text(path, error);
    if (!root) return error->status;
    FTS *walk = fts_open((char *[]){root, NULL}, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!walk) file_fail(error, path, "list");
    while (walk && !error->status) {
        errno = 0;
        const FTSENT *entry = fts_read(walk);
        if (!entry) {
            if (errno) file_fail(error, path, "list");
            break;
        }
        if (entry->fts_info == FTS_D) continue; /* a folder is removed after its entries */
        errno = entry->fts_errno;
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
            file_fail(error, entry->fts_path, "list");
        else if (remove(entry->fts_accpath) && errno != ENOENT)
            file_fail(error, entry->fts_path, "remove");
    }
    if (walk) fts_close(walk);
    memory_free(root);
    return error->status;
}

Status file_take_place(const char *temporary, const char *path, Error *error) {
    return flush(temporary, path, error) ? error->status : put_in_place(temporary, path, error);
}

Status file_rename(const char *from, const char *to, Error *error) {
    if (!file_move(from, to))
        return error_set(error, STATUS_FAILURE, "%s: cannot rename to %s: %s", from, to, strerror(errno));
    return file_flush_parent(to, error);
}
