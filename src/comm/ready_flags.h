#ifndef LINNET_COMM_READY_FLAGS_H
#define LINNET_COMM_READY_FLAGS_H
/* Ready flags: how far each rank of a node is with each bucket, for the other ranks of the node to see. A flag holds the
 * number of the last update in which its rank was ready. What a rank wrote to shared memory before it set its flag can be
 * read by a rank that has seen the flag. */
#include "linnet/comm/shared.h"
#include <stdint.h>

typedef struct {
    const World *world; /* borrowed */
    Shared *shared;     /* [buckets] of every rank */
} ReadyFlags;

/* All flags are 0, less than any update's number. Collective, and the end as well. */
Status ready_flags_create(ReadyFlags *flags, const World *world, size_t buckets, Error *error);
void ready_flags_destroy(ReadyFlags *flags);

/* This rank is ready with a bucket of an update. Not collective. */
void ready_flags_set(const ReadyFlags *flags, size_t bucket, uint64_t update);

/* Whether all ranks of the node are. Not collective. */
bool ready_flags_all(const ReadyFlags *flags, size_t bucket, uint64_t update);

#endif
