/* Memory shared by the ranks of a node. */
#include "linnet/comm/shared.h"
#include "mpi/check.h"

enum { BYTES = 10000 };

static unsigned char pattern(int owner, int writer, size_t i) {
    return (unsigned char)(17 * owner + 5 * writer + (int)(i % 199));
}

static void synchronize(const World *world, const Shared *shared) {
    shared_fence(shared);
    MPI_Barrier(world->node);
    shared_fence(shared);
}

/** Blocks of other sizes a rank; the last rank of a node with several has none. */
static size_t size_of(const World *world, int node_rank) {
    return node_rank > 0 && node_rank == world->node_size - 1 ? 0 : (size_t)(BYTES + 100 * node_rank);
}

static bool holds(const World *world, const Shared *shared, int owner, int writer) {
    const unsigned char *block = shared_block(shared, owner);
    for (size_t i = 0; i < size_of(world, owner); i++)
        if (block[i] != pattern(owner, writer, i)) return false;
    return true;
}

static void fill(const World *world, const Shared *shared, int owner, int writer) {
    unsigned char *block = shared_block(shared, owner);
    for (size_t i = 0; i < size_of(world, owner); i++) block[i] = pattern(owner, writer, i);
}

static void test_neighbours_read_and_write(const World *world) {
    Shared *shared = NULL;
    Error error = {0};
    int me = world->node_rank, next = (me + 1) % world->node_size;
    CHECK(shared_create(&shared, world, size_of(world, me), &error) == STATUS_OK);
    FINE(world, &error);
    for (int r = 0; r < world->node_size; r++) {
        const unsigned char *block = shared_block(shared, r);
        CHECK((uintptr_t)block % 64 == 0);
        bool zero = true;
        for (size_t i = 0; i < size_of(world, r); i++) zero = zero && block[i] == 0;
        CHECK(zero);
    }
    synchronize(world, shared);
    fill(world, shared, me, me); /* each its own block, which all the others read */
    synchronize(world, shared);
    for (int r = 0; r < world->node_size; r++) CHECK(holds(world, shared, r, r));
    synchronize(world, shared);
    fill(world, shared, next, me); /* and each in its neighbour's */
    synchronize(world, shared);
    for (int r = 0; r < world->node_size; r++)
        CHECK(holds(world, shared, r, (r + world->node_size - 1) % world->node_size));
    synchronize(world, shared);
    shared_destroy(shared);
}

/** Where one rank turns sharing off, every rank becomes a node of its own. */
static void test_choice(World *world) {
    int sharing = world->node_size;
    unsetenv("LINNET_SHARED_MEMORY");
    shared_choose(world, 1);
    CHECK(world->node_size == sharing);
    if (world->rank == world->size - 1) setenv("LINNET_SHARED_MEMORY", "0", 1); /* one rank decides for all */
    shared_choose(world, 1);
    CHECK(world->node_size == 1 && world->nodes == world->size);
    unsetenv("LINNET_SHARED_MEMORY");
}

/** More than any machine has. */
static void test_too_much(World *world) {
    if (access("/dev/shm", F_OK) != 0) return;
    shared_choose(world, SIZE_MAX);
    CHECK(world->node_size == 1);
}

int main(void) {
    World *world = check_start();
    for (NodesKind kind = 0; kind < NODES_ARRANGEMENTS; kind++) {
        check_arrange(world, kind);
        test_neighbours_read_and_write(world);
    }
    shared_destroy(NULL);
    check_arrange(world, 0);
    test_too_much(world);
    check_arrange(world, 0);
    test_choice(world);
    return check_finish(world);
}
