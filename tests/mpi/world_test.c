/* Ranks, nodes, agreement and sums. */
#include "mpi/check.h"
#include <math.h>

static void test_ranks(const World *world) {
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    CHECK(world->rank == rank && world->size == size);
    CHECK(world->nodes == 1 && world->node_size == size);
    for (int r = 0; r < size; r++) CHECK(world->node_of[r] == 0 && world->local_of[r] == r);
    CHECK(strlen(world->host) > 0);
}

/** Every possible set of failing ranks: all ranks get the error of the lowest one. */
static void test_agree(const World *world) {
    static const Status statuses[] = {STATUS_INPUT, STATUS_FAILURE, STATUS_STOPPED, STATUS_FAILURE};
    for (unsigned set = 0; set < 1U << world->size; set++) {
        Error error = {0};
        char expected[64] = "";
        int lowest = 0;
        while (set != 0 && (set >> lowest & 1) == 0) lowest++;
        if ((set >> world->rank & 1) != 0)
            error_set(&error, statuses[world->rank % 4], "rank %d met %u", world->rank, set);
        Status status = world_agree(world, &error, false);
        if (set != 0) snprintf(expected, sizeof expected, "rank %d met %u", lowest, set);
        CHECK(status == (set == 0 ? STATUS_OK : statuses[lowest % 4]));
        CHECK(error.status == status);
        CHECK(strcmp(error.message, expected) == 0);
    }
}

static void test_broadcast(const World *world) {
    enum { SIZE = 100003 };
    unsigned char *bytes = check_allocate(world, SIZE + 1, 1);
    for (size_t i = 0; i <= SIZE; i++) bytes[i] = world->rank == 0 ? (unsigned char)(i % 251) : 255;
    world_broadcast(world, bytes, SIZE);
    bool same = true;
    for (size_t i = 0; i < SIZE; i++) same = same && bytes[i] == i % 251;
    CHECK(same);
    CHECK(world->rank == 0 || bytes[SIZE] == 255);
    world_broadcast(world, bytes, 0);
    memory_free(bytes);
}

static void test_broadcast_text(const World *world, size_t length) {
    char *expected = check_allocate(world, length + 1, 1), *text = world->rank == 0 ? expected : NULL;
    Error error = {0};
    for (size_t i = 0; i < length; i++) expected[i] = (char)('a' + i % 23);
    CHECK(world_broadcast_text(world, &text, &error) == STATUS_OK);
    CHECK(text != NULL && strcmp(text, expected) == 0);
    CHECK(world->rank != 0 || text == expected); /* rank 0 keeps its own */
    if (text != expected) memory_free(text);
    memory_free(expected);
}

static void test_sums(const World *world) {
    enum { COUNT = 1000 };
    int64_t integers[COUNT], most[COUNT], ranks = world->size;
    double *doubles = check_allocate(world, COUNT, sizeof *doubles);
    for (int64_t i = 0; i < COUNT; i++) {
        integers[i] = (world->rank + 1) * i - ((int64_t)1 << 40);
        most[i] = (world->rank + i) % world->size - 5;
        doubles[i] = i % ranks == world->rank ? 1.0 / (double)(i + 3) : 0.0; /* one rank has it */
    }
    world_sum_integers(world, integers, COUNT);
    world_max_integers(world, most, COUNT);
    if (world->rank == world->size - 1) { /* one that is not finite comes to all ranks */
        doubles[COUNT - 1] = (double)NAN;
        doubles[COUNT - 2] = (double)INFINITY;
    } else {
        doubles[COUNT - 1] = doubles[COUNT - 2] = 0.0;
    }
    world_sum_doubles(world, doubles, COUNT);
    CHECK(isnan(doubles[COUNT - 1]) && doubles[COUNT - 2] == (double)INFINITY);
    for (int64_t i = 0; i < COUNT; i++) {
        CHECK(integers[i] == ranks * (ranks + 1) / 2 * i - ranks * ((int64_t)1 << 40));
        CHECK(most[i] == ranks - 1 - 5);
        CHECK(i >= COUNT - 2 || doubles[i] == 1.0 / (double)(i + 3));
    }
    memory_free(doubles);
}

static void test_isolate(World *world) {
    int size;
    world_isolate(world);
    MPI_Comm_size(world->node, &size);
    CHECK(size == 1 && world->node_size == 1 && world->node_rank == 0);
    CHECK(world->nodes == world->size);
    for (int r = 0; r < world->size; r++) CHECK(world->node_of[r] == r && world->local_of[r] == 0);
    world_isolate(world); /* twice is once */
    CHECK(world->nodes == world->size);
}

int main(void) {
    World *world = check_start();
    test_ranks(world);
    test_agree(world);
    test_broadcast(world);
    test_broadcast_text(world, 0);
    test_broadcast_text(world, 100000);
    test_sums(world);
    test_isolate(world);
    test_agree(world);
    test_sums(world);
    return check_finish(world);
}
