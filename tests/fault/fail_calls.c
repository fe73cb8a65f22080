/* A library for LD_PRELOAD that makes system calls fail, or holds the process in a call so that a test can kill it
 * there. The environment says which calls:
 *
 *   FAULT_CALL    write, fsync, rename, remove, mmap, malloc, open, lock, or "any" of those on files; read, which also
 *                 opens for reading; flock, by HDF5
 *   FAULT_AT      n: the n-th call path (of the program's own functions) to this call fails, once
 *   FAULT_TIMES   n: the first n such calls on a file below FAULT_UNDER fail
 *   FAULT_WHILE   a path: while it exists each such call on a file below FAULT_UNDER fails
 *   FAULT_PAUSE   n: at the n-th such call on a file below FAULT_UNDER the process makes FAULT_MARK and waits to be
 *   killed FAULT_ERRNO   errno of the failing call (default ENOSPC; ENOMEM for memory)
 *   FAULT_UNDER   part of the path of the calls
 *   FAULT_ABOVE   bytes, and FAULT_BELOW: only allocations of at least FAULT_ABOVE and less than FAULT_BELOW
 *   FAULT_RANK    only this rank (default all)
 *   FAULT_MARK    a file to which the call path of the failing call is written
 *
 * Only calls by the program, HDF5 and cJSON count; how MPI handles failures is not tested. write includes pwrite,
 * malloc includes calloc and realloc, rename includes renameat2, remove includes unlink; lock is fcntl's. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATHS = 4096, DEPTH = 24 };

static struct {
    const char *call, *under, *while_there, *mark;
    long at, times, pause;
    int error;
    size_t above, below;
    bool on;
    uintptr_t low, high; /* the program's own code */
} fault;

static uint64_t seen[PATHS];
static long seen_count, calls_count;
static _Thread_local bool inside; /* a call by this library itself */
static volatile int lock;

static void take(void) {
    while (__sync_lock_test_and_set(&lock, 1)) usleep(10);
}
static void give(void) {
    __sync_lock_release(&lock);
}

static long number(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text ? atol(text) : otherwise;
}

/* Find the addresses of the program's own code. */
static void find_program(void) {
    char line[PATH_MAX + 100], self[PATH_MAX] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long low, high;
        if (!strstr(line, self) || sscanf(line, "%lx-%lx", &low, &high) != 2) continue;
        if (!fault.low) fault.low = low;
        fault.high = high;
    }
    if (maps) fclose(maps);
}

__attribute__((constructor)) static void start(void) {
    void *frames[DEPTH];
    const char *rank = getenv("OMPI_COMM_WORLD_RANK"), *wanted = getenv("FAULT_RANK");
    inside = true;
    backtrace(frames, DEPTH); /* its first call loads a library */
    find_program();
    fault.call = getenv("FAULT_CALL");
    fault.under = getenv("FAULT_UNDER");
    fault.while_there = getenv("FAULT_WHILE");
    fault.mark = getenv("FAULT_MARK");
    fault.at = number("FAULT_AT", 0);
    fault.times = number("FAULT_TIMES", 0);
    fault.pause = number("FAULT_PAUSE", 0);
    fault.above = (size_t)number("FAULT_ABOVE", 0);
    fault.below = (size_t)number("FAULT_BELOW", LONG_MAX);
    fault.error = (int)number("FAULT_ERRNO", 0);
    fault.on =
        fault.call && (!wanted || strcmp(wanted, rank ? rank : "0") == 0) && strstr(program_invocation_name, "linnet");
    inside = false;
}

static bool is_program(const void *address) {
    return (uintptr_t)address >= fault.low && (uintptr_t)address < fault.high;
}

static bool is_library(const void *caller, const char *name) {
    Dl_info about;
    return dladdr(caller, &about) && about.dli_fname && strstr(about.dli_fname, name);
}

static bool is_program_or_cjson(const void *caller) {
    return fault.on && !inside && (is_program(caller) || is_library(caller, "libcjson"));
}

/* Whether the call comes from the program, cJSON or HDF5. */
static bool is_ours(const void *caller) {
    return is_program(caller) || is_library(caller, "libcjson") || is_library(caller, "libhdf5");
}

static void write_mark(void *const *frames, int count) {
    if (!fault.mark) return;
    int file = open(fault.mark, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0) return;
    for (int i = 0; i < count; i++) {
        Dl_info about;
        char line[400];
        if (!dladdr(frames[i], &about)) continue;
        uintptr_t offset = (uintptr_t)frames[i] - (uintptr_t)about.dli_fbase;
        int length = snprintf(line, sizeof line, "%s+0x%zx\n", about.dli_fname, (size_t)offset);
        if (write(file, line, (size_t)length) < 0) break;
    }
    close(file);
}

/* Whether this is the first call by the FAULT_AT-th call path. */
static bool is_the_path(void) {
    void *frames[DEPTH];
    uint64_t hash = 1469598103934665603U;
    int count = backtrace(frames, DEPTH);
    bool is = false;
    for (int i = 0; i < count; i++)
        if (is_program(frames[i])) hash = (hash ^ (uintptr_t)frames[i]) * 1099511628211U;
    take();
    long i = 0;
    while (i < seen_count && seen[i] != hash) i++;
    if (i == seen_count && seen_count < PATHS) {
        seen[seen_count++] = hash;
        is = seen_count == fault.at;
    }
    give();
    if (is) write_mark(frames, count);
    return is;
}

