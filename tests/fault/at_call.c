/* Makes one rank fail at a moment that a test chooses: preloaded, it stands before a few functions of the libraries that
 * linnet calls, and does something on the rank and at the call that the environment names.
 *
 *   AT_CALL  function, AT_PATH  what its path contains (where it has one), AT_NUMBER  which such call, from 1
 *   AT_RANK  rank, AT_DO  KILL, STOP, MEMORY (linnet's own code gets none from now on), LIMIT (the system gives no more to
 *            anybody), FAIL (the call does, with EIO) or a number of seconds to wait
 *   AT_MARK  file that is made right before that
 *   AT_COUNT file that the number of calls is written to when the process ends, in place of doing anything */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
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
static volatile bool starved;
static uintptr_t program_low, program_high; /* the program's own code */

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

static void limit_memory(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    if (file == NULL || fscanf(file, "%lu", &pages) != 1) abort();
    fclose(file);
    struct rlimit limit = {pages * (unsigned long)sysconf(_SC_PAGESIZE), RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &limit);
}

/* The first object that is listed is the program. */
static int find_program(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size;
    (void)unused;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0) continue;
        program_low = object->dlpi_addr + part->p_vaddr;
        program_high = program_low + part->p_memsz;
    }
    return 1;
}

__attribute__((constructor)) static void start(void) {
    dl_iterate_phdr(find_program, NULL);
}

static bool is_program(const void *caller) {
    return (uintptr_t)caller >= program_low && (uintptr_t)caller < program_high;
}

/* True when the call is to fail. */
static bool act(void) {
    const char *what = setting("AT_DO");
    FILE *mark = getenv("AT_MARK") != NULL ? fopen(getenv("AT_MARK"), "w") : NULL;
    if (mark != NULL) fclose(mark);
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
    else if (strcmp(what, "LIMIT") == 0)
        limit_memory();
    else
        for (unsigned left = (unsigned)atoi(what); left > 0;) left = sleep(left);
    return false;
}

static bool at(const char *function, const char *path) {
    if (strcmp(setting("AT_CALL"), function) != 0 || strcmp(setting("AT_RANK"), setting("OMPI_COMM_WORLD_RANK")) != 0)
        return false;
    if (path != NULL && strstr(path, setting("AT_PATH")) == NULL) return false;
    calls++;
    return getenv("AT_COUNT") == NULL && calls == atoi(setting("AT_NUMBER")) && act();
}

__attribute__((destructor)) static void count(void) {
    const char *path = getenv("AT_COUNT");
    FILE *file = path != NULL && calls > 0 ? fopen(path, "w") : NULL;
    if (file == NULL) return;
    fprintf(file, "%d\n", calls);
    fclose(file);
}

/* The libraries' own prototypes, with handles as the numbers they are (HDF5 1.10 and later). */
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

int H5Dread(int64_t set, int64_t type, int64_t memory, int64_t file, int64_t transfer, void *into) {
    if (at("H5Dread", NULL)) return -1;
    return REAL("H5Dread", int, int64_t, int64_t, int64_t, int64_t, int64_t, void *)(set, type, memory, file, transfer,
                                                                                     into);
}

int mkdir(const char *path, mode_t mode) {
    int code = REAL("mkdir", int, const char *, mode_t)(path, mode);
    return at("mkdir", path) ? -1 : code;
}

/* Only to read, by linnet itself. */
int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if ((flags & O_ACCMODE) == O_RDONLY && is_program(__builtin_return_address(0)) && at("open", path)) return -1;
    return REAL("open", int, const char *, int, ...)(path, flags, mode);
}

/* By linnet itself; the path is the kind of address. */
int socket(int family, int type, int protocol) {
    bool network = family == AF_INET || family == AF_INET6;
    if (is_program(__builtin_return_address(0))) at("socket", network ? "network" : "local");
    return REAL("socket", int, int, int, int)(family, type, protocol);
}

/* The C library's own names of these, since looking a name up needs memory itself. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

static bool gets_none(const void *caller) {
    if (!starved || !is_program(caller)) return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size) {
    return gets_none(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return gets_none(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    return gets_none(__builtin_return_address(0)) ? NULL : __libc_realloc(block, size);
}
