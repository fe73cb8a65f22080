/* The watch's connections: a star around rank 0. See heartbeat_private.h. */
#include "heartbeat/heartbeat_private.h"

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
    for (const struct ifaddrs *i = all; i != NULL && meeting->count < HEARTBEAT_ADDRESSES; i = i->ifa_next) {
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

/* Open the listener at an address, which the system completes; false where it cannot. */
static bool listen_at(Heartbeat *heartbeat, struct sockaddr *here, socklen_t given, socklen_t *size) {
    heartbeat->listener = socket(here->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return heartbeat->listener >= 0 && bind(heartbeat->listener, here, given) == 0 &&
           listen(heartbeat->listener, SOMAXCONN) == 0 && getsockname(heartbeat->listener, here, size) == 0;
}

void heartbeat_listen(Heartbeat *heartbeat, Meeting *meeting) {
    allow_files(heartbeat->world->size);
    if (heartbeat->world->nodes == 1) {
        /* All ranks are on this host, and nothing of theirs need touch a network. The system chooses a name that is in
         * no folder. */
        meeting->local = (struct sockaddr_un){.sun_family = AF_UNIX};
        socklen_t size = sizeof meeting->local;
        if (listen_at(heartbeat, (struct sockaddr *)&meeting->local, sizeof meeting->local.sun_family, &size))
            meeting->local_size = (int32_t)size;
        return;
    }
    struct sockaddr_in here = place(htonl(INADDR_ANY), 0);
    socklen_t size = sizeof here;
    if (!listen_at(heartbeat, (struct sockaddr *)&here, size, &size)) return;
    meeting->port = here.sin_port;
    list_addresses(meeting);
}

static Message message_of(const Heartbeat *heartbeat, Word word) {
    return (Message){.secret = heartbeat->secret,
                     .word = (int32_t)word,
                     .rank = heartbeat->world->rank,
                     .phase = atomic_load(&heartbeat->phase),
                     .step = atomic_load(&heartbeat->step)};
}

void heartbeat_send(Heartbeat *heartbeat, Peer *peer, Word word) {
    int connection = peer->socket;
    if (connection < 0) return;
    Message message = message_of(heartbeat, word);
    /* Both threads say words, whole ones. One that finds a full buffer is dropped: the peer reads nothing, and is about
     * to be given up; but what has been begun must be ended, or all that follows would be misread. */
    pthread_mutex_lock(&heartbeat->saying);
    ssize_t sent = send(connection, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent > 0 && (size_t)sent < sizeof message) {
        ssize_t more = send(connection, (const char *)&message + sent, sizeof message - (size_t)sent, MSG_NOSIGNAL);
        sent = more > 0 ? sent + more : more;
    }
    pthread_mutex_unlock(&heartbeat->saying);
}

Heard heartbeat_receive(const Heartbeat *heartbeat, Peer *peer, Message *message) {
    ssize_t got = recv(peer->socket, (char *)&peer->part + peer->have, sizeof peer->part - peer->have, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return HEARD_NOTHING;
    if (got <= 0) return HEARD_END;
    peer->have += (size_t)got;
    if (peer->have < sizeof peer->part) return HEARD_NOTHING;
    peer->have = 0;
    *message = peer->part;
    return message->secret == heartbeat->secret && message->rank == peer->rank ? HEARD_WORD : HEARD_END;
}

static bool is_hello(const Heartbeat *heartbeat, const Message *heard) {
    return heard->secret == heartbeat->secret && heard->word == SAY_HELLO && heard->rank >= 0 &&
           heard->rank < heartbeat->world->size;
}

/* No call on a connection waits for longer than the time for an answer, connect() included. */
static void set_up(int connection) {
    struct timeval limit = {.tv_sec = ANSWER_MS / 1000, .tv_usec = ANSWER_MS % 1000 * 1000};
    int yes = 1;
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

/* Forget a guest; his connection is closed unless it is a rank's now. */
static void dismiss(Heartbeat *heartbeat, int i, bool closing) {
    if (closing) close(heartbeat->guests[i].socket);
    heartbeat->guest_count--;
    memmove(heartbeat->guests + i, heartbeat->guests + i + 1,
            (size_t)(heartbeat->guest_count - i) * sizeof *heartbeat->guests);
}

void heartbeat_accept(Heartbeat *heartbeat) {
    int connection = accept4(heartbeat->listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) return;
    set_up(connection);
    /* There is room for all ranks and a few more: the oldest guest, who has said nothing, is none. */
    if (heartbeat->guest_count == heartbeat->guest_room) dismiss(heartbeat, 0, true);
    heartbeat->guests[heartbeat->guest_count++] = (Guest){.socket = connection, .until = clock_now() + ANSWER_MS / 1e3};
}

void heartbeat_receive_pending(Heartbeat *heartbeat, int i) {
    Guest *guest = &heartbeat->guests[i];
    ssize_t got =
        recv(guest->socket, (char *)&guest->part + guest->have, sizeof guest->part - guest->have, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
    guest->have += got > 0 ? (size_t)got : 0;
    if (got > 0 && guest->have < sizeof guest->part) return;
    /* Who knocks speaks first: whoever finds the port is not told the secret. */
    Message hello = message_of(heartbeat, SAY_HELLO);
    int rank = got > 0 && is_hello(heartbeat, &guest->part) ? guest->part.rank : 0;
    bool known = rank > 0 && heartbeat->peers[rank - 1].socket < 0 &&
                 send(guest->socket, &hello, sizeof hello, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof hello;
    if (known) {
        heartbeat->peers[rank - 1].heard = clock_now();
        heartbeat->peers[rank - 1].socket = guest->socket;
    }
    dismiss(heartbeat, i, !known);
}

void heartbeat_close(Heartbeat *heartbeat, double before) {
    while (heartbeat->guest_count > 0 && heartbeat->guests[0].until < before) dismiss(heartbeat, 0, true);
}

/* Connect to rank 0 at an address, and exchange hellos with it. */
static bool try_address(Heartbeat *heartbeat, const struct sockaddr *there, socklen_t size) {
    Message hello = message_of(heartbeat, SAY_HELLO), heard;
    int connection = socket(there->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0) return false;
    set_up(connection);
    if (connect(connection, there, size) != 0 ||
        send(connection, &hello, sizeof hello, MSG_NOSIGNAL) != (ssize_t)sizeof hello ||
        recv(connection, &heard, sizeof heard, MSG_WAITALL) != (ssize_t)sizeof heard || !is_hello(heartbeat, &heard) ||
        heard.rank != 0) {
        close(connection);
        return false;
    }
    heartbeat->peers[0].heard = clock_now();
    heartbeat->peers[0].socket = connection;
    return true;
}

static bool try_network(Heartbeat *heartbeat, uint32_t address, uint16_t port) {
    struct sockaddr_in there = place(address, port);
    return try_address(heartbeat, (struct sockaddr *)&there, sizeof there);
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

bool heartbeat_connect(Heartbeat *heartbeat, const Meeting *meeting) {
    const World *world = heartbeat->world;
    double start = clock_now();
    if (meeting->local_size > 0)
        return try_address(heartbeat, (const struct sockaddr *)&meeting->local, (socklen_t)meeting->local_size);
    if (meeting->count == 0) return false;
    if (world->node_of[0] == world->node_of[world->rank] &&
        try_network(heartbeat, htonl(INADDR_LOOPBACK), meeting->port))
        return true;
    /* Near addresses first: those of networks that this host does not have may swallow what is sent there. */
    for (int near = 1; near >= 0; near--)
        for (int i = 0; i < meeting->count && clock_now() - start < 4.0; i++)
            if (is_near(meeting->address[i]) == (near == 1) &&
                try_network(heartbeat, meeting->address[i], meeting->port))
                return true;
    return false;
}
