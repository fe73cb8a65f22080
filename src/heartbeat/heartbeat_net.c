/* The connections of the heartbeats, each between rank 0 and another rank. See heartbeat_private.h. */
#include "heartbeat/heartbeat_private.h"
#include "linnet/core/launcher.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in address_of(uint32_t address, uint16_t port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = address};
}

/* Whether `wanted`, the list of networks that MPI was told to use ("10.0.0.0/24,ib0"), contains an interface. */
static bool is_wanted(const char *wanted, const char *interface, uint32_t address) {
    char list[512];
    snprintf(list, sizeof list, "%s", wanted);
    for (char *rest = list, *item; (item = strsep(&rest, ",")) != NULL;) {
        if (strcmp(item, interface) == 0) return true;
        char *slash = strchr(item, '/');
        struct in_addr network;
        if (!slash) continue;
        *slash = '\0';
        int bits = atoi(slash + 1);
        uint32_t mask = bits <= 0 ? 0 : bits >= 32 ? UINT32_MAX : htonl(~(UINT32_MAX >> bits));
        if (inet_pton(AF_INET, item, &network) == 1 && (network.s_addr & mask) == (address & mask)) return true;
    }
    return false;
}

/* Add this host's addresses in the wanted networks, or with NULL in all. */
static void add_addresses(Endpoint *endpoint, const struct ifaddrs *all, const char *wanted) {
    for (const struct ifaddrs *i = all; i && endpoint->count < HEARTBEAT_ADDRESSES; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET) continue;
        if ((i->ifa_flags & IFF_UP) == 0 || (i->ifa_flags & IFF_LOOPBACK) != 0) continue;
        const uint32_t address = ((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr.s_addr;
        if (!wanted || is_wanted(wanted, i->ifa_name, address)) endpoint->address[endpoint->count++] = address;
    }
}

/* This host's addresses for other hosts: those of the networks that MPI was told to use; all of them where it was not
 * told, or was told of devices that are no interfaces of IP (mlx5_0:1). */
static void list_addresses(Endpoint *endpoint) {
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0) return;
    add_addresses(endpoint, all, launcher_networks());
    if (endpoint->count == 0) add_addresses(endpoint, all, NULL);
    freeifaddrs(all);
}

