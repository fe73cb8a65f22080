#ifndef LINNET_HEARTBEAT_HEARTBEAT_PRIVATE_H
#define LINNET_HEARTBEAT_HEARTBEAT_PRIVATE_H
/* The parts of the heartbeat: job.c (start and end of MPI and of the heartbeats), heartbeat.c (what the computing
 * thread calls), heartbeat_loop.c (the thread), heartbeat_net.c (connections and messages), heartbeat_end.c (how a run
 * ends). */
#include "linnet/comm/world.h"
#include "linnet/core/clock.h"
#include "linnet/heartbeat/heartbeat.h"
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef enum {
    MESSAGE_HELLO, /* the first one of both sides of a connection */
    MESSAGE_ALIVE,
    MESSAGE_FAILED, /* a rank has reported a failure: end, without a line */
    MESSAGE_LEAVE   /* the rank is done: its silence means nothing any more */
} MessageKind;

/* What goes over a connection, one after the other. Ranks run one program on one kind of machine, as for MPI. */
typedef struct {
    uint64_t secret; /* of this run, so that no other program is taken for a rank */
    int32_t kind;    /* MessageKind */
    int32_t rank;    /* of the sender */
    int32_t phase;   /* RunPhase */
    int32_t unused;
    int64_t step;
} Message;

/* A rank that this one receives from (all others for rank 0, rank 0 for the others), or a connection to rank 0's
 * listener over which no hello has come yet, of a rank or of another program. */
typedef struct {
    int rank;
    atomic_int socket;    /* -1: not connected yet, or no more */
    double last_received; /* seconds, when its last message came, or the connection was accepted */
    bool left;
    RunPhase phase;
    int64_t step;
    Message part; /* of which `have` bytes have arrived */
    size_t have;
} Peer;

typedef struct {
    const World *world; /* borrowed */
    pthread_t thread;
    bool running; /* whether the thread could be started */
    int wake;     /* eventfd: the computing thread wants something */
    int listener; /* rank 0's, until all are connected */
    uint64_t secret;
    Peer *peers; /* [count] */
    int count;
    Peer *pending; /* [pending_room], of which pending_count are there, the oldest first; rank 0's */
    int pending_count, pending_room;
    struct pollfd *ready; /* [2 + count + pending_room], the thread's own: wake, listener, peers, pending connections */
    double woken;         /* seconds, when this process was last found to have been suspended itself */
    pthread_mutex_t sending;
    sem_t failure_sent; /* posted when the peers have been told of a failure */

    /* from the computing thread to the other */
    double phase_sent;         /* seconds; the computing thread's own */
    atomic_int limit_ms;       /* 0: silence is never the end */
    atomic_bool all_connected; /* no more connections are to come */
    atomic_bool failing, stopping, leaving, closing;
} Heartbeat;

/* Milliseconds that one address, or one pending connection, may take to answer. Most addresses that cannot be reached
 * are refused at once. */
enum { HEARTBEAT_ANSWER_MS = 1500 };

/* Where rank 0 can be reached: within a host by a name that only this host has, else over the network. */
enum { HEARTBEAT_ADDRESSES = 16 };
typedef struct {
    uint64_t secret;
    struct sockaddr_un local;
    int32_t local_size;                    /* bytes of it; 0: none */
    int32_t count;                         /* of addresses; 0: none */
    uint32_t address[HEARTBEAT_ADDRESSES]; /* IPv4, network order */
    uint16_t port;                         /* network order */
} Endpoint;

/* Start the heartbeats and hook them into the world; where ranks cannot connect to rank 0 a warning says so, and there
 * are none. Collective. */
Status heartbeat_start(World *world, Error *error);
/* After MPI has ended: wait until all ranks are as far, and end the heartbeats. Collective, but without MPI. */
void heartbeat_finish(World *world);

/* The thread; wake it up. */
void *heartbeat_loop(void *heartbeat);
void heartbeat_wake(Heartbeat *heartbeat);

/* Rank 0: open a listener and say where; the endpoint stays as it was where that fails. */
void heartbeat_listen(Heartbeat *heartbeat, Endpoint *endpoint);
/* The others: connect to rank 0 at one of its addresses; false where none answers. Takes some seconds at most. */
bool heartbeat_connect(Heartbeat *heartbeat, const Endpoint *endpoint);
/* Rank 0: accept a connection. It is pending then: nothing here waits for it. */
void heartbeat_accept(Heartbeat *heartbeat);
/* Rank 0: receive from a pending connection, which becomes a rank's if it proves to be one, or is closed. */
void heartbeat_receive_pending(Heartbeat *heartbeat, int pending);
/* Rank 0: close the pending connections that were accepted before a time (seconds). */
void heartbeat_close_pending(Heartbeat *heartbeat, double before);
/* Send a message to all peers; one that cannot be sent at once is dropped. */
void heartbeat_send(Heartbeat *heartbeat, MessageKind kind);

typedef enum { RECEIVED_NOTHING, RECEIVED_MESSAGE, RECEIVED_END } Received;
/* Receive the next complete message of a peer into peer->part; RECEIVED_END when its connection is closed or not that
 * of a rank. */
Received heartbeat_receive(const Heartbeat *heartbeat, Peer *peer);

/* End this process, and with it the run: after a line on what became of a peer, or without one. */
_Noreturn void heartbeat_end_reporting(const Heartbeat *heartbeat, const Peer *peer, const char *cause);
_Noreturn void heartbeat_end_silently(void);
/* Kill the launcher's processes above this one some seconds from now unless they have ended by then. With
 * `announce` a line in the log says so now. */
void heartbeat_end_launcher(bool announce);

#endif
