/* A library for LD_PRELOAD that counts what a process asks the file system for: of the files whose path contains
 * COUNT_UNDER, how often they are opened for reading and looked at (stat), and the bytes that are read and mapped. When
 * the process ends it writes the numbers to the file HOST-PROCESS of the folder COUNT_TO.
 *
 * COUNT_NETWORK: statfs says that such files are on NFS. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { NFS = 0x6969 };

static atomic_llong opens, stats, read_bytes, mapped_bytes;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static bool counts(const char *path) {
    const char *under = getenv("COUNT_UNDER");
    char folder[PATH_MAX + 1]; /* also the folder itself counts, where COUNT_UNDER ends with a slash */
    snprintf(folder, sizeof folder, "%s/", path);
    return under && strstr(folder, under);
}

static bool counts_open(int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return false;
    path[length] = '\0';
    return counts(path);
}

static int count_open(const char *path, int flags, mode_t mode, const char *name) {
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    if ((flags & O_ACCMODE) == O_RDONLY && counts(path)) opens++;
    return real(path, flags, mode);
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                        \
        va_end(rest);                                                                                                  \
        return count_open(path, flags, mode, #name);                                                                   \
    }
OPEN(open)
OPEN(open64)

FILE *fopen(const char *path, const char *mode) {
    if (*mode == 'r' && counts(path)) opens++;
    return REAL(fopen)(path, mode);
}

DIR *opendir(const char *path) {
    if (counts(path)) opens++;
    return REAL(opendir)(path);
}

int stat(const char *path, struct stat *about) {
    if (counts(path)) stats++;
    return REAL(stat)(path, about);
}

int statfs(const char *path, struct statfs *about) {
    const int code = REAL(statfs)(path, about);
    if (code == 0 && getenv("COUNT_NETWORK") && counts(path)) about->f_type = NFS;
    return code;
}

static ssize_t count_bytes(int file, ssize_t count) {
    if (count > 0 && counts_open(file)) read_bytes += count;
    return count;
}

ssize_t read(int file, void *bytes, size_t size) {
    return count_bytes(file, REAL(read)(file, bytes, size));
}

ssize_t pread(int file, void *bytes, size_t size, off_t at) {
    return count_bytes(file, REAL(pread)(file, bytes, size, at));
}

ssize_t pread64(int file, void *bytes, size_t size, off64_t at) {
    return count_bytes(file, REAL(pread64)(file, bytes, size, at));
}

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t at) {
    if (file >= 0 && counts_open(file)) mapped_bytes += (long long)size;
    return REAL(mmap)(address, size, protection, flags, file, at);
}

__attribute__((destructor)) static void end(void) {
    char path[PATH_MAX], host[256] = "";
    const char *to = getenv("COUNT_TO");
    gethostname(host, sizeof host - 1);
    if (!to || !strstr(program_invocation_name, "linnet")) return;
    snprintf(path, sizeof path, "%s/%s-%ld", to, host, (long)getpid());
    FILE *file = REAL(fopen)(path, "w");
    if (!file) return;
    fprintf(file, "%lld %lld %lld %lld\n", opens, stats, read_bytes, mapped_bytes);
    fclose(file);
}
