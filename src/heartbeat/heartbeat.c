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

bool heartbeat_start_thread(pthread_t *thread, void *(*run)(void *), void *argument) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(thread, NULL, run, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* Peers and what the thread needs, still without connections. */
static Status create(Heartbeat **heartbeat, const World *world, Error *error) {
    Heartbeat *new = memory_allocate(1, sizeof *new, error);
    if (new == NULL) return error->status;
    *new = (Heartbeat){
        .world = world, .wake = -1, .listener = -1, .woken = -1e9, .count = world->rank == 0 ? world->size - 1 : 1};
    atomic_init(&new->limit_ms, (int)(HEARTBEAT_LIMIT_DEFAULT * 1e3));
    *heartbeat = new;
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

static void destroy(Heartbeat *heartbeat) {
    if (heartbeat == NULL) return;
    for (int i = 0; heartbeat->peers != NULL && i < heartbeat->count; i++)
        if (heartbeat->peers[i].socket >= 0) close(heartbeat->peers[i].socket);
    heartbeat_close(heartbeat, HUGE_VAL);
    if (heartbeat->listener >= 0) close(heartbeat->listener);
    if (heartbeat->wake >= 0) close(heartbeat->wake);
    sem_destroy(&heartbeat->told);
    pthread_mutex_destroy(&heartbeat->saying);
    memory_free(heartbeat->guests);
    memory_free(heartbeat->ready);
    memory_free(heartbeat->peers);
    memory_free(heartbeat);
}

static void join(Heartbeat *heartbeat) {
    heartbeat_wake(heartbeat);
    pthread_join(heartbeat->thread, NULL);
}

static void start_loop(Heartbeat *heartbeat, Error *error) {
    heartbeat->running = heartbeat_start_thread(&heartbeat->thread, heartbeat_loop, heartbeat);
    if (!heartbeat->running) error_set(error, STATUS_FAILURE, "no thread could be started for the watch");
}

/* Connect all ranks with rank 0. True on every rank when all are. A rank that gets no thread keeps its connection until
 * all know, so that nobody takes it for one that has ended. Collective. */
static bool meet(Heartbeat *heartbeat, Error *error) {
    const World *world = heartbeat->world;
    Meeting meeting = {0};
    int64_t lost = 0;
    if (world->rank == 0) {
        if (getrandom(&heartbeat->secret, sizeof heartbeat->secret, 0) != (ssize_t)sizeof heartbeat->secret) lost = 1;
        heartbeat_listen(heartbeat, &meeting);
        meeting.secret = heartbeat->secret;
        start_loop(heartbeat, error);
    }
    world_broadcast(world, &meeting, sizeof meeting);
    if (world->rank != 0) {
        heartbeat->secret = meeting.secret;
        lost = !heartbeat_connect(heartbeat, &meeting);
        start_loop(heartbeat, error);
    }
    world_max_integers(world, &lost, 1);
    atomic_store(&heartbeat->settled, true);
    return world_agree(world, error, true) == STATUS_OK && lost == 0;
}

Status heartbeat_start(Heartbeat **heartbeat, const World *world, Error *error) {
    Heartbeat *new = NULL;
    *heartbeat = NULL;
    if (world->size == 1) return STATUS_OK;
    create(&new, world, error);
    if (world_agree(world, error, true)) {
        destroy(new);
        return error->status;
    }
    if (meet(new, error)) {
        heartbeat_wake(new);
        *heartbeat = new;
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

void heartbeat_limit(Heartbeat *heartbeat, double seconds) {
    if (heartbeat == NULL) return;
    atomic_store(&heartbeat->limit_ms, (int)ceil(seconds * 1e3)); /* 0 would be never */
    heartbeat_wake(heartbeat);
}

void heartbeat_phase(Heartbeat *heartbeat, RunPhase phase, int64_t step) {
    if (heartbeat == NULL) return;
    bool entered = atomic_exchange(&heartbeat->phase, (int)phase) != (int)phase;
    atomic_store(&heartbeat->step, step);
    /* Said at once, since it may be the last word; of short updates only as many as cost nothing. */
    double now = clock_now();
    if (!entered && now - heartbeat->phase_said < 5e-3 * (heartbeat->world->size - 1)) return;
    heartbeat->phase_said = now;
    for (int i = 0; i < heartbeat->count; i++) heartbeat_send(heartbeat, &heartbeat->peers[i], SAY_ALIVE);
}

void heartbeat_phase_text(const Heartbeat *heartbeat, char text[HEARTBEAT_PHASE_TEXT]) {
    if (heartbeat == NULL)
        phase_text(RUN_START, 0, text);
    else
        phase_text((RunPhase)atomic_load(&heartbeat->phase), atomic_load(&heartbeat->step), text);
}

void heartbeat_failed(Heartbeat *heartbeat) {
    if (heartbeat == NULL) return;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    atomic_store(&heartbeat->failing, true);
    heartbeat_wake(heartbeat);
    sem_timedwait(&heartbeat->told, &until);
}

void heartbeat_stopping(Heartbeat *heartbeat) {
    if (heartbeat != NULL) atomic_store(&heartbeat->stopping, true);
}

void heartbeat_finish(Heartbeat *heartbeat) {
    if (heartbeat == NULL) return;
    atomic_store(&heartbeat->leaving, true);
    join(heartbeat);
    destroy(heartbeat);
}
