/* The constants of links: measured where there are such ranks, and the same on all ranks. */
#include "linnet/comm/links.h"
#include "linnet/core/clock.h"
#include "mpi/check.h"

static bool same(const World *world, const Link *link) {
    Link first = *link;
    world_broadcast(world, &first, sizeof first);
    return memcmp(&first, link, sizeof first) == 0;
}

/** Computing that polls a hundred times. */
static void compute(void *context, void (*poll)(void *poll_context), void *poll_context) {
    for (int i = 0; i < 100; i++) {
        for (double until = clock_now() + 1e-4; clock_now() < until;) continue;
        poll(poll_context);
        ++*(int *)context;
    }
}

static void test_links(World *world, NodesKind kind) {
    Error error = {0};
    Link node, network;
    int calls = 0;
    const LinkWork work = {compute, &calls, 1 << 20};
    check_arrange(world, kind);
    CHECK(links_measure(world, &work, &node, &network, &error) == STATUS_OK);
    FINE(world, &error);
    int64_t neighbours = world->node_size > 1 && world->rank == 0;
    world_max_integers(world, &neighbours, 1);
    CHECK((node.latency > 0.0 && node.overhead > 0.0) == (neighbours != 0));
    CHECK(node.bandwidth == 0.0 && node.overlapped_bandwidth == 0.0 && node.overhead_per_byte == 0.0);
    bool several = world->nodes > 1;
    CHECK((network.latency > 0.0 && network.overhead > 0.0 && network.bandwidth > 0.0) == several);
    CHECK((network.overlapped_bandwidth > 0.0) == several && (calls > 0) == several);
    CHECK(network.overhead_per_byte >= 0.0 && network.overhead_per_byte * network.overlapped_bandwidth <= world->size);
    CHECK(same(world, &node) && same(world, &network));
}

int main(void) {
    World *world = check_start();
    if (world->size >= 3)
        test_links(world, NODES_OF_TWO);
    else
        test_links(world, NODES_ONE);
    test_links(world, NODES_ALONE);
    return check_finish(world);
}
