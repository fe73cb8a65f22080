/* Messages under way, a few sends at a time. See messages.h. */
#include "comm/messages.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"

size_t messages_room(size_t needed) {
    return needed + needed / 4;
}

void messages_begin(Messages *m, const World *world, size_t receives, size_t sends, size_t at_once) {
    m->world = world;
    m->receive_count = m->received = m->send_count = m->started = m->ended = 0;
    m->at_once = (int)at_once;
    if (size_max(receives, sends) <= m->room) return;
    Error error = {0};
    messages_free(m);
    m->room = messages_room(size_max(receives, sends));
    m->receives = memory_allocate(m->room, sizeof *m->receives, &error);
    m->sends = memory_allocate(m->room, sizeof *m->sends, &error);
    m->queue = memory_allocate(m->room, sizeof *m->queue, &error);
    m->bucket = memory_allocate(m->room, sizeof *m->bucket, &error);
    m->arrived = memory_allocate(m->room, sizeof *m->arrived, &error);
    if (error.status) world_abort(world, &error);
}

void messages_free(Messages *m) {
    memory_free(m->receives);
    memory_free(m->sends);
    memory_free(m->queue);
    memory_free(m->bucket);
    memory_free(m->arrived);
}

void messages_receive(Messages *m, void *into, size_t count, MPI_Datatype type, int rank, int tag, size_t bucket) {
    MPI_Request *request = &m->receives[m->receive_count];
    m->bucket[m->receive_count++] = (int)bucket;
    world_check(m->world, MPI_Irecv(into, (int)count, type, rank, tag, m->world->comm, request), "MPI_Irecv");
}

/* Give MPI the sends whose turn it is. */
static void start_sends(Messages *m) {
    for (; m->started < m->send_count && m->started - m->ended < m->at_once; m->started++) {
        const Outgoing *o = &m->queue[m->started];
        MPI_Request *request = &m->sends[m->started];
        world_check(m->world, MPI_Isend(o->from, o->count, o->type, o->rank, o->tag, m->world->comm, request),
                    "MPI_Isend");
    }
}

void messages_send(Messages *m, const void *from, size_t count, MPI_Datatype type, int rank, int tag) {
    int size = 0;
    world_check(m->world, MPI_Type_size(type, &size), "MPI_Type_size");
    m->queue[m->send_count++] = (Outgoing){from, (int)count, rank, tag, type};
    m->sent_messages++;
    m->sent_bytes += (int64_t)count * size;
    start_sends(m);
}

/* How many of `count` requests are done now, of which `before` were done before. */
static int test_some(Messages *m, MPI_Request *requests, int count, int before) {
    MPI_Status *volatile none = MPI_STATUSES_IGNORE; /* MPICH's is no address, and gcc warns where it sees that */
    int ended = 0;
    if (count == before) return 0;
    world_check(m->world, MPI_Testsome(count, requests, &ended, m->arrived, none), "MPI_Testsome");
    return ended;
}

int messages_take(Messages *m) {
    m->ended += test_some(m, m->sends, m->started, m->ended);
    start_sends(m);
    int arrived = test_some(m, m->receives, m->receive_count, m->received);
    m->received += arrived;
    for (int i = 0; i < arrived; i++) m->arrived[i] = m->bucket[m->arrived[i]];
    return arrived;
}

bool messages_sent(const Messages *m) {
    return m->ended == m->send_count;
}
