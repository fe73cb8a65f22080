#ifndef LINNET_COMM_MESSAGES_H
#define LINNET_COMM_MESSAGES_H
/* A set of messages under way: receives, each of which belongs to a bucket, and sends, of which only the first few are
 * given to MPI at a time: given all of them, it would send a piece of each in turn, and what is needed first would
 * arrive with the last. Not collective; what MPI or the system refuses ends the job (world_abort()). */
#include "linnet/comm/world.h"

/* A send that waits for its turn. */
typedef struct {
    const void *from;
    int count, rank, tag;
    MPI_Datatype type;
} Outgoing;

typedef struct {
    MPI_Request *receives, *sends;
    Outgoing *queue; /* [send_count] all sends of the set */
    int *bucket;     /* [receive room] which bucket a receive is for */
    int *arrived;    /* [arrived_room: the larger room] scratch */
    int receive_count, received;
    int send_count, started, ended, at_once;
    size_t receive_room, send_room, arrived_room;
} Messages;

/* Begin a set of at most so many messages, at most `at_once` (1 or more) sends under way at a time. The set before has
 * to be at its end. */
void messages_begin(Messages *messages, const World *world, size_t receives, size_t sends, size_t at_once);
void messages_free(Messages *messages);

void messages_receive(Messages *messages, const World *world, void *into, size_t count, MPI_Datatype type, int rank,
                      int tag, size_t bucket);
void messages_send(Messages *messages, const World *world, const void *from, size_t count, MPI_Datatype type, int rank,
                   int tag);

/* Let messages move, and start sends whose turn it is: the number of receives that ended, whose buckets are arrived[0 …
 * n − 1]. Nearly free when the set is at its end. */
int messages_take(Messages *messages, const World *world);

/* Whether all sends are at their end. */
bool messages_sent(const Messages *messages);

#endif
