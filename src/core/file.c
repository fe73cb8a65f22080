/* Files and folders: reading, replacing at once, flushing, removing. See file.h. */
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/core/temporary.h"
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROWTH_BYTES ((size_t)1 << 16)
/* Only settings, vocabularies and the like are read into memory; none of them is larger. */
#define READ_BYTES_MAX ((size_t)1 << 30)

Status file_fail(Error *error, const char *path, const char *what) {
    static const int correctable[] = {ENOENT, ENOTDIR, EISDIR, EEXIST, EACCES, EPERM, EROFS, ELOOP, ENAMETOOLONG};
    const int code = errno;
    Status status = STATUS_FAILURE;
    for (size_t i = 0; i < sizeof correctable / sizeof *correctable; i++)
        if (code == correctable[i]) status = STATUS_INPUT;
    return error_set(error, status, "%s: cannot %s: %s", path, what, strerror(code));
}

Status file_blame(int code) {
    return code == ENOMEM || code == EMFILE || code == ENFILE ? STATUS_FAILURE : STATUS_INPUT;
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

bool file_exists(const char *path) {
    struct stat about;
    return stat(path, &about) == 0;
}

bool file_is_in(const char *folder, const char *name) {
    char path[PATH_MAX]; /* not allocated: a lack of memory must not look like a missing file */
    const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    return length > 0 && (size_t)length < sizeof path && file_exists(path);
}

bool file_same(const char *a, const char *b) {
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

bool file_is_folder(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

int64_t file_size(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode) ? (int64_t)about.st_size : 0;
}

static Status check_regular(const char *path, const struct stat *about, const char *what, Error *error) {
    const mode_t mode = about->st_mode;
    if (S_ISREG(mode)) return STATUS_OK;
    const char *kind = S_ISDIR(mode) ? "a folder" : S_ISFIFO(mode) ? "a pipe" : "a device";
    return error_set(error, STATUS_INPUT, "%s: cannot %s: it is %s, not a regular file", path, what, kind);
}

Status file_open(const char *path, int *file, Error *error) {
    struct stat about;
    /* Without O_NONBLOCK, opening a pipe without a writer would block. */
    *file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*file < 0) return error_set(error, file_blame(errno), "%s: cannot open: %s", path, strerror(errno));
    const Status status =
        fstat(*file, &about) ? file_fail(error, path, "open") : check_regular(path, &about, "open", error);
    if (!status) return STATUS_OK;
    close(*file);
    *file = -1;
    return status;
}

Status file_open_stream(const char *path, FILE **stream, Error *error) {
    int file;
    *stream = NULL;
    if (file_open(path, &file, error)) return error->status;
    *stream = fdopen(file, "rb");
    if (*stream) return STATUS_OK;
    error_set(error, STATUS_FAILURE, "%s: cannot open: %s", path, strerror(errno));
    close(file);
    return error->status;
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

Status file_read(const char *path, char **text, size_t *size, Error *error) {
    char *block = NULL;
    size_t done = 0, capacity = 0;
    struct stat about;
    int file;
    if (file_open(path, &file, error)) return error->status;
    /* One byte more than the size shows that the file has ended. It may grow meanwhile: it ends where reading ends. */
    const size_t first = fstat(file, &about) == 0 && about.st_size > 0 ? (size_t)about.st_size + 1 : GROWTH_BYTES;
    for (ssize_t count = 1; count != 0; done += (size_t)(count > 0 ? count : 0)) {
        if (done == capacity) {
            capacity = capacity ? 2 * capacity : first;
            if (capacity > READ_BYTES_MAX) error_set(error, STATUS_INPUT, "%s: expected a file of at most 1 GiB", path);
            char *larger = error->status ? NULL : memory_resize(block, done, capacity, 1, error);
            if (!larger) goto cleanup;
            block = larger;
        }
        count = read(file, block + done, capacity - done);
        if (count < 0 && errno != EINTR) {
            error_set(error, file_blame(errno), "%s: cannot read: %s", path, strerror(errno));
            goto cleanup;
        }
    }
    block[done] = '\0';
    *text = block;
    block = NULL;
    if (size) *size = done;
cleanup:
    memory_free(block);
    close(file);
    return error->status;
}

/* Flush what is at `path`; errors name `shown`. */
static Status flush(const char *path, const char *shown, Error *error) {
    struct stat about;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return file_fail(error, shown, "open");
    /* Some network file systems cannot flush a folder and return EINVAL; they keep names in order without it. */
    const bool folder = fstat(file, &about) == 0 && S_ISDIR(about.st_mode);
    if (fsync(file) && !(folder && errno == EINVAL)) file_fail(error, shown, "flush to disk");
    close(file);
    return error->status;
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

/* Rename a file or folder that is on disk. */
static Status put_in_place(const char *temporary, const char *path, Error *error) {
    if (rename(temporary, path)) return file_fail(error, path, "put the new file in its place");
    return file_flush_parent(path, error);
}

/* Check that a rename may replace what is there: it would replace a device or a pipe, such as /dev/null. The temporary
 * name may be possible where the path is not. */
static Status check_replaceable(const char *path, Error *error) {
    struct stat about;
    if (!*path) return error_set(error, STATUS_INPUT, "expected the name of a file to write, got an empty one");
    if (stat(path, &about) == 0) return check_regular(path, &about, "write", error);
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
    const int opened = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0666);
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
    const bool bad = fflush(file) || ferror(file) || (!error->status && fsync(fileno(file)));
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
    if (mkdir(path, 0777) == 0) return file_flush_parent(path, error);
    const int code = errno;
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
    if (rename(from, to))
        return error_set(error, STATUS_FAILURE, "%s: cannot rename to %s: %s", from, to, strerror(errno));
    return file_flush_parent(to, error);
}
