/* The watch's connections: who is taken for a rank, and that strangers at its port hold nobody up. The watch over real
 * ranks: tests/mpi/heartbeat_test.c and tests/fault/lost_ranks_test.py. */
#include "heartbeat/heartbeat_private.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

enum { RANKS = 3, ROOM = 8, STRANGERS = 2 * ROOM };
static const uint64_t SECRET = 0x1234567890abcdef;

/* Rank 0's watch with its thread, and what it tells the others. */
typedef struct {
    World world;
    int node_of[RANKS + 1]; /* one that asks though there is no such rank has its place, too */
    Peer peers[RANKS - 1];
    Guest guests[ROOM];
    struct pollfd ready[2 + RANKS - 1 + ROOM];
    Heartbeat heartbeat;
    Meeting meeting;
} Host;

static void host_start(Host *host, int nodes) {
    *host = (Host){.world = {.rank = 0, .size = RANKS, .nodes = nodes, .node_of = host->node_of}};
    host->heartbeat = (Heartbeat){.world = &host->world,
                                  .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                  .listener = -1,
                                  .woken = -1e9,
                                  .secret = SECRET,
                                  .peers = host->peers,
                                  .count = RANKS - 1,
                                  .guests = host->guests,
                                  .guest_room = ROOM,
                                  .ready = host->ready};
    for (int i = 0; i < RANKS - 1; i++) host->peers[i] = (Peer){.rank = i + 1, .socket = -1, .heard = clock_now()};
    pthread_mutex_init(&host->heartbeat.saying, NULL);
    sem_init(&host->heartbeat.told, 0, 0);
    heartbeat_listen(&host->heartbeat, &host->meeting);
    host->meeting.secret = SECRET;
    if (nodes > 1) { /* there may be no network here, but this host can be reached */
        host->meeting.count = 1;
        host->meeting.address[0] = htonl(INADDR_LOOPBACK);
    }
    assert_int_equal(pthread_create(&host->heartbeat.thread, NULL, heartbeat_loop, &host->heartbeat), 0);
}

static void host_end(Host *host) {
    atomic_store(&host->heartbeat.settled, true);
    atomic_store(&host->heartbeat.closing, true);
    heartbeat_wake(&host->heartbeat);
    pthread_join(host->heartbeat.thread, NULL);
    heartbeat_close(&host->heartbeat, clock_now() + 1e6);
    if (host->heartbeat.listener >= 0) close(host->heartbeat.listener);
    for (int i = 0; i < RANKS - 1; i++)
        if (host->peers[i].socket >= 0) close(host->peers[i].socket);
    close(host->heartbeat.wake);
    pthread_mutex_destroy(&host->heartbeat.saying);
    sem_destroy(&host->heartbeat.told);
}

/* A rank that connects, or tries to; its connection or -1. */
static int rank_connect(Host *host, int rank, uint64_t secret) {
    World world = host->world;
    Peer peer = {.rank = 0, .socket = -1};
    world.rank = rank;
    Heartbeat heartbeat = {.world = &world, .secret = secret, .peers = &peer, .count = 1};
    bool connected = heartbeat_connect(&heartbeat, &host->meeting);
    assert_int_equal(connected, peer.socket >= 0);
    return peer.socket;
}

static int stranger_connect(const Host *host) {
    struct sockaddr_in there = {
        .sin_family = AF_INET, .sin_port = host->meeting.port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(connection >= 0);
    assert_int_equal(connect(connection, (struct sockaddr *)&there, sizeof there), 0);
    return connection;
}

/* Whether the other side hangs up without having said anything. */
static bool hears_nothing(int connection) {
    char byte;
    ssize_t got = recv(connection, &byte, 1, 0);
    close(connection);
    return got <= 0;
}

static void ranks_of_one_host_use_no_network(void **state) {
    (void)state;
    Host host;
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    host_start(&host, 1);
    assert_true(host.meeting.local_size > 0);
    assert_int_equal(host.meeting.count, 0);
    assert_int_equal(host.meeting.port, 0);
    int one = rank_connect(&host, 1, SECRET), two = rank_connect(&host, 2, SECRET);
    assert_true(one >= 0 && two >= 0);
    assert_int_equal(getpeername(one, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(address.ss_family, AF_UNIX);
    host_end(&host);
    close(one);
    close(two);
}

/* More strangers than there is room for, who say nothing, too little, or something else, and stay: each would have held
 * the ranks up for as long as an answer may take. */
static void strangers_hold_nobody_up(void **state) {
    (void)state;
    Host host;
    int strangers[STRANGERS];
    host_start(&host, 2);
    for (int i = 0; i < STRANGERS; i++) {
        static const char noise[] = "GET / HTTP/1.1\r\nHost: a.b\r\nUser-Agent: somebody\r\n\r\n";
        strangers[i] = stranger_connect(&host);
        size_t length = i % 3 == 0 ? 0 : i % 3 == 1 ? 5 : sizeof noise;
        assert_int_equal(send(strangers[i], noise, length, MSG_NOSIGNAL), length);
    }
    int one = rank_connect(&host, 1, SECRET), two = rank_connect(&host, 2, SECRET);
    assert_true(one >= 0 && two >= 0);
    host_end(&host);
    for (int i = 0; i < STRANGERS; i++) assert_true(hears_nothing(strangers[i]));
    close(one);
    close(two);
}

static void only_ranks_of_this_run_are_let_in(void **state) {
    (void)state;
    Host host;
    host_start(&host, 2);
    assert_int_equal(rank_connect(&host, 1, SECRET + 1), -1);
    assert_int_equal(rank_connect(&host, RANKS, SECRET), -1);
    assert_int_equal(rank_connect(&host, 0, SECRET), -1);
    int one = rank_connect(&host, 1, SECRET);
    assert_true(one >= 0);
    assert_int_equal(rank_connect(&host, 1, SECRET), -1); /* it is there already */
    host_end(&host);
    assert_int_equal(host.peers[1].socket, -1);
    close(one);
}

static void the_least_limit_is_a_limit(void **state) {
    (void)state;
    static const struct {
        double seconds;
        int limit_ms;
    } cases[] = {{0.0, 0}, {1e-9, 1}, {4e-4, 1}, {2.5, 2500}, {86400.0, 86400000}};
    Heartbeat heartbeat = {.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .woken = -1e9};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heartbeat_limit(&heartbeat, cases[i].seconds);
        assert_int_equal(atomic_load(&heartbeat.limit_ms), cases[i].limit_ms);
    }
    close(heartbeat.wake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_of_one_host_use_no_network),
        cmocka_unit_test(strangers_hold_nobody_up),
        cmocka_unit_test(only_ranks_of_this_run_are_let_in),
        cmocka_unit_test(the_least_limit_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
