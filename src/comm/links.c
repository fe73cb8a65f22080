/* Measuring what messages cost. See links.h. */
#include "linnet/comm/links.h"
#include "comm/messages.h"
#include "linnet/core/clock.h"
#include "linnet/core/memory.h"
#include <math.h>
#include <sched.h>
#include <stdlib.h>

enum { ROUNDS = 200, REPEATS = 3, MANY = 8, BURST = 16, TAG = 77 };
enum { PIECES = 8 };                   /* messages to a peer in one exchange: the reduction sends one a bucket */
#define FEWEST_BYTES ((size_t)1 << 16) /* of a message, at least, to measure bandwidth with */
#define MOST_BYTES ((size_t)256 << 20) /* received by a rank at once */
#define LONG_ENOUGH 8.0                /* seconds of exchanges, after which the measurement ends early */
#define PAUSE 0.1                      /* seconds between exchanges, in which training computes */

/* The ranks that this one exchanges messages with. */
typedef struct {
    const World *world;
    int *ranks;
    int count;
    size_t bytes; /* a message */
    char *send, *receive;
    Messages messages;
} Peers;

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static bool is_peer(const World *world, int from, int to, bool remote) {
    return from != to && (world->node_of[from] != world->node_of[to]) == remote;
}

static void peers_find(Peers *peers, const World *world, bool remote, Error *error) {
    *peers = (Peers){.world = world};
    peers->ranks = memory_allocate((size_t)world->size, sizeof *peers->ranks, error);
    for (int step = 1; peers->ranks && step < world->size; step++) {
        int rank = (world->rank + step) % world->size; /* not all to rank 0 first */
        if (is_peer(world, world->rank, rank, remote)) peers->ranks[peers->count++] = rank;
    }
}

/* Room for `times` messages of so many bytes from each peer. Collective. */
static Status peers_resize(Peers *peers, size_t bytes, int times, Error *error) {
    memory_free(peers->send);
    memory_free(peers->receive);
    peers->bytes = bytes;
    peers->send = memory_allocate(bytes, 1, error);
    peers->receive = memory_allocate(bytes * (size_t)(peers->count * times), 1, error);
    return world_agree(peers->world, error, true);
}

static void peers_free(Peers *peers) {
    memory_free(peers->ranks);
    memory_free(peers->send);
    memory_free(peers->receive);
    messages_free(&peers->messages);
}

/* Start `times` messages to and from every peer, in turn. MPI is given as few at a time as the reduction gives it, two
 * to a peer: given all of them it is slower (between three hosts at 100 Mb/s, 7 to 8 MB/s instead of 8 to 10). */
static void post(Peers *peers, int times) {
    Messages *m = &peers->messages;
    size_t count = (size_t)peers->count, all = (size_t)times * count;
    messages_begin(m, peers->world, all, all, 2 * count + 1);
    for (size_t i = 0; i < all; i++)
        messages_receive(m, peers->receive + i * peers->bytes, peers->bytes, MPI_BYTE, peers->ranks[i % count], TAG, 0);
    for (size_t i = 0; i < all; i++)
        messages_send(m, peers->send, peers->bytes, MPI_BYTE, peers->ranks[i % count], TAG);
}

/* Let messages move; whether all of them are done. */
static bool all_done(Peers *peers) {
    Messages *m = &peers->messages;
    messages_take(m);
    return m->received == m->receive_count && messages_sent(m);
}

/* Seconds of an exchange with all peers at once, on the slowest rank. Collective. */
static double exchange(Peers *peers, int times) {
    world_check(peers->world, MPI_Barrier(peers->world->comm), "MPI_Barrier");
    double start = clock_now();
    post(peers, times);
    while (!all_done(peers)) sched_yield(); /* as training waits */
    return world_slowest(peers->world, clock_now() - start);
}

/* Median seconds of REPEATS exchanges. Collective. */
static double median_exchange(Peers *peers, int times) {
    double seconds[REPEATS];
    for (int i = 0; i < REPEATS; i++) seconds[i] = exchange(peers, times);
    qsort(seconds, REPEATS, sizeof *seconds, compare);
    return seconds[REPEATS / 2];
}

