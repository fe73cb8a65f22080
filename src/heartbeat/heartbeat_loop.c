/* The watch's thread. See heartbeat.h and heartbeat_private.h. */
#include "heartbeat/heartbeat_private.h"

#include "linnet/core/log.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A word every so many parts of the limit, and at least every second. */
enum { BEATS = 20 };
/* Seconds after this process was stopped itself in which it tells of nobody. */
#define AFTER_SLEEP 2.0

void heartbeat_wake(Heartbeat *heartbeat) {
    uint64_t one = 1;
    while (write(heartbeat->wake, &one, sizeof one) < 0 && errno == EINTR) continue;
}

static void say_all(Heartbeat *heartbeat, Word word) {
    for (int i = 0; i < heartbeat->count; i++) heartbeat_send(heartbeat, &heartbeat->peers[i], word);
}

/* A peer is lost. Rank 0 tells, and has the others end without a line. When rank 0 is lost, rank 1 tells; the others
 * do where it does not come to that, one after the other, so that there is one line where one gets through. A process
 * that was stopped itself and woken up by the launcher, which ends the run for that very reason, has nothing to tell;
 * nor has one of a run that was asked to stop and has saved. */
static _Noreturn void lose(Heartbeat *heartbeat, const Peer *peer, const char *cause) {
    int rank = heartbeat->world->rank;
    if (clock_now() - heartbeat->woken < AFTER_SLEEP || atomic_load(&heartbeat->stopping)) heartbeat_end_silently();
    if (rank == 0)
        say_all(heartbeat, SAY_FAILED);
    else if (rank > 1)
        sleep(rank < 11 ? 2 * (unsigned)rank : 20);
    heartbeat_end_telling(heartbeat, peer, cause);
}

static void hear(Heartbeat *heartbeat, Peer *peer) {
    Message message = {0};
    Heard heard = heartbeat_receive(heartbeat, peer, &message);
    if (heard == HEARD_NOTHING) return;
    if (heard == HEARD_END) {
        close(peer->socket);
        peer->socket = -1;
        if (!peer->left)
            lose(heartbeat, peer,
                 "ended without a word: killed (by hand, or by the system for lack of memory) or crashed");
        return;
    }
    peer->heard = clock_now();
    peer->phase = (RunPhase)message.phase;
    peer->step = message.step;
    if (message.word == SAY_LEAVE) peer->left = true;
    if (message.word == SAY_FAILED) {
        if (heartbeat->world->rank == 0) say_all(heartbeat, SAY_FAILED);
        heartbeat_end_silently();
    }
}

/* Peers that have been silent for too long. */
static void check_silence(Heartbeat *heartbeat, double limit) {
    const Peer *first = NULL;
    int silent = 0;
    double now = clock_now();
    if (limit <= 0.0) return;
    for (int i = 0; i < heartbeat->count; i++) {
        const Peer *peer = &heartbeat->peers[i];
        if (!peer->left && first == NULL && now - peer->heard > limit) first = peer;
        silent += !peer->left && now - peer->heard > 0.5 * limit; /* what is lost with it is as good as lost */
    }
    if (first == NULL) return;
    char cause[256], others[64] = "";
    if (silent > 1) snprintf(others, sizeof others, " (and from %d rank%s more)", silent - 1, silent > 2 ? "s" : "");
    snprintf(cause, sizeof cause,
             "no sign of life for %.1f s%s: the process is stopped, its host is down, or the link to it is cut",
             now - first->heard, others);
    lose(heartbeat, first, cause);
}

/* Wait for something to hear, at most until the next word is due. */
static void wait_for_word(Heartbeat *heartbeat, double seconds) {
    struct pollfd *ready = heartbeat->ready;
    nfds_t all = (nfds_t)(2 + heartbeat->count + heartbeat->guest_count);
    ready[0] = (struct pollfd){.fd = heartbeat->wake, .events = POLLIN};
    ready[1] = (struct pollfd){.fd = heartbeat->listener, .events = POLLIN};
    for (int i = 0; i < heartbeat->count; i++)
        ready[2 + i] = (struct pollfd){.fd = heartbeat->peers[i].socket, .events = POLLIN};
    for (int i = 0; i < heartbeat->guest_count; i++)
        ready[2 + heartbeat->count + i] = (struct pollfd){.fd = heartbeat->guests[i].socket, .events = POLLIN};
    int found = poll(ready, all, seconds > 0.0 ? (int)(seconds * 1e3) + 1 : 0);
    for (nfds_t i = 0; found < 0 && i < all; i++) ready[i].revents = 0;
}

/* A thread that was stopped has heard nothing since `before`: everybody gets fresh time. */
static void note_sleep(Heartbeat *heartbeat, double limit, double before) {
    double now = clock_now();
    if (limit <= 0.0 || now - before < 0.5 * limit) return;
    heartbeat->woken = now;
    for (int i = 0; i < heartbeat->count; i++) heartbeat->peers[i].heard = now;
}

static void hear_all(Heartbeat *heartbeat) {
    const struct pollfd *ready = heartbeat->ready;
    if (ready[0].revents != 0) {
        uint64_t times;
        ssize_t got = read(heartbeat->wake, &times, sizeof times);
        (void)got;
    }
    for (int i = 0; i < heartbeat->count; i++)
        if (ready[2 + i].fd >= 0 && ready[2 + i].revents != 0) hear(heartbeat, &heartbeat->peers[i]);
    /* From the last one, since those behind one that goes move up. */
    for (int i = heartbeat->guest_count - 1; i >= 0; i--)
        if (ready[2 + heartbeat->count + i].revents != 0) heartbeat_receive_pending(heartbeat, i);
    heartbeat_close(heartbeat, clock_now());
    if (heartbeat->listener >= 0 && ready[1].revents != 0) heartbeat_accept(heartbeat);
}

/* What the main thread wants said; true when the watch is over. */
static bool obey(Heartbeat *heartbeat, bool *said_leave) {
    if (atomic_load(&heartbeat->closing)) return true;
    if (heartbeat->listener >= 0 && atomic_load(&heartbeat->settled)) {
        heartbeat_close(heartbeat, HUGE_VAL);
        close(heartbeat->listener);
        heartbeat->listener = -1;
    }
    if (atomic_exchange(&heartbeat->failing, false)) {
        say_all(heartbeat, SAY_FAILED);
        sem_post(&heartbeat->told);
    }
    if (!atomic_load(&heartbeat->leaving)) return false;
    if (!*said_leave) say_all(heartbeat, SAY_LEAVE);
    *said_leave = true;
    for (int i = 0; i < heartbeat->count; i++)
        if (!heartbeat->peers[i].left) return false;
    return true;
}

void *heartbeat_loop(void *argument) {
    Heartbeat *heartbeat = argument;
    bool said_leave = false;
    double due = 0.0;
    /* From its creation to here the process may have been stopped as well. */
    note_sleep(heartbeat, HEARTBEAT_LIMIT_DEFAULT, heartbeat->peers[0].heard);
    while (!obey(heartbeat, &said_leave)) {
        double limit = atomic_load(&heartbeat->limit_ms) / 1e3,
               beat = limit > 0.0 && limit < BEATS ? limit / BEATS : 1.0;
        double now = clock_now();
        if (now >= due && !said_leave) {
            say_all(heartbeat, SAY_ALIVE);
            due = now + beat;
        }
        wait_for_word(heartbeat, said_leave ? beat : due - now);
        note_sleep(heartbeat, limit, now);
        hear_all(heartbeat);
        check_silence(heartbeat, limit);
    }
    return NULL;
}
