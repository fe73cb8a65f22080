/* Makes one rank fail at a moment that a test chooses: preloaded, it stands before a few functions of the libraries that
 * linnet calls, and does something on the rank and at the call that the environment names.
 *
 *   AT_CALL  function, AT_PATH  what its path contains (where it has one), AT_NUMBER  which such call, from 1
 *   AT_RANK  rank, AT_DO  KILL, STOP, MEMORY (from now on the system gives no more) or a number of seconds to wait
 *   AT_COUNT file that the number of calls is written to when the process ends, in place of doing anything */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int calls;

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

static void take_memory(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    if (file == NULL || fscanf(file, "%lu", &pages) != 1) abort();
    fclose(file);
    struct rlimit limit = {pages * (unsigned long)sysconf(_SC_PAGESIZE), RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &limit);
}

static void act(void) {
    const char *what = setting("AT_DO");
    if (strcmp(what, "KILL") == 0)
        kill(getpid(), SIGKILL);
    else if (strcmp(what, "STOP") == 0)
        kill(getpid(), SIGSTOP);
    else if (strcmp(what, "MEMORY") == 0)
        take_memory();
    else
        for (unsigned left = (unsigned)atoi(what); left > 0;) left = sleep(left);
}

static void at(const char *function, const char *path) {
    if (strcmp(setting("AT_CALL"), function) != 0 || strcmp(setting("AT_RANK"), setting("OMPI_COMM_WORLD_RANK")) != 0)
        return;
    if (path != NULL && strstr(path, setting("AT_PATH")) == NULL) return;
    calls++;
    if (getenv("AT_COUNT") == NULL && calls == atoi(setting("AT_NUMBER"))) act();
}

__attribute__((destructor)) static void count(void) {
    const char *path = getenv("AT_COUNT");
    FILE *file = path != NULL && calls > 0 ? fopen(path, "w") : NULL;
    if (file == NULL) return;
    fprintf(file, "%d\n", calls);
    fclose(file);
}

/* The libraries' own prototypes, with handles as the numbers they are (HDF5 1.10 and later). */
int MPI_Init_thread(int *argc, char ***argv, int wanted, int *provided) {
    int (*real)(int *, char ***, int, int *) =
        (int (*)(int *, char ***, int, int *))dlsym(RTLD_NEXT, "MPI_Init_thread");
    at("MPI_Init_thread", NULL);
    return real(argc, argv, wanted, provided);
}

int MPI_Finalize(void) {
    int (*real)(void) = (int (*)(void))dlsym(RTLD_NEXT, "MPI_Finalize");
    at("MPI_Finalize", NULL);
    return real();
}

int64_t H5Fopen(const char *path, unsigned flags, int64_t access) {
    int64_t (*real)(const char *, unsigned, int64_t) =
        (int64_t(*)(const char *, unsigned, int64_t))dlsym(RTLD_NEXT, "H5Fopen");
    at("H5Fopen", path);
    return real(path, flags, access);
}

int H5Dread(int64_t set, int64_t type, int64_t memory, int64_t file, int64_t transfer, void *into) {
    int (*real)(int64_t, int64_t, int64_t, int64_t, int64_t, void *) =
        (int (*)(int64_t, int64_t, int64_t, int64_t, int64_t, void *))dlsym(RTLD_NEXT, "H5Dread");
    at("H5Dread", NULL);
    return real(set, type, memory, file, transfer, into);
}

int mkdir(const char *path, mode_t mode) {
    int (*real)(const char *, mode_t) = (int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "mkdir");
    int code = real(path, mode);
    at("mkdir", path);
    return code;
}
