/* A library for LD_PRELOAD that makes one rank fail at a moment that a test chooses. It replaces some functions of the
 * libraries that linnet calls, and acts on the rank and at the call that the environment names:
 *
 *   AT_CALL    the function
 *   AT_PATH    part of the path of the call, if it has one
 *   AT_NUMBER  which of these calls, from 1; with HOLD also several, as in 2,5
 *   AT_RANK    the rank, or any
 *   AT_DO      KILL or STOP the process; MEMORY: linnet's own code gets no memory from now on; HDF5: that library gets
 *   no
 *              large blocks from now on; LIMIT: the system limits the memory of the process; FAIL: the call fails with
 *              EIO; a number: wait so many seconds; HOLD: make the file AT_MARK.n at the n-th call and hold the calling
 *              thread until there is a file AT_MARK.n.go
 *   AT_MARK    a file to make before the action
 *   AT_COUNT   do not act, but write the number of calls to this file when the process ends
 *   AT_NO_EXCHANGE  renameat2 fails, as on a file system without it */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int calls;
static volatile bool starved, hdf5_starved;
enum { LARGE = 1 << 16 }; /* bytes; HDF5 needs smaller blocks to report an error */

/* The addresses of an object's code. */
typedef struct {
    uintptr_t low, high;
} Range;
static Range program, hdf5;

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static void limit_memory(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    if (!file || fscanf(file, "%lu", &pages) != 1) abort();
    fclose(file);
    struct rlimit limit = {pages * (unsigned long)sysconf(_SC_PAGESIZE), RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &limit);
}

/* The first object in the list is the program. */
static int find_code(struct dl_phdr_info *object, size_t size, void *count) {
    (void)size;
    const bool first = (*(int *)count)++ == 0;
    Range *range = first ? &program : strstr(object->dlpi_name, "/libhdf5") ? &hdf5 : NULL;
    for (int i = 0; range && i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0) continue;
        range->low = object->dlpi_addr + part->p_vaddr;
        range->high = range->low + part->p_memsz;
    }
    return 0;
}

__attribute__((constructor)) static void start(void) {
    int count = 0;
    dl_iterate_phdr(find_code, &count);
}

static bool is_within(const void *caller, Range range) {
    return (uintptr_t)caller >= range.low && (uintptr_t)caller < range.high;
}

static bool is_program(const void *caller) {
    return is_within(caller, program);
}

static void make_file(const char *path) {
    FILE *file = fopen(path, "w");
    if (file) fclose(file);
}

/* Handlers of signals run meanwhile. */
static void hold(int call) {
    char mark[PATH_MAX], go[PATH_MAX + 3];
    snprintf(mark, sizeof mark, "%s.%d", setting("AT_MARK"), call);
    snprintf(go, sizeof go, "%s.go", mark);
    make_file(mark);
    while (access(go, F_OK) != 0) usleep(1000);
}

/* True if the call must fail. */
static bool act(int call) {
    const char *what = setting("AT_DO");
    if (strcmp(what, "HOLD") == 0) {
        hold(call);
        return false;
    }
    if (getenv("AT_MARK")) make_file(getenv("AT_MARK"));
    if (strcmp(what, "FAIL") == 0) {
        errno = EIO;
        return true;
    }
    if (strcmp(what, "KILL") == 0)
        kill(getpid(), SIGKILL);
    else if (strcmp(what, "STOP") == 0)
        kill(getpid(), SIGSTOP);
    else if (strcmp(what, "MEMORY") == 0)
        starved = true;
    else if (strcmp(what, "HDF5") == 0)
        hdf5_starved = true;
    else if (strcmp(what, "LIMIT") == 0)
        limit_memory();
    else
        for (unsigned left = (unsigned)atoi(what); left > 0;) left = sleep(left);
    return false;
}

/* Whether AT_NUMBER names this call. */
static bool is_chosen(int call) {
    for (const char *next = setting("AT_NUMBER"); next; next = strchr(next, ',')) {
        if (*next == ',') next++;
        if (atoi(next) == call) return true;
    }
    return false;
}

static bool is_chosen_rank(void) {
    const char *rank = setting("AT_RANK");
    const char *mine = getenv("OMPI_COMM_WORLD_RANK") ? setting("OMPI_COMM_WORLD_RANK") : setting("PMI_RANK");
    return strcmp(rank, "any") == 0 || strcmp(rank, mine) == 0;
}

static bool at(const char *function, const char *path) {
    if (strcmp(setting("AT_CALL"), function) != 0 || !is_chosen_rank()) return false;
    if (path && !strstr(path, setting("AT_PATH"))) return false;
    int call = ++calls;
    return !getenv("AT_COUNT") && is_chosen(call) && act(call);
}

__attribute__((destructor)) static void count(void) {
    const char *path = getenv("AT_COUNT");
    FILE *file = path && calls > 0 ? fopen(path, "w") : NULL;
    if (!file) return;
    fprintf(file, "%d\n", calls);
    fclose(file);
}