/* Half of the round trip of a message between rank 0 and the lowest of its peers. Collective. */
static double measure_latency(const World *world, bool remote) {
    double seconds[ROUNDS] = {0};
    char byte = 0;
    int peer = 1;
    while (!is_peer(world, 0, peer, remote)) peer++;
    int other = world->rank == 0 ? peer : 0;
    for (int i = 0; i < ROUNDS && (world->rank == 0 || world->rank == peer); i++) {
        double start = clock_now();
        if (world->rank == 0) world_check(world, MPI_Send(&byte, 1, MPI_BYTE, other, TAG, world->comm), "MPI_Send");
        world_check(world, MPI_Recv(&byte, 1, MPI_BYTE, other, TAG, world->comm, MPI_STATUS_IGNORE), "MPI_Recv");
        if (world->rank != 0) world_check(world, MPI_Send(&byte, 1, MPI_BYTE, other, TAG, world->comm), "MPI_Send");
        seconds[i] = (clock_now() - start) / 2.0;
    }
    qsort(seconds, ROUNDS, sizeof *seconds, compare);
    return world_slowest(world, world->rank == 0 ? seconds[ROUNDS / 2] : 0.0);
}

/* The mean bandwidth of exchanges as large as training's. At times the two directions take turns, since the handshake
 * of one waits behind the bytes of the other; that happens in training as well. Collective. */
static Status measure_bandwidth(Peers *peers, const LinkWork *work, Link *link, Error *error) {
    const World *world = peers->world;
    int64_t most = peers->count;
    world_max_integers(world, &most, 1);
    size_t bytes = work->bytes / (size_t)world->size / PIECES, limit = MOST_BYTES / (size_t)most / PIECES;
    if (bytes > limit) bytes = limit;
    if (peers_resize(peers, bytes < FEWEST_BYTES ? FEWEST_BYTES : bytes, PIECES, error)) return error->status;
    median_exchange(peers, 1); /* TCP has to find the rate of the link first */
    double seconds = 0.0;
    int times = 0;
    for (; times < MANY && seconds < LONG_ENOUGH; times++) {
        for (double end = clock_now() + PAUSE; clock_now() < end;) continue;
        seconds += exchange(peers, PIECES);
    }
    link->bandwidth = (double)peers->bytes * PIECES * (double)peers->count * world->node_size * times / seconds;
    return STATUS_OK;
}

/* Messages under way while the caller computes. */
typedef struct {
    Peers *peers;
    int64_t calls, needed; /* of poll: all; those until the messages were done */
    double end;            /* when they were done; 0 before */
} Ongoing;

static void poll(void *context) {
    Ongoing *o = context;
    o->calls++;
    if (o->end > 0.0 || !all_done(o->peers)) return;
    o->end = clock_now();
    o->needed = o->calls;
}

/* Send and receive while computing: how fast that is, and how much time the computing loses. Collective. */
static void measure_overlap(Peers *peers, const LinkWork *work, Link *link) {
    const World *world = peers->world;
    double seconds = 0.0, lost = 0.0, bytes = (double)peers->bytes * PIECES * (double)peers->count;
    int times = 0;
    for (; times < REPEATS && seconds < LONG_ENOUGH; times++) {
        Ongoing idle = {.end = 1.0}, o = {.peers = peers};
        world_check(world, MPI_Barrier(world->comm), "MPI_Barrier");
        double start = clock_now();
        for (int i = 0; i < REPEATS; i++) work->run(work->context, poll, &idle);
        double step = (clock_now() - start) / (double)idle.calls; /* between two calls of poll without messages */
        world_check(world, MPI_Barrier(world->comm), "MPI_Barrier");
        start = clock_now();
        post(peers, PIECES);
        while (o.end == 0.0) work->run(work->context, poll, &o);
        lost += fmax(0.0, o.end - start - (double)o.needed * step);
        seconds += world_slowest(world, o.end - start);
    }
    world_sum_doubles(world, &lost, 1);
    link->overlapped_bandwidth = bytes * times * world->node_size / seconds;
    link->overhead_per_byte = lost / world->size / (bytes * times);
}

static Status measure(const World *world, bool remote, const LinkWork *work, Link *link, Error *error) {
    Peers peers;
    peers_find(&peers, world, remote, error);
    if (peers_resize(&peers, 1, BURST, error) == STATUS_OK) {
        link->latency = measure_latency(world, remote);
        exchange(&peers, BURST); /* connections are made when first used */
        link->overhead = median_exchange(&peers, BURST) / (BURST * (peers.count > 0 ? peers.count : 1));
        if (remote && measure_bandwidth(&peers, work, link, error) == STATUS_OK) measure_overlap(&peers, work, link);
        world_broadcast(world, link, sizeof *link);
    }
    peers_free(&peers);
    return error->status;
}

Status links_measure(const World *world, const LinkWork *work, Link *node, Link *network, Error *error) {
    *node = *network = (Link){0};
    int64_t neighbours = world->node_size > 1 && world->rank == 0; /* all ranks use what rank 0 measures in its node */
    world_max_integers(world, &neighbours, 1);
    if (neighbours && measure(world, false, work, node, error)) return error->status;
    return world->nodes > 1 ? measure(world, true, work, network, error) : STATUS_OK;
}
