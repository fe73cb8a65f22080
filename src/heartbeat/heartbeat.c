/* Heartbeats as the computing thread sees them: start, end, and what it wants to be sent. See heartbeat.h. */
#include "heartbeat/heartbeat_private.h"
#include "linnet/core/log.h"
#include "linnet/core/memory.h"
#include "linnet/core/thread.h"
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

/* Connections of other programs that rank 0 holds beside those of all ranks. */
enum { SPARE_CONNECTIONS = 16 };

/* Peers and what the thread needs, still without connections. */
static Status create(Heartbeat **heartbeat, const World *world, Error *error) {
    Heartbeat *h = memory_allocate(1, sizeof *h, error);
    if (!h) return error->status;
    *h = (Heartbeat){
        .world = world, .wake = -1, .listener = -1, .woken = -1e9, .count = world->rank == 0 ? world->size - 1 : 1};
    atomic_init(&h->limit_ms, (int)(HEARTBEAT_LIMIT_DEFAULT * 1e3));
    *heartbeat = h;
    sem_init(&h->failure_sent, 0, 0);
    pthread_mutex_init(&h->sending, NULL);
    h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (h->wake < 0) error_set(error, STATUS_FAILURE, "cannot open an eventfd for the heartbeats: %s", strerror(errno));
    h->peers = memory_allocate((size_t)h->count, sizeof *h->peers, error);
    h->pending_room = world->rank == 0 ? world->size + SPARE_CONNECTIONS : 0;
    h->pending = memory_allocate((size_t)h->pending_room, sizeof *h->pending, error);
    h->ready = memory_allocate((size_t)(2 + h->count + h->pending_room), sizeof *h->ready, error);
    for (int i = 0; h->peers && i < h->count; i++)
        h->peers[i] = (Peer){.rank = world->rank == 0 ? i + 1 : 0, .socket = -1, .last_received = clock_now()};
    return error->status;
}

/* End the thread, if there is one, as `reason` asks it to. */
static void end_loop(Heartbeat *h, atomic_bool *reason) {
    atomic_store(reason, true);
    heartbeat_wake(h);
    if (h->running) pthread_join(h->thread, NULL);
}

static void destroy(Heartbeat *h) {
    if (!h) return;
    for (int i = 0; h->peers && i < h->count; i++)
        if (h->peers[i].socket >= 0) close(h->peers[i].socket);
    heartbeat_close_pending(h, HUGE_VAL);
    if (h->listener >= 0) close(h->listener);
    if (h->wake >= 0) close(h->wake);
    sem_destroy(&h->failure_sent);
    pthread_mutex_destroy(&h->sending);
    memory_free(h->pending);
    memory_free(h->ready);
    memory_free(h->peers);
    memory_free(h);
}

static void start_loop(Heartbeat *h, Error *error) {
    h->running = thread_start(&h->thread, heartbeat_loop, h);
    if (!h->running) error_set(error, STATUS_FAILURE, "cannot start a thread for the heartbeats");
}

/* Connect all ranks to rank 0. True on every rank when all are. A rank that gets no thread keeps its connection until
 * all know, so that no other takes it for one that has ended. Collective. */
static bool connect_all(Heartbeat *h, Error *error) {
    const World *world = h->world;
    Endpoint endpoint = {0};
    int64_t unconnected = 0;
    if (world->rank == 0) {
        unconnected = getrandom(&h->secret, sizeof h->secret, 0) != (ssize_t)sizeof h->secret;
        heartbeat_listen(h, &endpoint);
        endpoint.secret = h->secret;
        start_loop(h, error);
    }
    world_broadcast(world, &endpoint, sizeof endpoint);
    if (world->rank != 0) {
        h->secret = endpoint.secret;
        unconnected = !heartbeat_connect(h, &endpoint);
        start_loop(h, error);
    }
    world_max_integers(world, &unconnected, 1);
    atomic_store(&h->all_connected, true);
    return world_agree(world, error, true) == STATUS_OK && unconnected == 0;
}

/* Hook of World: tell the peers which phase this rank is in. Sent at once, since this message may be the rank's
 * last. When updates are short, most messages are skipped, so that they take no noticeable time. */
static void send_phase(void *heartbeat, bool changed) {
    Heartbeat *h = heartbeat;
    double now = clock_now();
    if (!changed && now - h->phase_sent < 5e-3 * (h->world->size - 1)) return;
    h->phase_sent = now;
    heartbeat_send(h, MESSAGE_ALIVE);
}

/* Hook of World: this rank is about to abort. Tell the other ranks to end without printing an error. */
static void send_failure(void *heartbeat) {
    Heartbeat *h = heartbeat;
    atomic_store(&h->failing, true);
    heartbeat_wake(h);
    thread_wait(&h->failure_sent, 1.0);
}

Status heartbeat_start(World *world, Error *error) {
    Heartbeat *h = NULL;
    if (world->size == 1) return STATUS_OK;
    create(&h, world, error);
    if (world_agree(world, error, true)) {
        destroy(h);
        return error->status;
    }
    if (connect_all(h, error)) {
        heartbeat_wake(h);
        world->hooks = (WorldHooks){h, send_phase, send_failure};
        return STATUS_OK;
    }
    if (world->rank == 0 && error->status == STATUS_OK)
        log_warning("ranks cannot connect to rank 0 on %s by TCP: the run will not notice a rank that is stopped or "
                    "cut off",
                    world->host);
    end_loop(h, &h->closing);
    int64_t all_joined = 1; /* before that, the end of a connection would be taken for the end of a rank */
    world_max_integers(world, &all_joined, 1);
    destroy(h);
    return error->status;
}

void heartbeat_limit(World *world, double seconds) {
    Heartbeat *h = world->hooks.heartbeat;
    if (!h) return;
    atomic_store(&h->limit_ms, (int)ceil(seconds * 1e3)); /* rounded to 0 it would be no limit */
    heartbeat_wake(h);
}

void heartbeat_stopping(World *world) {
    Heartbeat *h = world->hooks.heartbeat;
    if (h) atomic_store(&h->stopping, true);
}

void heartbeat_finish(World *world) {
    Heartbeat *h = world->hooks.heartbeat;
    if (!h) return;
    end_loop(h, &h->leaving);
    destroy(h);
    world->hooks = (WorldHooks){0};
}