/* The prototypes of the libraries; handles of HDF5 1.10 and later are 64-bit numbers. */
#define REAL(name, result, ...) ((result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

int MPI_Init_thread(int *argc, char ***argv, int wanted, int *provided) {
    at("MPI_Init_thread", NULL);
    return REAL("MPI_Init_thread", int, int *, char ***, int, int *)(argc, argv, wanted, provided);
}

/* linnet's first call once MPI has started. */
int MPI_Comm_split_type(void *from, int kind, int key, void *info, void **made) {
    at("MPI_Comm_split_type", NULL);
    return REAL("MPI_Comm_split_type", int, void *, int, int, void *, void **)(from, kind, key, info, made);
}

int MPI_Finalize(void) {
    at("MPI_Finalize", NULL);
    return REAL("MPI_Finalize", int, void)();
}

int64_t H5Fopen(const char *path, unsigned flags, int64_t access) {
    if (at("H5Fopen", path)) return -1;
    return REAL("H5Fopen", int64_t, const char *, unsigned, int64_t)(path, flags, access);
}

/* The path is that of the HDF5 file. */
int H5Dread(int64_t set, int64_t type, int64_t memory, int64_t file, int64_t transfer, void *into) {
    char path[PATH_MAX] = "";
    if (strcmp(setting("AT_CALL"), "H5Dread") == 0)
        REAL("H5Fget_name", ssize_t, int64_t, char *, size_t)(set, path, sizeof path);
    if (at("H5Dread", path)) return -1;
    return REAL("H5Dread", int, int64_t, int64_t, int64_t, int64_t, int64_t, void *)(set, type, memory, file, transfer,
                                                                                     into);
}

int mkdir(const char *path, mode_t mode) {
    int code = REAL("mkdir", int, const char *, mode_t)(path, mode);
    return at("mkdir", path) ? -1 : code;
}

/* Calls by linnet, which writes the lines of its log with it. */
ssize_t pwrite(int file, const void *bytes, size_t size, off_t place) {
    char link[64], path[PATH_MAX] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (is_program(__builtin_return_address(0)) && readlink(link, path, sizeof path - 1) > 0 && at("pwrite", path))
        return -1;
    return REAL("pwrite", ssize_t, int, const void *, size_t, off_t)(file, bytes, size, place);
}

/* The path of a folder ends with "/.", to distinguish it from files in the folder. */
int fsync(int file) {
    char link[64], path[PATH_MAX + 2] = "";
    struct stat about;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (readlink(link, path, PATH_MAX - 1) > 0 && fstat(file, &about) == 0) {
        if (S_ISDIR(about.st_mode)) strcat(path, "/.");
        if (at("fsync", path)) return -1;
    }
    return REAL("fsync", int, int)(file);
}

/* Calls by linnet; the path is the new name. */
int rename(const char *from, const char *to) {
    if (is_program(__builtin_return_address(0)) && at("rename", to)) return -1;
    return REAL("rename", int, const char *, const char *)(from, to);
}

/* Calls by linnet, for files and folders. */
int unlink(const char *path) {
    if (is_program(__builtin_return_address(0)) && at("unlink", path)) return -1;
    return REAL("unlink", int, const char *)(path);
}
int remove(const char *path) {
    if (is_program(__builtin_return_address(0)) && at("unlink", path)) return -1;
    return REAL("remove", int, const char *)(path);
}

/* Not every file system can exchange two names. */
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    if (getenv("AT_NO_EXCHANGE")) {
        errno = EINVAL;
        return -1;
    }
    return REAL("renameat2", int, int, const char *, int, const char *, unsigned)(from_folder, from, to_folder, to,
                                                                                  flags);
}

/* Calls by linnet that open a file for reading. */
int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if ((flags & O_ACCMODE) == O_RDONLY && is_program(__builtin_return_address(0)) && at("open", path)) return -1;
    return REAL("open", int, const char *, int, ...)(path, flags, mode);
}

/* Calls by linnet. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
    if (is_program(__builtin_return_address(0)) && at("pthread_create", NULL)) return EAGAIN;
    return REAL("pthread_create", int, pthread_t *, const pthread_attr_t *, void *(*)(void *),
                void *)(thread, attributes, run, argument);
}

/* Calls by linnet; the path is the kind of address. */
int socket(int family, int type, int protocol) {
    bool network = family == AF_INET || family == AF_INET6;
    if (is_program(__builtin_return_address(0))) at("socket", network ? "network" : "local");
    return REAL("socket", int, int, int, int)(family, type, protocol);
}

/* The C library's internal names, because dlsym() itself needs memory. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

static bool gets_none(const void *caller, size_t size) {
    if (!(starved && is_program(caller)) && !(hdf5_starved && size >= LARGE && is_within(caller, hdf5))) return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size) {
    return gets_none(__builtin_return_address(0), size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return gets_none(__builtin_return_address(0), count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    return gets_none(__builtin_return_address(0), size) ? NULL : __libc_realloc(block, size);
}
