#ifndef LINNET_MESSAGES_H
#define LINNET_MESSAGES_H
/* A set of messages under way: receives, each of which belongs to a bucket, and sends. Not collective; what MPI or the
 * system refuses ends the job (world_abort()). */
#include "linnet/world.h"

typedef struct {
    MPI_Request *receives, *sends;
    int *bucket;  /* [receive room] which bucket a receive is for */
    int *arrived; /* [receive room] scratch */
    int receive_count, send_count;
    size_t receive_room, send_room;
} Messages;

/* Start a set of at most so many messages. The one before has to be at its end. */
void messages_begin(Messages *messages, const World *world, size_t receives, size_t sends);
void messages_free(Messages *messages);

void messages_receive(Messages *messages, const World *world, void *into, size_t count, MPI_Datatype type, int rank,
                      int tag, size_t bucket);
void messages_send(Messages *messages, const World *world, const void *from, size_t count, MPI_Datatype type, int rank,
                   int tag);

/* Let messages move: the number of receives that ended, whose buckets are arrived[0 … n − 1]. */
int messages_take(Messages *messages, const World *world);

/* Whether all sends are at their end. */
bool messages_sent(Messages *messages, const World *world);

#endif
