/* Messages under way, a few sends at a time. See messages.h. */
#include "comm/messages.h"

#include "linnet/core/integers.h"
#include "linnet/core/memory.h"

static void grow(const World *world, void **array, size_t count, size_t size) {
    Error error = {0};
    memory_free(*array);
    *array = memory_allocate(count, size, &error);
    if (!*array) world_abort(world, &error);
}

size_t messages_room(size_t needed) {
    return needed + needed / 4;
}

void messages_begin(Messages *m, const World *world, size_t receives, size_t sends, size_t at_once) {
    m->receive_count = m->received = m->send_count = m->started = m->ended = 0;
    m->at_once = (int)at_once;
    if (receives > m->receive_room) {
        m->receive_room = messages_room(receives);
        grow(world, (void **)&m->receives, m->receive_room, sizeof *m->receives);
        grow(world, (void **)&m->bucket, m->receive_room, sizeof *m->bucket);
    }
    if (sends > m->send_room) {
        m->send_room = messages_room(sends);
        grow(world, (void **)&m->sends, m->send_room, sizeof *m->sends);
        grow(world, (void **)&m->queue, m->send_room, sizeof *m->queue);
    }
    size_t most = size_max(m->receive_room, m->send_room);
    if (most > m->arrived_room) grow(world, (void **)&m->arrived, m->arrived_room = most, sizeof *m->arrived);
}

void messages_free(Messages *m) {
    memory_free(m->receives);
    memory_free(m->sends);
    memory_free(m->queue);
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

/* Give MPI the sends whose turn it is. */
static void start_sends(Messages *m, const World *world) {
    for (; m->started < m->send_count && m->started - m->ended < m->at_once; m->started++) {
        const Outgoing *next = &m->queue[m->started];
        world_check(
            world,
            MPI_Isend(next->from, next->count, next->type, next->rank, next->tag, world->comm, &m->sends[m->started]),
            "MPI_Isend");
    }
}

void messages_send(Messages *m, const World *world, const void *from, size_t count, MPI_Datatype type, int rank,
                   int tag) {
    int size = 0;
    world_check(world, MPI_Type_size(type, &size), "MPI_Type_size");
    m->queue[m->send_count++] = (Outgoing){from, (int)count, rank, tag, type};
    m->sent_messages++;
    m->sent_bytes += (int64_t)count * size;
    start_sends(m, world);
}

/* How many of `count` requests are done now, of which `before` were done before. */
static int test_some(Messages *m, const World *world, MPI_Request *requests, int count, int before) {
    int ended = 0;
    if (count == before) return 0;
    world_check(world, MPI_Testsome(count, requests, &ended, m->arrived, MPI_STATUSES_IGNORE), "MPI_Testsome");
    return ended;
}

int messages_take(Messages *m, const World *world) {
    m->ended += test_some(m, world, m->sends, m->started, m->ended);
    start_sends(m, world);
    int arrived = test_some(m, world, m->receives, m->receive_count, m->received);
    m->received += arrived;
    for (int i = 0; i < arrived; i++) m->arrived[i] = m->bucket[m->arrived[i]];
    return arrived;
}

bool messages_sent(const Messages *m) {
    return m->ended == m->send_count;
}
