/* The watch's connections: a star around rank 0. See watch_private.h. */
#include "comm/watch_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long one address may take to answer, milliseconds. What cannot be reached mostly says so at once. */
enum { ANSWER_MS = 1500 };

static struct sockaddr_in place(uint32_t address, uint16_t port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = address};
}

/* Whether `wanted`, Open MPI's list of networks to use ("10.0.0.0/24,ib0"), names an interface. */
static bool is_wanted(const char *wanted, const char *interface, uint32_t address) {
    char list[512];
    snprintf(list, sizeof list, "%s", wanted);
    for (char *rest = list, *item; (item = strsep(&rest, ",")) != NULL;) {
        if (strcmp(item, interface) == 0) return true;
        char *slash = strchr(item, '/');
        struct in_addr network;
        if (slash == NULL) continue;
        *slash = '\0';
        int bits = atoi(slash + 1);
        uint32_t mask = bits <= 0 ? 0 : bits >= 32 ? UINT32_MAX : htonl(~(UINT32_MAX >> bits));
        if (inet_pton(AF_INET, item, &network) == 1 && (network.s_addr & mask) == (address & mask)) return true;
    }
    return false;
}

/* This host's addresses that other hosts may know: those of the networks that MPI was told to use, where it was. */
static void list_addresses(Meeting *meeting) {
    const char *wanted = getenv("OMPI_MCA_btl_tcp_if_include");
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0) return;
    for (const struct ifaddrs *i = all; i != NULL && meeting->count < WATCH_ADDRESSES; i = i->ifa_next) {
        if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET) continue;
        if ((i->ifa_flags & IFF_UP) == 0 || (i->ifa_flags & IFF_LOOPBACK) != 0) continue;
        struct sockaddr_in address;
        memcpy(&address, i->ifa_addr, sizeof address);
        if (wanted == NULL || wanted[0] == '\0' || is_wanted(wanted, i->ifa_name, address.sin_addr.s_addr))
            meeting->address[meeting->count++] = address.sin_addr.s_addr;
    }
    freeifaddrs(all);
}