static void wait_for_the_end(void) {
    write_mark(NULL, 0);
    for (;;) pause();
}

/* Whether a call must fail; `path` is NULL for memory. */
static bool fails(const char *call, const char *path, const void *caller, int otherwise) {
    if (!fault.on || inside) return false;
    const bool reads = strcmp(call, "read") == 0 || strcmp(call, "flock") == 0; /* not among "any" */
    if (strcmp(fault.call, call) != 0 && !(path && !reads && strcmp(fault.call, "any") == 0)) return false;
    if (fault.under && (!path || !strstr(path, fault.under))) return false;
    if (!is_ours(caller)) return false;
    inside = true;
    bool is = fault.at > 0 && is_the_path();
    if (fault.while_there && access(fault.while_there, F_OK) == 0) is = true;
    if (fault.times > 0 && __sync_add_and_fetch(&calls_count, 1) <= fault.times) is = true;
    if (fault.pause > 0 && __sync_add_and_fetch(&calls_count, 1) == fault.pause) wait_for_the_end();
    inside = false;
    if (is) errno = fault.error ? fault.error : otherwise;
    return is;
}

/* The path of an open file or folder; NULL for other descriptors. */
static const char *path_of(int file, char path[PATH_MAX]) {
    struct stat about;
    char link[64];
    if (!fault.on || inside || file <= STDERR_FILENO || fstat(file, &about) != 0) return NULL;
    if (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return NULL;
    path[length] = '\0';
    return path;
}

/* HDF5's own memory does not count: HDF5 1.10 crashes without it. */
static bool no_memory(size_t size, const void *caller) {
    return size >= fault.above && size < fault.below && is_program_or_cjson(caller) &&
           fails("malloc", NULL, caller, ENOMEM);
}

#define CALLER __builtin_return_address(0)
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int file, const void *bytes, size_t size) {
    char path[PATH_MAX];
    const char *named = path_of(file, path);
    if (named && fails("write", named, CALLER, ENOSPC)) return -1;
    return REAL(write)(file, bytes, size);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at) {
    char path[PATH_MAX];
    const char *named = path_of(file, path);
    if (named && fails("write", named, CALLER, ENOSPC)) return -1;
    return REAL(pwrite64)(file, bytes, size, at);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at) {
    char path[PATH_MAX];
    const char *named = path_of(file, path);
    if (named && fails("write", named, CALLER, ENOSPC)) return -1;
    return REAL(pwrite)(file, bytes, size, at);
}

int fsync(int file) {
    char path[PATH_MAX];
    const char *named = path_of(file, path);
    if (named && fails("fsync", named, CALLER, EIO)) return -1;
    return REAL(fsync)(file);
}

int rename(const char *from, const char *to) {
    if (fails("rename", to, CALLER, EIO)) return -1;
    return REAL(rename)(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    if (fails("rename", to, CALLER, EINVAL)) return -1;
    return REAL(renameat2)(from_folder, from, to_folder, to, flags);
}

int remove(const char *path) {
    if (fails("remove", path, CALLER, EBUSY)) return -1;
    return REAL(remove)(path);
}

int unlink(const char *path) {
    if (fails("remove", path, CALLER, EBUSY)) return -1;
    return REAL(unlink)(path);
}

static int open_any(const char *path, int flags, mode_t mode, const void *caller, const char *name) {
    const bool reads = (flags & O_ACCMODE) == O_RDONLY;
    if (fails(reads ? "read" : "open", path, caller, reads ? EIO : EROFS)) return -1;
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    return real(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_any(path, flags, mode, CALLER, "open");
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_any(path, flags, mode, CALLER, "open64");
}

int mkdir(const char *path, mode_t mode) {
    if (fails("open", path, CALLER, EROFS)) return -1;
    return REAL(mkdir)(path, mode);
}

ssize_t pread(int file, void *bytes, size_t size, off_t at) {
    char path[PATH_MAX];
    const char *named = path_of(file, path);
    if (named && fails("read", named, CALLER, EIO)) return -1;
    return REAL(pread)(file, bytes, size, at);
}

ssize_t pread64(int file, void *bytes, size_t size, off64_t at) {
    char path[PATH_MAX];
    const char *named = path_of(file, path);
    if (named && fails("read", named, CALLER, EIO)) return -1;
    return REAL(pread64)(file, bytes, size, at);
}

int flock(int file, int operation) {
    char path[PATH_MAX];
    const char *named = path_of(file, path);
    if (named && fails("flock", named, CALLER, ENOLCK)) return -1;
    return REAL(flock)(file, operation);
}

int fcntl(int file, int command, ...) {
    char path[PATH_MAX];
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    const char *named = command == F_OFD_SETLK ? path_of(file, path) : NULL;
    if (named && fails("lock", named, CALLER, ENOLCK)) return -1;
    return REAL(fcntl)(file, command, argument);
}

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t at) {
    if (fails("mmap", NULL, CALLER, ENOMEM)) return MAP_FAILED;
    return REAL(mmap)(address, size, protection, flags, file, at);
}

/* The C library's internal names, because dlsym() itself needs memory. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

void *malloc(size_t size) {
    return no_memory(size, CALLER) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return no_memory(count * size, CALLER) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    return no_memory(size, CALLER) ? NULL : __libc_realloc(block, size);
}
