/* Files and folders: what is there, opening, reading. See file.h and file_source.h. */
#include "core/file_private.h"
#include "linnet/core/file.h"
#include "linnet/core/file_copies.h"
#include "linnet/core/file_source.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GROWTH_BYTES ((size_t)1 << 16)
/* Only settings, vocabularies and the like are read into memory; none of them is larger. */
#define READ_BYTES_MAX ((size_t)1 << 30)
#define FIRST_WAIT 100000000L /* nanoseconds; each wait is four times the one before */
#define ATTEMPTS 3

bool file_retry(int *attempts) {
    if (errno != ESTALE || *attempts >= ATTEMPTS) return false;
    const long wait = FIRST_WAIT << 2 * (*attempts)++;
    nanosleep(&(struct timespec){.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000}, NULL);
    errno = ESTALE;
    return true;
}

int file_open_again(const char *path, int flags, mode_t mode) {
    int attempts = 0, file;
    do file = open(path, flags, mode);
    while (file < 0 && file_retry(&attempts));
    return file;
}

/* stat(2), or from the list of copies. */
static bool look(const char *path, struct stat *about) {
    int64_t size;
    mode_t mode;
    if (file_copies_look(path, &mode, &size)) {
        *about = (struct stat){.st_mode = mode, .st_size = size};
        errno = ENOENT;
        return mode != 0;
    }
    int attempts = 0, code;
    do code = stat(path, about);
    while (code && file_retry(&attempts));
    return code == 0;
}

bool file_exists(const char *path) {
    struct stat about;
    return look(path, &about);
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

bool file_same_place(const char *a, const char *b) {
    const char *paths[] = {a, b}, *names[2];
    char folders[2][PATH_MAX];
    for (int i = 0; i < 2; i++) {
        const char *slash = strrchr(paths[i], '/');
        names[i] = slash ? slash + 1 : paths[i];
        snprintf(folders[i], PATH_MAX, "%.*s", (int)(names[i] - paths[i]), paths[i]);
        if (!slash) strcpy(folders[i], ".");
    }
    return file_same(a, b) || (strcmp(names[0], names[1]) == 0 && file_same(folders[0], folders[1]));
}

bool file_is_folder(const char *path) {
    struct stat about;
    return look(path, &about) && S_ISDIR(about.st_mode);
}

int64_t file_size(const char *path) {
    struct stat about;
    return look(path, &about) && S_ISREG(about.st_mode) ? (int64_t)about.st_size : 0;
}

Status file_check_regular(const char *path, const struct stat *about, const char *what, Error *error) {
    const mode_t mode = about->st_mode;
    if (S_ISREG(mode)) return STATUS_OK;
    const char *kind = S_ISDIR(mode) ? "a folder" : S_ISFIFO(mode) ? "a pipe" : "a device";
    return error_set(error, STATUS_INPUT, "%s: cannot %s: it is %s, not a regular file", path, what, kind);
}

/* Open for reading and look at what was opened; −1, and errno, after an error. */
static int open_and_look(const char *path, struct stat *about) {
    char place[FILE_COPIES_PLACE];
    int attempts = 0, file;
    do {
        /* Without O_NONBLOCK, opening a pipe without a writer would block. */
        file = open(file_copies_place(path, place), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (file >= 0 && fstat(file, about) == 0) return file;
        const int code = errno;
        if (file >= 0) close(file);
        errno = code;
    } while (file_retry(&attempts));
    return -1;
}

Status file_source_open(FileSource *source, const char *path, Error *error) {
    *source = (FileSource){.path = path};
    source->file = open_and_look(path, &source->about);
    if (source->file < 0) return error_set(error, file_blame(errno), "%s: cannot open: %s", path, strerror(errno));
    if (file_check_regular(path, &source->about, "open", error)) file_source_close(source);
    return error->status;
}

/* Open the path again; false, with errno ESTALE, where it does not lead to the same content. */
static bool reopen(FileSource *source) {
    struct stat now;
    const int file = open_and_look(source->path, &now);
    if (file >= 0 && file_is_unchanged(&source->about, &now)) {
        close(source->file);
        source->file = file;
        return true;
    }
    if (file >= 0) close(file);
    errno = ESTALE;
    return false;
}

Status file_source_read(FileSource *source, void *out, size_t size, int64_t from, size_t *got, Error *error) {
    int attempts = 0;
    for (*got = 0; *got < size;) {
        const ssize_t count = pread(source->file, (char *)out + *got, size - *got, (off_t)from + (off_t)*got);
        if (count == 0) break;
        if (count > 0)
            *got += (size_t)count;
        else if (errno != EINTR && !(file_retry(&attempts) && reopen(source)))
            return error_set(error, file_blame(errno), "%s: cannot read: %s", source->path, strerror(errno));
    }
    return STATUS_OK;
}

void file_source_close(FileSource *source) {
    if (source->file >= 0) close(source->file);
    source->file = -1;
}

Status file_open(const char *path, int *file, Error *error) {
    FileSource source;
    file_source_open(&source, path, error);
    *file = source.file;
    return error->status;
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

Status file_read(const char *path, char **text, size_t *size, Error *error) {
    char *block = NULL;
    size_t done = 0, capacity = 0;
    FileSource source;
    if (file_source_open(&source, path, error)) return error->status;
    /* One byte more than the size shows that the file has ended. It may grow meanwhile: it ends where reading ends. */
    const size_t first = source.about.st_size > 0 ? (size_t)source.about.st_size + 1 : GROWTH_BYTES;
    do {
        size_t got;
        capacity = capacity ? 2 * capacity : first;
        if (capacity > READ_BYTES_MAX) error_set(error, STATUS_INPUT, "%s: expected a file of at most 1 GiB", path);
        char *larger = error->status ? NULL : memory_resize(block, done, capacity, 1, error);
        if (!larger) goto cleanup;
        block = larger;
        if (file_source_read(&source, block + done, capacity - done, (int64_t)done, &got, error)) goto cleanup;
        done += got;
    } while (done == capacity);
    block[done] = '\0';
    *text = block;
    block = NULL;
    if (size) *size = done;
cleanup:
    memory_free(block);
    file_source_close(&source);
    return error->status;
}
