#ifndef LINNET_HEARTBEAT_HEARTBEAT_PRIVATE_H
#define LINNET_HEARTBEAT_HEARTBEAT_PRIVATE_H
/* The watch's parts: heartbeat_guard.c (before MPI has started), heartbeat.c (start, end, phases), heartbeat_loop.c (the thread),
 * heartbeat_net.c (connections and messages), heartbeat_end.c (how a run is ended). */
#include "linnet/comm/world.h"
#include "linnet/core/clock.h"
#include "linnet/heartbeat/heartbeat.h"
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef enum {
    SAY_HELLO, /* the first word of both sides of a connection */
    SAY_ALIVE,
    SAY_FAILED, /* a rank has told of a failure: end, without a line */
    SAY_LEAVE   /* the rank is done: its silence means nothing any more */
} Word;

/* What goes over a connection, one after the other. Ranks run one program on one kind of machine, as for MPI. */
typedef struct {
    uint64_t secret; /* of this run, so that no stranger is taken for a rank */
    int32_t word;    /* Word */
    int32_t rank;    /* of the sender */
    int32_t phase;   /* RunPhase */
    int32_t unused;
    int64_t step;
} Message;

/* A rank that this one listens to: rank 0 to all others, the others to rank 0. */
typedef struct {
    int rank;
    atomic_int socket; /* -1: none yet, or none any more */
    double heard;      /* seconds, when it last said a word */
    bool left;
    RunPhase phase;
    int64_t step;
    Message part; /* of which `have` bytes have arrived */
    size_t have;
} Peer;

/* Who has knocked at rank 0's listener and not said hello yet: a rank, or a stranger. */
typedef struct {
    int socket;
    double until; /* seconds; then it is a stranger */
    Message part; /* of which `have` bytes have arrived */
    size_t have;
} Guest;

struct Heartbeat {
    const World *world; /* borrowed */
    pthread_t thread;
    bool running; /* whether it could be started */
    int wake;     /* eventfd: the main thread has something to say */
    int listener; /* rank 0's, until all are connected */
    uint64_t secret;
    Peer *peers; /* [count] */
    int count;
    Guest *guests; /* [guest_room], of which guest_count are there, the oldest first; rank 0's */
    int guest_count, guest_room;
    struct pollfd *ready; /* [2 + count + guest_room], of the thread alone: wake, listener, peers, guests */
    double woken;         /* when this process was last found to have been stopped itself; seconds */
    pthread_mutex_t saying;
    sem_t told; /* posted when a failure has been passed on */

    /* from the main thread to the watching one */
    double phase_said;   /* seconds; the main thread's own */
    atomic_int limit_ms; /* 0: silence is never the end */
    atomic_int phase;
    atomic_llong step;
    atomic_bool settled; /* no more connections are to come */
    atomic_bool failing, stopping, leaving, closing;
};

/* Where rank 0 can be reached: on one host by a name that only this host has, else over the network. */
enum { HEARTBEAT_ADDRESSES = 16 };
typedef struct {
    uint64_t secret;
    struct sockaddr_un local;
    int32_t local_size;                    /* bytes of it; 0: none */
    int32_t count;                         /* of addresses; 0: none */
    uint32_t address[HEARTBEAT_ADDRESSES]; /* IPv4, network order */
    uint16_t port;                         /* network order */
} Meeting;

/* Start a thread that no signal is delivered to: they are the computing thread's. */
bool heartbeat_start_thread(pthread_t *thread, void *(*run)(void *), void *argument);
/* The thread. */
void *heartbeat_loop(void *heartbeat);
/* Wake the thread up. */
void heartbeat_wake(Heartbeat *heartbeat);

/* Rank 0: open a listener and say where; the meeting stays as it was where that fails. */
void heartbeat_listen(Heartbeat *heartbeat, Meeting *meeting);
/* The others: connect to rank 0 at one of its addresses; false where none answers. Takes at most some seconds. */
bool heartbeat_connect(Heartbeat *heartbeat, const Meeting *meeting);
/* Rank 0: let in whoever knocks. Nothing here waits for him. */
void heartbeat_accept(Heartbeat *heartbeat);
/* Rank 0: hear a guest, who is taken for the rank that he proves to be, or sent away. */
void heartbeat_receive_pending(Heartbeat *heartbeat, int guest);
/* Rank 0: send the guests away whose time was over before this one (seconds). */
void heartbeat_close(Heartbeat *heartbeat, double before);
/* Say a word to a peer; what cannot be said at once is dropped. */
void heartbeat_send(Heartbeat *heartbeat, Peer *peer, Word word);

typedef enum { HEARD_NOTHING, HEARD_WORD, HEARD_END } Heard;
/* The next whole message of a peer; HEARD_END when its connection is closed or not that of a rank. */
Heard heartbeat_receive(const Heartbeat *heartbeat, Peer *peer, Message *message);
void phase_text(RunPhase phase, int64_t step, char text[HEARTBEAT_PHASE_TEXT]);

/* A process's name, state, parent, and the time it was started, as /proc/PID/stat has them; false where there is none. */
typedef struct {
    char name[32], state;
    long parent;
    unsigned long long started;
} Process;
bool process_read(long pid, Process *process);

/* End this process, and with it the run: after the line on what became of a peer, or without one. */
_Noreturn void heartbeat_end_telling(const Heartbeat *heartbeat, const Peer *peer, const char *cause);
_Noreturn void heartbeat_end_silently(void);
/* Have the launcher (mpirun, or its daemon on this host) ended some seconds from now if it is still there then. */
void heartbeat_end_launcher(void);

#endif
