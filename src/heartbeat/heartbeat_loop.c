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

void watch_wake(Watch *watch) {
    uint64_t one = 1;
    while (write(watch->wake, &one, sizeof one) < 0 && errno == EINTR) continue;
}

static void say_all(Watch *watch, Word word) {
    for (int i = 0; i < watch->count; i++) watch_say(watch, &watch->peers[i], word);
}

/* A peer is lost. Rank 0 tells, and has the others end without a line. When rank 0 is lost, rank 1 tells; the others
 * do where it does not come to that, one after the other, so that there is one line where one gets through. A process
 * that was stopped itself and woken up by the launcher, which ends the run for that very reason, has nothing to tell;
 * nor has one of a run that was asked to stop and has saved. */
static _Noreturn void lose(Watch *watch, const Peer *peer, const char *cause) {
    int rank = watch->world->rank;
    if (clock_now() - watch->woken < AFTER_SLEEP || atomic_load(&watch->stopping)) watch_end_silently();
    if (rank == 0)
        say_all(watch, SAY_FAILED);
    else if (rank > 1)
        sleep(rank < 11 ? 2 * (unsigned)rank : 20);
    watch_end_telling(watch, peer, cause);
}

static void hear(Watch *watch, Peer *peer) {
    Message message = {0};
    Heard heard = watch_hear(watch, peer, &message);
    if (heard == HEARD_NOTHING) return;
    if (heard == HEARD_END) {
        close(peer->socket);
        peer->socket = -1;
        if (!peer->left)
            lose(watch, peer, "ended without a word: killed (by hand, or by the system for lack of memory) or crashed");
        return;
    }
    peer->heard = clock_now();
    peer->phase = (RunPhase)message.phase;
    peer->step = message.step;
    if (message.word == SAY_LEAVE) peer->left = true;
    if (message.word == SAY_FAILED) {
        if (watch->world->rank == 0) say_all(watch, SAY_FAILED);
        watch_end_silently();
    }
}

/* Peers that have been silent for too long. */
static void check_silence(Watch *watch, double limit) {
    const Peer *first = NULL;
    int silent = 0;
    double now = clock_now();
    if (limit <= 0.0) return;
    for (int i = 0; i < watch->count; i++) {
        const Peer *peer = &watch->peers[i];
        if (!peer->left && first == NULL && now - peer->heard > limit) first = peer;
        silent += !peer->left && now - peer->heard > 0.5 * limit; /* what is lost with it is as good as lost */
    }
    if (first == NULL) return;
    char cause[256], others[64] = "";
    if (silent > 1) snprintf(others, sizeof others, " (and from %d rank%s more)", silent - 1, silent > 2 ? "s" : "");
    snprintf(cause, sizeof cause,
             "no sign of life for %.1f s%s: the process is stopped, its host is down, or the link to it is cut",
             now - first->heard, others);
    lose(watch, first, cause);
}

/* Wait for something to hear, at most until the next word is due. */
static void wait_for_word(Watch *watch, double seconds) {
    struct pollfd *ready = watch->ready;
    nfds_t all = (nfds_t)(2 + watch->count + watch->guest_count);
    ready[0] = (struct pollfd){.fd = watch->wake, .events = POLLIN};
    ready[1] = (struct pollfd){.fd = watch->listener, .events = POLLIN};
    for (int i = 0; i < watch->count; i++)
        ready[2 + i] = (struct pollfd){.fd = watch->peers[i].socket, .events = POLLIN};
    for (int i = 0; i < watch->guest_count; i++)
        ready[2 + watch->count + i] = (struct pollfd){.fd = watch->guests[i].socket, .events = POLLIN};
    int found = poll(ready, all, seconds > 0.0 ? (int)(seconds * 1e3) + 1 : 0);
    for (nfds_t i = 0; found < 0 && i < all; i++) ready[i].revents = 0;
}

/* A thread that was stopped has heard nothing since `before`: everybody gets fresh time. */
static void note_sleep(Watch *watch, double limit, double before) {
    double now = clock_now();
    if (limit <= 0.0 || now - before < 0.5 * limit) return;
    watch->woken = now;
    for (int i = 0; i < watch->count; i++) watch->peers[i].heard = now;
}

static void hear_all(Watch *watch) {
    const struct pollfd *ready = watch->ready;
    if (ready[0].revents != 0) {
        uint64_t times;
        ssize_t got = read(watch->wake, &times, sizeof times);
        (void)got;
    }
    for (int i = 0; i < watch->count; i++)
        if (ready[2 + i].fd >= 0 && ready[2 + i].revents != 0) hear(watch, &watch->peers[i]);
    /* From the last one, since those behind one that goes move up. */
    for (int i = watch->guest_count - 1; i >= 0; i--)
        if (ready[2 + watch->count + i].revents != 0) watch_hear_guest(watch, i);
    watch_dismiss(watch, clock_now());
    if (watch->listener >= 0 && ready[1].revents != 0) watch_accept(watch);
}

/* What the main thread wants said; true when the watch is over. */
static bool obey(Watch *watch, bool *said_leave) {
    if (atomic_load(&watch->closing)) return true;
    if (watch->listener >= 0 && atomic_load(&watch->settled)) {
        watch_dismiss(watch, HUGE_VAL);
        close(watch->listener);
        watch->listener = -1;
    }
    if (atomic_exchange(&watch->failing, false)) {
        say_all(watch, SAY_FAILED);
        sem_post(&watch->told);
    }
    if (!atomic_load(&watch->leaving)) return false;
    if (!*said_leave) say_all(watch, SAY_LEAVE);
    *said_leave = true;
    for (int i = 0; i < watch->count; i++)
        if (!watch->peers[i].left) return false;
    return true;
}

void *watch_loop(void *argument) {
    Watch *watch = argument;
    bool said_leave = false;
    double due = 0.0;
    /* From its creation to here the process may have been stopped as well. */
    note_sleep(watch, WATCH_LIMIT_DEFAULT, watch->peers[0].heard);
    while (!obey(watch, &said_leave)) {
        double limit = atomic_load(&watch->limit_ms) / 1e3, beat = limit > 0.0 && limit < BEATS ? limit / BEATS : 1.0;
        double now = clock_now();
        if (now >= due && !said_leave) {
            say_all(watch, SAY_ALIVE);
            due = now + beat;
        }
        wait_for_word(watch, said_leave ? beat : due - now);
        note_sleep(watch, limit, now);
        hear_all(watch);
        check_silence(watch, limit);
    }
    return NULL;
}
