/* Messages under way. See messages.h. */
#include "comm/messages.h"

#include "linnet/memory.h"

static void grow(const World *world, void **array, size_t count, size_t size) {
    Error error = {0};
    memory_free(*array);
    *array = memory_allocate(count, size, &error);
    if (*array == NULL) world_abort(world, &error);
}

void messages_begin(Messages *m, const World *world, size_t receives, size_t sends) {
    m->receive_count = m->send_count = 0;
    if (receives > m->receive_room) {
        m->receive_room = receives + receives / 4; /* the next window may need some more */
        grow(world, (void **)&m->receives, m->receive_room, sizeof *m->receives);
        grow(world, (void **)&m->bucket, m->receive_room, sizeof *m->bucket);
        grow(world, (void **)&m->arrived, m->receive_room, sizeof *m->arrived);
    }
    if (sends > m->send_room) {
        m->send_room = sends + sends / 4;
        grow(world, (void **)&m->sends, m->send_room, sizeof *m->sends);
    }
}

void messages_free(Messages *m) {
    memory_free(m->receives);
    memory_free(m->sends);
    memory_free(m->bucket);
    memory_free(m->arrived);
    *m = (Messages){0};
}

void messages_receive(Messages *m, const World *world, void *into, size_t count, MPI_Datatype type, int rank, int tag,
                      size_t bucket) {
    m->bucket[m->receive_count] = (int)bucket;
    world_check(world, MPI_Irecv(into, (int)count, type, rank, tag, world->comm, &m->receives[m->receive_count++]),
                "MPI_Irecv");
}

void messages_send(Messages *m, const World *world, const void *from, size_t count, MPI_Datatype type, int rank,
                   int tag) {
    world_check(world, MPI_Isend(from, (int)count, type, rank, tag, world->comm, &m->sends[m->send_count++]),
                "MPI_Isend");
}

int messages_take(Messages *m, const World *world) {
    int arrived = 0;
    if (m->receive_count == 0) return 0;
    world_check(world, MPI_Testsome(m->receive_count, m->receives, &arrived, m->arrived, MPI_STATUSES_IGNORE),
                "MPI_Testsome");
    if (arrived == MPI_UNDEFINED) return 0; /* nothing is outstanding any more */
    for (int i = 0; i < arrived; i++) m->arrived[i] = m->bucket[m->arrived[i]];
    return arrived;
}

bool messages_sent(Messages *m, const World *world) {
    int done = 1;
    if (m->send_count > 0)
        world_check(world, MPI_Testall(m->send_count, m->sends, &done, MPI_STATUSES_IGNORE), "MPI_Testall");
    if (done) m->send_count = 0;
    return done != 0;
}
