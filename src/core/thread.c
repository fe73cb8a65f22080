/* Starting threads and waiting for them. See thread.h. */
#include "linnet/core/thread.h"
#include "linnet/core/clock.h"
#include <errno.h>
#include <signal.h>
#include <time.h>

bool thread_start(pthread_t *thread, void *(*run)(void *context), void *context) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* a thread inherits the mask of the one that starts it */
    const int code = pthread_create(thread, NULL, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return code == 0;
}

bool thread_wait(sem_t *semaphore, double seconds) {
    const double end = clock_now() + seconds;
    const struct timespec until = {.tv_sec = (time_t)end, .tv_nsec = (long)((end - (double)(time_t)end) * 1e9)};
    int code;
    do code = sem_clockwait(semaphore, CLOCK_MONOTONIC, &until);
    while (code != 0 && errno == EINTR);
    return code == 0;
}
