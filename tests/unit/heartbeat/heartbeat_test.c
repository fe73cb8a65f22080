/* The heartbeats' connections: only ranks are accepted, and other programs at the port hold nobody up. Heartbeats of
 * real ranks: tests/mpi/heartbeat_test.c and tests/fault/lost_ranks_test.py. */
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

/* Rank 0's heartbeats with their thread, and the endpoint that the others get. */
typedef struct {
    World world;
    int node_of[RANKS + 1]; /* with a place for one that is no rank and tries to connect */
    Peer peers[RANKS - 1];
    Peer pending[ROOM];
    struct pollfd ready[2 + RANKS - 1 + ROOM];
    Heartbeat heartbeat;
    Endpoint endpoint;
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
                                  .pending = host->pending,
                                  .pending_room = ROOM,
                                  .ready = host->ready};
    for (int i = 0; i < RANKS - 1; i++)
        host->peers[i] = (Peer){.rank = i + 1, .socket = -1, .last_received = clock_now()};
    pthread_mutex_init(&host->heartbeat.sending, NULL);
    sem_init(&host->heartbeat.failure_sent, 0, 0);
    heartbeat_listen(&host->heartbeat, &host->endpoint);
    host->endpoint.secret = SECRET;
    if (nodes > 1) { /* there may be no network here, but this host can be reached */
        host->endpoint.count = 1;
        host->endpoint.address[0] = htonl(INADDR_LOOPBACK);
    }
    assert_int_equal(pthread_create(&host->heartbeat.thread, NULL, heartbeat_loop, &host->heartbeat), 0);
}

static void host_end(Host *host) {
    atomic_store(&host->heartbeat.all_connected, true);
    atomic_store(&host->heartbeat.closing, true);
    heartbeat_wake(&host->heartbeat);
    pthread_join(host->heartbeat.thread, NULL);
    heartbeat_close_pending(&host->heartbeat, clock_now() + 1e6);
    if (host->heartbeat.listener >= 0) close(host->heartbeat.listener);
    for (int i = 0; i < RANKS - 1; i++)
        if (host->peers[i].socket >= 0) close(host->peers[i].socket);
    close(host->heartbeat.wake);
    pthread_mutex_destroy(&host->heartbeat.sending);
    sem_destroy(&host->heartbeat.failure_sent);
}

/* A rank that connects, or tries to; its connection or -1. */
static int rank_connect(Host *host, int rank, uint64_t secret) {
    World world = {.rank = rank, .size = RANKS, .nodes = host->world.nodes, .node_of = host->node_of};
    Peer peer = {.rank = 0, .socket = -1};
    Heartbeat heartbeat = {.world = &world, .secret = secret, .peers = &peer, .count = 1};
    bool connected = heartbeat_connect(&heartbeat, &host->endpoint);
    assert_int_equal(connected, peer.socket >= 0);
    return peer.socket;
}

static int stranger_connect(const Host *host) {
    struct sockaddr_in there = {
        .sin_family = AF_INET, .sin_port = host->endpoint.port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(connection >= 0);
    assert_int_equal(connect(connection, (struct sockaddr *)&there, sizeof there), 0);
    return connection;
}

/* Whether the other side closes the connection without having sent anything. */
static bool receives_nothing(int connection) {
    char byte;
    ssize_t got = recv(connection, &byte, 1, 0);
    close(connection);
    return got <= 0;
}

static void test_ranks_of_one_host_use_no_network(void **state) {
    (void)state;
    Host host;
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    host_start(&host, 1);
    assert_true(host.endpoint.local_size > 0);
    assert_int_equal(host.endpoint.count, 0);
    assert_int_equal(host.endpoint.port, 0);
    int one = rank_connect(&host, 1, SECRET), two = rank_connect(&host, 2, SECRET);
    assert_true(one >= 0 && two >= 0);
    assert_int_equal(getpeername(one, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(address.ss_family, AF_UNIX);
    host_end(&host);
    close(one);
    close(two);
}

/* More other programs than there is room for send nothing, too little, or something else, and stay connected: each
 * would have held the ranks up for as long as an answer may take. */
static void test_other_programs_hold_nobody_up(void **state) {
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
    for (int i = 0; i < STRANGERS; i++) assert_true(receives_nothing(strangers[i]));
    close(one);
    close(two);
}

static void test_only_ranks_of_this_run_are_accepted(void **state) {
    (void)state;
    Host host;
    host_start(&host, 2);
    assert_int_equal(rank_connect(&host, 1, SECRET + 1), -1);
    assert_int_equal(rank_connect(&host, RANKS, SECRET), -1);
    assert_int_equal(rank_connect(&host, 0, SECRET), -1);
    int one = rank_connect(&host, 1, SECRET);
    assert_true(one >= 0);
    assert_int_equal(rank_connect(&host, 1, SECRET), -1); /* that rank is connected already */
    host_end(&host);
    assert_int_equal(host.peers[1].socket, -1);
    close(one);
}

static void test_smallest_limit_is_a_limit(void **state) {
    (void)state;
    static const struct {
        double seconds;
        int limit_ms;
    } cases[] = {{0.0, 0}, {1e-9, 1}, {4e-4, 1}, {2.5, 2500}, {86400.0, 86400000}};
    Heartbeat heartbeat = {.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .woken = -1e9};
    World world = {.hooks = {.heartbeat = &heartbeat}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heartbeat_limit(&world, cases[i].seconds);
        assert_int_equal(atomic_load(&heartbeat.limit_ms), cases[i].limit_ms);
    }
    close(heartbeat.wake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks_of_one_host_use_no_network),
        cmocka_unit_test(test_other_programs_hold_nobody_up),
        cmocka_unit_test(test_only_ranks_of_this_run_are_accepted),
        cmocka_unit_test(test_smallest_limit_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
