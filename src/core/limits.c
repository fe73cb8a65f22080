/* Looking at the system's limits before libraries run into them. See limits.h. */
#include "linnet/core/limits.h"
#include "linnet/core/thread.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define STACK_WANTED ((rlim_t)8 << 20) /* bytes: Linux's default */
#define STACK_LEAST ((rlim_t)512 << 10)
#define FILES_LEAST 16
/* What the start of MPI takes, which below it aborts, crashes or waits for ever: measured with Open MPI 4.1.4, and
 * rounded up. A file of its shared memory has 4 MiB. */
#define MPI_FILES 40
#define MPI_THREADS 8
#define MPI_FILE_BYTES ((rlim_t)4 << 20)
#define MPI_MEMORY ((size_t)384 << 20)

/* Threads get a stack of the soft limit's size at the program's start, so their default is raised as well. */
static Status raise_stack(Error *error) {
    struct rlimit stack;
    pthread_attr_t attributes;
    if (getrlimit(RLIMIT_STACK, &stack) || stack.rlim_cur >= STACK_WANTED) return STATUS_OK;
    stack.rlim_cur = stack.rlim_max < STACK_WANTED ? stack.rlim_max : STACK_WANTED;
    if (stack.rlim_cur < STACK_LEAST)
        return error_set(error, STATUS_FAILURE, "the stack may take %llu kB: linnet needs %llu kB (ulimit -s)",
                         (unsigned long long)stack.rlim_cur / 1024, (unsigned long long)STACK_LEAST / 1024);
    setrlimit(RLIMIT_STACK, &stack);
    if (pthread_attr_init(&attributes) == 0) {
        if (pthread_attr_setstacksize(&attributes, STACK_WANTED) == 0) pthread_setattr_default_np(&attributes);
        pthread_attr_destroy(&attributes);
    }
    return STATUS_OK;
}

/* Let the process open at least so many files, standard input and others included. */
static Status raise_files(rlim_t least, const char *what, Error *error) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= least) return STATUS_OK;
    files.rlim_cur = files.rlim_max < least ? files.rlim_max : least;
    if (files.rlim_cur < least)
        return error_set(error, STATUS_FAILURE, "the process may open %llu files: %s needs %llu (ulimit -n)",
                         (unsigned long long)files.rlim_cur, what, (unsigned long long)least);
    setrlimit(RLIMIT_NOFILE, &files);
    return STATUS_OK;
}

Status limits_start(Error *error) {
    signal(SIGXFSZ, SIG_IGN);
    return raise_stack(error) ? error->status : raise_files(FILES_LEAST, "linnet", error);
}

Status limits_room(size_t bytes, const char *what, Error *error) {
    void *room = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return error_set(error, STATUS_FAILURE,
                         "%s needs %zu MB of memory, which this process may not take: see ulimit -v and -d", what,
                         bytes / 1000000);
    munmap(room, bytes);
    return STATUS_OK;
}

/* --- Threads --- */

/* Keeps a thread until all of them have started. */
static void *wait_at(void *gate) {
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* Start so many threads and let them end. */
static Status try_threads(int threads, Error *error) {
    pthread_t *started = calloc((size_t)threads + 1, sizeof *started);
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    int count = 0;
    pthread_mutex_lock(&gate);
    while (started && count < threads && thread_start(&started[count], wait_at, &gate)) count++;
    const int code = errno;
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < count; i++) pthread_join(started[i], NULL);
    free(started);
    if (count < threads)
        return error_set(error, STATUS_FAILURE,
                         "cannot start %d more thread%s, only %d: %s (see ulimit -u, -v and -d, or use fewer threads)",
                         threads, threads == 1 ? "" : "s", count, strerror(code));
    return STATUS_OK;
}

Status limits_threads(int threads, Error *error) {
    if (try_threads(threads - 1, error)) return error->status;
#pragma omp parallel num_threads(threads)
    {}
    return STATUS_OK;
}

Status limits_mpi(Error *error) {
    struct rlimit size;
    if (raise_files(MPI_FILES, "MPI", error) || limits_room(MPI_MEMORY, "MPI", error) ||
        try_threads(MPI_THREADS, error))
        return error->status;
    if (getrlimit(RLIMIT_FSIZE, &size) == 0 && size.rlim_cur < MPI_FILE_BYTES)
        error_set(error, STATUS_FAILURE, "files may have %llu kB: MPI needs %llu kB (ulimit -f)",
                  (unsigned long long)size.rlim_cur / 1024, (unsigned long long)MPI_FILE_BYTES / 1024);
    return error->status;
}
