#ifndef LINNET_COMM_MESSAGES_H
#define LINNET_COMM_MESSAGES_H
/* A set of messages under way: receives, each of which belongs to a bucket, and sends, of which MPI is given only the
 * first few at a time: given all of them, it would send a piece of each in turn, and the bucket that is needed first
 * would arrive with the last. Not collective; an error of MPI or a lack of memory ends the job (world_abort()). */
#include "linnet/comm/world.h"

/* A send that waits for its turn. */
typedef struct {
    const void *from;
    int count, rank, tag;
    MPI_Datatype type;
} Outgoing;

typedef struct {
    const World *world; /* borrowed */
    size_t room;        /* elements allocated of each of the next five */
    MPI_Request *receives, *sends;
    Outgoing *queue; /* all sends of the set */
    int *bucket;     /* which bucket a receive is for */
    int *arrived;    /* buckets of the receives that messages_take() found done */
    int receive_count, received, send_count, started, ended, at_once;
    int64_t sent_messages, sent_bytes; /* of all sets */
} Messages;

/* Begin a set of at most `receives` and `sends` messages, of which at most `at_once` (1 or more) are being sent at a
 * time. The set before has to be done. */
void messages_begin(Messages *messages, const World *world, size_t receives, size_t sends, size_t at_once);
void messages_free(Messages *messages);

/* `into` and `from` hold `count` elements and stay the caller's; they are in use until the message is done. */
void messages_receive(Messages *messages, void *into, size_t count, MPI_Datatype type, int rank, int tag,
                      size_t bucket);
void messages_send(Messages *messages, const void *from, size_t count, MPI_Datatype type, int rank, int tag);

/* Let messages move, and start sends whose turn it is: the number of receives that are done now, whose buckets are
 * arrived[0 … n − 1]. Nearly free when the set is done. */
int messages_take(Messages *messages);

/* Whether all sends are done. */
bool messages_sent(const Messages *messages);

/* Room to allocate for what is needed now: a quarter more, since the next set may be a little larger. */
size_t messages_room(size_t needed);

#endif
