#ifndef LINNET_CORE_THREAD_H
#define LINNET_CORE_THREAD_H
/** Threads that work next to the one that computes. Nothing here is collective. */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

/** Start a thread with all signals blocked, so that they are delivered to the computing thread. False when the system
 *  gives no thread; errno says why. */
bool thread_start(pthread_t *thread, void *(*run)(void *context), void *context);

/** Wait until a semaphore can be taken, at most `seconds`; whether it was taken. */
bool thread_wait(sem_t *semaphore, double seconds);

#endif
