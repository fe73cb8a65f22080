/* Messages under way: each arrives at its rank and is reported once with its bucket, whatever the size of a set, and
 * MPI is given only so many at a time. */
#include "comm/messages.h"
#include "mpi/check.h"

enum { MOST = 25, FLOATS = 20000 /* too many for MPI to send before they are received */ };

static float value_of(int rank, int message, int set) {
    return (float)(rank * 1000 + message * 10 + set);
}

/** One set: each rank sends to the next and receives from the one before. */
static void test_set(const World *world, Messages *messages, int set, int count, int at_once) {
    int next = (world->rank + 1) % world->size, before = (world->rank + world->size - 1) % world->size;
    int told[MOST] = {0}, arrived = 0;
    float *in = check_allocate(world, (size_t)count * FLOATS, sizeof *in);
    float *out = check_allocate(world, (size_t)count * FLOATS, sizeof *out);
    for (int i = 0; i < count; i++)
        for (size_t k = 0; k < FLOATS; k++) out[(size_t)i * FLOATS + k] = value_of(world->rank, i, set);
    messages_begin(messages, world, (size_t)count, (size_t)count, (size_t)at_once);
    for (int i = 0; i < count; i++)
        messages_receive(messages, in + (size_t)i * FLOATS, FLOATS, MPI_FLOAT, before, i, (size_t)(count - 1 - i));
    for (int i = 0; i < count; i++) messages_send(messages, out + (size_t)i * FLOATS, FLOATS, MPI_FLOAT, next, i);
    CHECK(messages->started <= at_once + messages->ended);
    while (arrived < count || !messages_sent(messages)) {
        int some = messages_take(messages);
        CHECK(messages->started - messages->ended <= at_once);
        for (int i = 0; i < some; i++) told[messages->arrived[i]]++;
        arrived += some;
    }
    CHECK(arrived == count && messages->started == count);
    for (int i = 0; i < count; i++) {
        CHECK(told[i] == 1);
        CHECK(in[(size_t)i * FLOATS] == value_of(before, i, set) &&
              in[(size_t)(i + 1) * FLOATS - 1] == value_of(before, i, set));
    }
    memory_free(in);
    memory_free(out);
}

/** There is room for all receives and for all sends, in whatever order the sets grow. */
static void test_room(const World *world) {
    static const struct {
        size_t receives, sends;
    } sets[] = {{0, 0}, {1, 16}, {20, 3}, {25, 3}, {2, 40}, {0, 45}, {50, 0}, {62, 70}};
    Messages messages = {0};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        messages_begin(&messages, world, sets[i].receives, sets[i].sends, 1);
        CHECK(messages.room >= sets[i].receives && messages.room >= sets[i].sends);
        CHECK(messages_sent(&messages) && messages_take(&messages) == 0);
    }
    messages_free(&messages);
}

int main(void) {
    World *world = check_start();
    static const int counts[] = {4, 16, 0, 20, MOST, 1};
    Messages messages = {0};
    for (int set = 0; set < 6; set++) test_set(world, &messages, set, counts[set], 1 + set % 3);
    messages_free(&messages);
    test_room(world);
    return check_finish(world);
}