/* A connection a rank may be more than a process usually has open. */
static void allow_files(int ranks) {
    struct rlimit limit;
    rlim_t wanted = (rlim_t)ranks + 512;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void watch_listen(Watch *watch, Meeting *meeting) {
    allow_files(watch->world->size);
    /* Where all ranks are on this host nobody else need see the port. */
    bool local = watch->world->nodes == 1;
    struct sockaddr_in here = place(htonl(local ? INADDR_LOOPBACK : INADDR_ANY), 0);
    socklen_t size = sizeof here;
    watch->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (watch->listener < 0 || bind(watch->listener, (struct sockaddr *)&here, size) != 0 ||
        listen(watch->listener, SOMAXCONN) != 0 || getsockname(watch->listener, (struct sockaddr *)&here, &size) != 0)
        return;
    meeting->port = here.sin_port;
    if (local)
        meeting->address[meeting->count++] = htonl(INADDR_LOOPBACK);
    else
        list_addresses(meeting);
}

static Message message_of(const Watch *watch, Word word) {
    return (Message){.secret = watch->secret,
                     .word = word,
                     .rank = watch->world->rank,
                     .phase = atomic_load(&watch->phase),
                     .step = atomic_load(&watch->step)};
}

void watch_say(Watch *watch, Peer *peer, Word word) {
    int connection = peer->socket;
    if (connection < 0) return;
    Message message = message_of(watch, word);
    /* Both threads say words, whole ones. One that finds a full buffer is dropped: the peer reads nothing, and is about
     * to be given up; but what has been begun must be ended, or all that follows would be misread. */
    pthread_mutex_lock(&watch->saying);
    ssize_t sent = send(connection, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent > 0 && (size_t)sent < sizeof message) {
        ssize_t more = send(connection, (const char *)&message + sent, sizeof message - (size_t)sent, MSG_NOSIGNAL);
        sent = more > 0 ? sent + more : more;
    }
    pthread_mutex_unlock(&watch->saying);
}

Heard watch_hear(const Watch *watch, Peer *peer, Message *message) {
    ssize_t got = recv(peer->socket, (char *)&peer->part + peer->have, sizeof peer->part - peer->have, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return HEARD_NOTHING;
    if (got <= 0) return HEARD_END;
    peer->have += (size_t)got;
    if (peer->have < sizeof peer->part) return HEARD_NOTHING;
    peer->have = 0;
    *message = peer->part;
    return message->secret == watch->secret && message->rank == peer->rank ? HEARD_WORD : HEARD_END;
}

/* Whether the other side says hello as a rank of this job does, within the time for an answer. */
static bool hear_hello(const Watch *watch, int connection, Message *heard) {
    return recv(connection, heard, sizeof *heard, MSG_WAITALL) == (ssize_t)sizeof *heard &&
           heard->secret == watch->secret && heard->word == SAY_HELLO && heard->rank >= 0 &&
           heard->rank < watch->world->size;
}

/* Exchange hellos; the other's rank, or −1 for a stranger. Who was called hears first: whoever finds the port is not
 * told the secret. */
static int exchange_hellos(const Watch *watch, int connection, bool called) {
    struct timeval limit = {.tv_sec = ANSWER_MS / 1000, .tv_usec = ANSWER_MS % 1000 * 1000};
    Message hello = message_of(watch, SAY_HELLO), heard;
    int yes = 1;
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (called && !hear_hello(watch, connection, &heard)) return -1;
    if (send(connection, &hello, sizeof hello, MSG_NOSIGNAL) != (ssize_t)sizeof hello) return -1;
    if (!called && !hear_hello(watch, connection, &heard)) return -1;
    return heard.rank;
}

void watch_accept(Watch *watch) {
    int connection = accept4(watch->listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) return;
    int rank = exchange_hellos(watch, connection, true);
    if (rank <= 0 || watch->peers[rank - 1].socket >= 0) {
        close(connection);
        return;
    }
    watch->peers[rank - 1].socket = connection;
    watch->peers[rank - 1].heard = watch_now();
}

/* A connection to one address, or −1. */
static int connect_to(uint32_t address, uint16_t port) {
    struct sockaddr_in there = place(address, port);
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), failure = 0;
    socklen_t size = sizeof failure;
    if (connection < 0) return -1;
    struct pollfd ready = {.fd = connection, .events = POLLOUT};
    if (connect(connection, (struct sockaddr *)&there, sizeof there) != 0 &&
        (errno != EINPROGRESS || poll(&ready, 1, ANSWER_MS) != 1 ||
         getsockopt(connection, SOL_SOCKET, SO_ERROR, &failure, &size) != 0 || failure != 0)) {
        close(connection);
        return -1;
    }
    fcntl(connection, F_SETFL, fcntl(connection, F_GETFL) & ~O_NONBLOCK);
    return connection;
}

/* Whether an address lies in a network that this host has an interface in. */
static bool is_near(uint32_t address) {
    struct ifaddrs *all = NULL;
    bool near = false;
    if (getifaddrs(&all) != 0) return false;
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
        if (i->ifa_addr == NULL || i->ifa_netmask == NULL || i->ifa_addr->sa_family != AF_INET) continue;
        struct sockaddr_in mine, mask;
        memcpy(&mine, i->ifa_addr, sizeof mine);
        memcpy(&mask, i->ifa_netmask, sizeof mask);
        near = near || (mine.sin_addr.s_addr & mask.sin_addr.s_addr) == (address & mask.sin_addr.s_addr);
    }
    freeifaddrs(all);
    return near;
}

static bool try_address(Watch *watch, uint32_t address, uint16_t port) {
    int connection = connect_to(address, port);
    if (connection < 0) return false;
    if (exchange_hellos(watch, connection, false) != 0) {
        close(connection);
        return false;
    }
    watch->peers[0].socket = connection;
    watch->peers[0].heard = watch_now();
    return true;
}

bool watch_connect(Watch *watch, const Meeting *meeting) {
    const World *world = watch->world;
    double start = watch_now();
    if (meeting->count == 0) return false;
    if (world->node_of[0] == world->node_of[world->rank] && try_address(watch, htonl(INADDR_LOOPBACK), meeting->port))
        return true;
    /* Near addresses first: those of networks that this host does not have may swallow what is sent there. */
    for (int near = 1; near >= 0; near--)
        for (int i = 0; i < meeting->count && watch_now() - start < 4.0; i++)
            if (is_near(meeting->address[i]) == (near == 1) && try_address(watch, meeting->address[i], meeting->port))
                return true;
    return false;
}
