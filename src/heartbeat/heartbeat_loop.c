/* The heartbeats' thread: it sends, receives, and ends the run when a peer is lost. See heartbeat.h. */
#include "heartbeat/heartbeat_private.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Messages in the time limit; one a second at least. */
enum { BEATS = 20 };
/* Seconds after this process was suspended during which it reports no peer as lost. */
#define AFTER_SUSPENSION 2.0

void heartbeat_wake(Heartbeat *h) {
    while (eventfd_write(h->wake, 1) < 0 && errno == EINTR) continue;
}

/* A peer is lost: end the run. Rank 0 prints one line and tells the other ranks to end without printing. If rank 0 is
 * lost, rank 1 prints the line; if rank 1 does not end the run, ranks 2, 3, … try in turn, so that one line is printed.
 * Two cases print nothing: this process was suspended and the launcher has resumed it only to end the run; or the run
 * was asked to stop and has saved. */
static _Noreturn void end_for(Heartbeat *h, const Peer *peer, const char *cause) {
    int rank = h->world->rank;
    if (clock_now() - h->woken < AFTER_SUSPENSION || atomic_load(&h->stopping)) heartbeat_end_silently();
    if (rank == 0)
        heartbeat_send(h, MESSAGE_FAILED);
    else if (rank > 1)
        sleep(rank < 11 ? 2 * (unsigned)rank : 20);
    heartbeat_end_reporting(h, peer, cause);
}

static void receive_from(Heartbeat *h, Peer *peer) {
    Received received = heartbeat_receive(h, peer);
    if (received == RECEIVED_NOTHING) return;
    if (received == RECEIVED_END) {
        close(peer->socket);
        peer->socket = -1;
        if (!peer->left)
            end_for(h, peer,
                    "the process has ended: killed (by a person, or by the system for lack of memory) or crashed");
        return;
    }
    peer->last_received = clock_now();
    peer->phase = (RunPhase)peer->part.phase;
    peer->step = peer->part.step;
    if (peer->part.kind == MESSAGE_LEAVE) peer->left = true;
    if (peer->part.kind == MESSAGE_FAILED) {
        if (h->world->rank == 0) heartbeat_send(h, MESSAGE_FAILED);
        heartbeat_end_silently();
    }
}

/* End the run for a peer that has been silent for longer than the limit. */
static void check_silence(Heartbeat *h, double limit) {
    const Peer *first = NULL;
    int silent = 0;
    double now = clock_now();
    if (limit <= 0.0) return;
    for (int i = 0; i < h->count; i++) {
        const Peer *peer = &h->peers[i];
        if (!peer->left && !first && now - peer->last_received > limit) first = peer;
        silent += !peer->left && now - peer->last_received > 0.5 * limit; /* lost with the first, most likely */
    }
    if (!first) return;
    char cause[256], others[64] = "";
    if (silent > 1)
        snprintf(others, sizeof others, " (also none from %d more rank%s)", silent - 1, silent > 2 ? "s" : "");
    snprintf(cause, sizeof cause,
             "no heartbeat for %.1f s%s: the process is stopped, its host is down, or the link to it is cut",
             now - first->last_received, others);
    end_for(h, first, cause);
}

/* Wait until something can be received, or for so many seconds. */
static void wait_for_messages(Heartbeat *h, double seconds) {
    struct pollfd *ready = h->ready;
    nfds_t all = (nfds_t)(2 + h->count + h->pending_count);
    ready[0] = (struct pollfd){.fd = h->wake, .events = POLLIN};
    ready[1] = (struct pollfd){.fd = h->listener, .events = POLLIN};
    for (int i = 0; i < h->count; i++) ready[2 + i] = (struct pollfd){.fd = h->peers[i].socket, .events = POLLIN};
    for (int i = 0; i < h->pending_count; i++)
        ready[2 + h->count + i] = (struct pollfd){.fd = h->pending[i].socket, .events = POLLIN};
    int found = poll(ready, all, seconds > 0.0 ? (int)(seconds * 1e3) + 1 : 0);
    for (nfds_t i = 0; found < 0 && i < all; i++) ready[i].revents = 0;
}

/* A process that was suspended has received nothing since `before`: every peer's silence is counted anew. */
static void note_suspension(Heartbeat *h, double limit, double before) {
    double now = clock_now();
    if (limit <= 0.0 || now - before < 0.5 * limit) return;
    h->woken = now;
    for (int i = 0; i < h->count; i++) h->peers[i].last_received = now;
}

static void receive_all(Heartbeat *h) {
    const struct pollfd *ready = h->ready;
    eventfd_t times;
    if (ready[0].revents != 0) eventfd_read(h->wake, &times);
    for (int i = 0; i < h->count; i++)
        if (ready[2 + i].fd >= 0 && ready[2 + i].revents != 0) receive_from(h, &h->peers[i]);
    /* From the last one, since those behind one that is removed move up. */
    for (int i = h->pending_count - 1; i >= 0; i--)
        if (ready[2 + h->count + i].revents != 0) heartbeat_receive_pending(h, i);
    heartbeat_close_pending(h, clock_now() - HEARTBEAT_ANSWER_MS / 1e3);
    if (h->listener >= 0 && ready[1].revents != 0) heartbeat_accept(h);
}

/* Do what the computing thread asks for; true when the heartbeats are to end. */
static bool serve(Heartbeat *h, bool *leave_sent) {
    if (atomic_load(&h->closing)) return true;
    if (h->listener >= 0 && atomic_load(&h->all_connected)) {
        heartbeat_close_pending(h, HUGE_VAL);
        close(h->listener);
        h->listener = -1;
    }
    if (atomic_exchange(&h->failing, false)) {
        heartbeat_send(h, MESSAGE_FAILED);
        sem_post(&h->failure_sent);
    }
    if (!atomic_load(&h->leaving)) return false;
    if (!*leave_sent) heartbeat_send(h, MESSAGE_LEAVE);
    *leave_sent = true;
    for (int i = 0; i < h->count; i++)
        if (!h->peers[i].left) return false;
    return true;
}

void *heartbeat_loop(void *heartbeat) {
    Heartbeat *h = heartbeat;
    bool leave_sent = false;
    double due = 0.0;
    /* The process may have been suspended since the heartbeats were created as well. */
    note_suspension(h, HEARTBEAT_LIMIT_DEFAULT, h->peers[0].last_received);
    while (!serve(h, &leave_sent)) {
        double limit = atomic_load(&h->limit_ms) / 1e3, beat = limit > 0.0 && limit < BEATS ? limit / BEATS : 1.0;
        double now = clock_now();
        if (now >= due && !leave_sent) {
            heartbeat_send(h, MESSAGE_ALIVE);
            due = now + beat;
        }
        wait_for_messages(h, leave_sent ? beat : due - now);
        note_suspension(h, limit, now);
        receive_all(h);
        check_silence(h, limit);
    }
    return NULL;
}
