/* The watch's start and end, as the computing thread sees them. See heartbeat.h. */
#include "linnet/heartbeat/heartbeat.h"

#include "heartbeat/heartbeat_private.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/signals.h"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Strangers at rank 0's listener that leave all ranks their room. */
enum { SPARE_GUESTS = 16 };

bool watch_start_thread(pthread_t *thread, void *(*run)(void *), void *argument) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(thread, NULL, run, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* Peers and what the thread needs, still without connections. */
static Status create(Watch **watch, const World *world, Error *error) {
    Watch *new = memory_allocate(1, sizeof *new, error);
    if (new == NULL) return error->status;
    *new = (Watch){
        .world = world, .wake = -1, .listener = -1, .woken = -1e9, .count = world->rank == 0 ? world->size - 1 : 1};
    atomic_init(&new->limit_ms, (int)(WATCH_LIMIT_DEFAULT * 1e3));
    *watch = new;
    sem_init(&new->told, 0, 0);
    pthread_mutex_init(&new->saying, NULL);
    new->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (new->wake < 0) error_set(error, STATUS_FAILURE, "no eventfd for the watch: %s", strerror(errno));
    new->peers = memory_allocate((size_t) new->count, sizeof *new->peers, error);
    new->guest_room = world->rank == 0 ? world->size + SPARE_GUESTS : 0;
    new->guests = memory_allocate((size_t) new->guest_room, sizeof *new->guests, error);
    new->ready = memory_allocate((size_t)(2 + new->count + new->guest_room), sizeof *new->ready, error);
    for (int i = 0; new->peers != NULL &&i < new->count; i++)
        new->peers[i] = (Peer){.rank = world->rank == 0 ? i + 1 : 0, .socket = -1, .heard = clock_now()};
    return error->status;
}

static void destroy(Watch *watch) {
    if (watch == NULL) return;
    for (int i = 0; watch->peers != NULL && i < watch->count; i++)
        if (watch->peers[i].socket >= 0) close(watch->peers[i].socket);
    watch_dismiss(watch, HUGE_VAL);
    if (watch->listener >= 0) close(watch->listener);
    if (watch->wake >= 0) close(watch->wake);
    sem_destroy(&watch->told);
    pthread_mutex_destroy(&watch->saying);
    memory_free(watch->guests);
    memory_free(watch->ready);
    memory_free(watch->peers);
    memory_free(watch);
}

static void join(Watch *watch) {
    watch_wake(watch);
    pthread_join(watch->thread, NULL);
}

static void start_loop(Watch *watch, Error *error) {
    watch->running = watch_start_thread(&watch->thread, watch_loop, watch);
    if (!watch->running) error_set(error, STATUS_FAILURE, "no thread could be started for the watch");
}

/* Connect all ranks with rank 0. True on every rank when all are. A rank that gets no thread keeps its connection until
 * all know, so that nobody takes it for one that has ended. Collective. */
static bool meet(Watch *watch, Error *error) {
    const World *world = watch->world;
    Meeting meeting = {0};
    int64_t lost = 0;
    if (world->rank == 0) {
        if (getrandom(&watch->secret, sizeof watch->secret, 0) != (ssize_t)sizeof watch->secret) lost = 1;
        watch_listen(watch, &meeting);
        meeting.secret = watch->secret;
        start_loop(watch, error);
    }
    world_broadcast(world, &meeting, sizeof meeting);
    if (world->rank != 0) {
        watch->secret = meeting.secret;
        lost = !watch_connect(watch, &meeting);
        start_loop(watch, error);
    }
    world_max_integers(world, &lost, 1);
    atomic_store(&watch->settled, true);
    return world_agree(world, error, true) == STATUS_OK && lost == 0;
}

Status watch_start(Watch **watch, const World *world, Error *error) {
    Watch *new = NULL;
    *watch = NULL;
    if (world->size == 1) return STATUS_OK;
    create(&new, world, error);
    if (world_agree(world, error, true)) {
        destroy(new);
        return error->status;
    }
    if (meet(new, error)) {
        watch_wake(new);
        *watch = new;
        return STATUS_OK;
    }
    if (world->rank == 0 && error->status == STATUS_OK)
        log_warning("ranks cannot reach rank 0 on %s by TCP: the run would not notice one that is stopped or cut off",
                    world->host);
    atomic_store(&new->closing, true);
    if (new->running) join(new);
    int64_t all_joined = 1; /* before that a connection's end would be taken for a rank's */
    world_max_integers(world, &all_joined, 1);
    destroy(new);
    return error->status;
}

void watch_limit(Watch *watch, double seconds) {
    if (watch == NULL) return;
    atomic_store(&watch->limit_ms, (int)ceil(seconds * 1e3)); /* 0 would be never */
    watch_wake(watch);
}

void watch_phase(Watch *watch, RunPhase phase, int64_t step) {
    if (watch == NULL) return;
    bool entered = atomic_exchange(&watch->phase, (int)phase) != (int)phase;
    atomic_store(&watch->step, step);
    /* Said at once, since it may be the last word; of short updates only as many as cost nothing. */
    double now = clock_now();
    if (!entered && now - watch->phase_said < 5e-3 * (watch->world->size - 1)) return;
    watch->phase_said = now;
    for (int i = 0; i < watch->count; i++) watch_say(watch, &watch->peers[i], SAY_ALIVE);
}

void watch_phase_text(const Watch *watch, char text[WATCH_PHASE_TEXT]) {
    if (watch == NULL)
        phase_text(RUN_START, 0, text);
    else
        phase_text((RunPhase)atomic_load(&watch->phase), atomic_load(&watch->step), text);
}

void watch_failed(Watch *watch) {
    if (watch == NULL) return;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    atomic_store(&watch->failing, true);
    watch_wake(watch);
    sem_timedwait(&watch->told, &until);
}

void watch_stopping(Watch *watch) {
    if (watch != NULL) atomic_store(&watch->stopping, true);
}

void watch_finish(Watch *watch) {
    if (watch == NULL) return;
    atomic_store(&watch->leaving, true);
    join(watch);
    destroy(watch);
}