/* One connection a rank may be more than a process may have open by default. */
static void allow_files(int ranks) {
    struct rlimit limit;
    rlim_t wanted = (rlim_t)ranks + 512;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Open the listener at an address, which the system completes; false where that fails. */
static bool listen_at(Heartbeat *h, struct sockaddr *here, socklen_t given, socklen_t *size) {
    h->listener = socket(here->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return h->listener >= 0 && bind(h->listener, here, given) == 0 && listen(h->listener, SOMAXCONN) == 0 &&
           getsockname(h->listener, here, size) == 0;
}

void heartbeat_listen(Heartbeat *h, Endpoint *endpoint) {
    allow_files(h->world->size);
    if (h->world->nodes == 1) {
        /* All ranks are on this host and need no network. The system chooses a name that is in no folder. */
        endpoint->local = (struct sockaddr_un){.sun_family = AF_UNIX};
        socklen_t size = sizeof endpoint->local;
        if (listen_at(h, (struct sockaddr *)&endpoint->local, sizeof endpoint->local.sun_family, &size))
            endpoint->local_size = (int32_t)size;
        return;
    }
    struct sockaddr_in here = address_of(htonl(INADDR_ANY), 0);
    socklen_t size = sizeof here;
    if (!listen_at(h, (struct sockaddr *)&here, size, &size)) return;
    endpoint->port = here.sin_port;
    list_addresses(endpoint);
}

static Message message_of(const Heartbeat *h, MessageKind kind) {
    return (Message){.secret = h->secret,
                     .kind = (int32_t)kind,
                     .rank = h->world->rank,
                     .phase = atomic_load(&h->world->phase),
                     .step = atomic_load(&h->world->step)};
}

void heartbeat_send(Heartbeat *h, MessageKind kind) {
    const Message message = message_of(h, kind);
    for (int i = 0; i < h->count; i++) {
        int connection = h->peers[i].socket;
        if (connection < 0) continue;
        /* Both threads send. A message that finds a full buffer is dropped: the peer reads nothing and will count as
         * lost soon. But one that has been begun must be completed, or all that follow would be misread. */
        pthread_mutex_lock(&h->sending);
        ssize_t sent = send(connection, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
        while (sent > 0 && (size_t)sent < sizeof message) {
            ssize_t more = send(connection, (const char *)&message + sent, sizeof message - (size_t)sent, MSG_NOSIGNAL);
            sent = more > 0 ? sent + more : more;
        }
        pthread_mutex_unlock(&h->sending);
    }
}

static bool is_hello(const Heartbeat *h, const Message *message) {
    return message->secret == h->secret && message->kind == MESSAGE_HELLO && message->rank >= 0 &&
           message->rank < h->world->size;
}

/* Let no call on a connection, connect() included, wait for longer than the time for an answer. */
static void set_up(int connection) {
    struct timeval limit = {.tv_sec = HEARTBEAT_ANSWER_MS / 1000, .tv_usec = HEARTBEAT_ANSWER_MS % 1000 * 1000};
    int yes = 1;
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

/* Remove a pending connection; it is closed unless it has become a rank's. */
static void remove_pending(Heartbeat *h, int i, bool closing) {
    if (closing) close(h->pending[i].socket);
    h->pending_count--;
    memmove(h->pending + i, h->pending + i + 1, (size_t)(h->pending_count - i) * sizeof *h->pending);
}

void heartbeat_accept(Heartbeat *h) {
    int connection = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) return;
    set_up(connection);
    /* There is room for all ranks and a few more: the oldest connection, which has sent no hello, is no rank's. */
    if (h->pending_count == h->pending_room) remove_pending(h, 0, true);
    h->pending[h->pending_count++] = (Peer){.socket = connection, .last_received = clock_now()};
}

/* Receive more of a message. */
static Received receive_part(Peer *peer) {
    ssize_t got = recv(peer->socket, (char *)&peer->part + peer->have, sizeof peer->part - peer->have, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return RECEIVED_NOTHING;
    if (got <= 0) return RECEIVED_END;
    peer->have += (size_t)got;
    return peer->have < sizeof peer->part ? RECEIVED_NOTHING : RECEIVED_MESSAGE;
}

void heartbeat_receive_pending(Heartbeat *h, int i) {
    Peer *pending = &h->pending[i];
    Received received = receive_part(pending);
    if (received == RECEIVED_NOTHING) return;
    /* The side that connects sends its hello first: a program that only finds the port does not receive the secret. */
    Message hello = message_of(h, MESSAGE_HELLO);
    int rank = received == RECEIVED_MESSAGE && is_hello(h, &pending->part) ? pending->part.rank : 0;
    bool known = rank > 0 && h->peers[rank - 1].socket < 0 &&
                 send(pending->socket, &hello, sizeof hello, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof hello;
    if (known) {
        h->peers[rank - 1].last_received = clock_now();
        h->peers[rank - 1].socket = pending->socket;
    }
    remove_pending(h, i, !known);
}

Received heartbeat_receive(const Heartbeat *h, Peer *peer) {
    Received received = receive_part(peer);
    if (received != RECEIVED_MESSAGE) return received;
    peer->have = 0;
    return peer->part.secret == h->secret && peer->part.rank == peer->rank ? RECEIVED_MESSAGE : RECEIVED_END;
}

void heartbeat_close_pending(Heartbeat *h, double before) {
    while (h->pending_count > 0 && h->pending[0].last_received < before) remove_pending(h, 0, true);
}

/* Connect to rank 0 at an address, and exchange hellos with it. */
static bool try_address(Heartbeat *h, const struct sockaddr *there, socklen_t size) {
    Message hello = message_of(h, MESSAGE_HELLO), answer;
    int connection = socket(there->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0) return false;
    set_up(connection);
    if (connect(connection, there, size) != 0 ||
        send(connection, &hello, sizeof hello, MSG_NOSIGNAL) != (ssize_t)sizeof hello ||
        recv(connection, &answer, sizeof answer, MSG_WAITALL) != (ssize_t)sizeof answer || !is_hello(h, &answer) ||
        answer.rank != 0) {
        close(connection);
        return false;
    }
    h->peers[0].last_received = clock_now();
    h->peers[0].socket = connection;
    return true;
}

static bool try_network(Heartbeat *h, uint32_t address, uint16_t port) {
    struct sockaddr_in there = address_of(address, port);
    return try_address(h, (struct sockaddr *)&there, sizeof there);
}

/* Whether an address lies in a network that this host has an interface in. */
static bool is_near(uint32_t address) {
    struct ifaddrs *all = NULL;
    bool near = false;
    if (getifaddrs(&all) != 0) return false;
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        if (!i->ifa_addr || !i->ifa_netmask || i->ifa_addr->sa_family != AF_INET) continue;
        const struct sockaddr_in *mine = (const void *)i->ifa_addr, *mask = (const void *)i->ifa_netmask;
        near = near || ((mine->sin_addr.s_addr ^ address) & mask->sin_addr.s_addr) == 0;
    }
    freeifaddrs(all);
    return near;
}

bool heartbeat_connect(Heartbeat *h, const Endpoint *endpoint) {
    const World *world = h->world;
    double start = clock_now();
    if (endpoint->local_size > 0)
        return try_address(h, (const struct sockaddr *)&endpoint->local, (socklen_t)endpoint->local_size);
    if (endpoint->count == 0) return false;
    if (world->node_of[0] == world->node_of[world->rank] && try_network(h, htonl(INADDR_LOOPBACK), endpoint->port))
        return true;
    /* Near addresses first: what is sent to a network that this host is not in may get no answer at all. */
    for (int near = 1; near >= 0; near--)
        for (int i = 0; i < endpoint->count && clock_now() - start < 4.0; i++)
            if (is_near(endpoint->address[i]) == (near == 1) && try_network(h, endpoint->address[i], endpoint->port))
                return true;
    return false;
}
