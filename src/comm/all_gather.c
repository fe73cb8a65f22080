/* New values, from the owners to all. Every owner sends its part once to each other node, where its node leader receives
 * it into the node's memory; a rank whose own part is written and whose messages have arrived shows a sign to its
 * neighbours. */
#include "comm/reduction_private.h"

#include <sched.h>

/* This rank's share of a bucket is there, its own part and what it receives: tell the neighbours. */
static void show(Reduction *r, size_t bucket) {
    BucketState *state = &r->state[bucket];
    if (!state->written || state->coming > 0) return;
    shared_fence(r->shared);
    atomic_store_explicit(reduction_ready_flag(r, r->world->node_rank, 1, bucket), r->gathering, memory_order_release);
}

/* Receive what `owner`, elsewhere, makes of its parts. */
static void receive_from(Reduction *r, int owner) {
    for (size_t b = 0; b < r->gathered; b++) {
        size_t first, length;
        reduction_part_of(r, b, owner, &first, &length);
        if (length == 0) continue;
        messages_receive(&r->parameters, r->world, r->values + first, length, MPI_FLOAT, owner, (int)b, b);
        r->state[b].coming++;
    }
}

void reduction_all_gather_begin(Reduction *r, float *values, size_t buckets) {
    const World *world = r->world;
    int here = world->node_of[world->rank];
    r->gathering = r->update;
    r->values = values;
    r->gathered = buckets;
    for (size_t b = 0; b < buckets; b++) {
        r->state[b].written = r->state[b].there = false;
        r->state[b].coming = 0;
    }
    size_t others = (size_t)(world->size - world->node_size);
    /* Two a node at a time: while one is agreed on the other travels. */
    messages_begin(&r->parameters, world, buckets * others, buckets * (size_t)(world->nodes - 1),
                   2 * (size_t)world->nodes);
    for (int owner = 0; owner < world->size; owner++)
        if (!reduction_is_neighbour(r, owner) && reduction_node_leader(r, here, owner) == world->rank)
            receive_from(r, owner);
}

void reduction_all_gather_bucket(Reduction *r, size_t bucket) {
    const World *world = r->world;
    size_t first, length;
    reduction_owned(r, bucket, &first, &length);
    for (int node = 0; node < world->nodes && length > 0; node++)
        if (node != world->node_of[world->rank])
            messages_send(&r->parameters, world, r->values + first, length, MPI_FLOAT,
                          reduction_node_leader(r, node, world->rank), (int)bucket);
    r->state[bucket].written = true;
    show(r, bucket);
}

void all_gather_progress(Reduction *r) {
    int arrived = messages_take(&r->parameters, r->world);
    for (int i = 0; i < arrived; i++) {
        size_t bucket = (size_t)r->parameters.arrived[i];
        if (--r->state[bucket].coming == 0) show(r, bucket);
    }
}

void reduction_all_gather_await(Reduction *r, size_t bucket) {
    BucketState *state = &r->state[bucket];
    if (r->gathering == 0 || state->there) return;
    double start = MPI_Wtime();
    all_gather_progress(r);
    while (!reduction_node_shows(r, 1, bucket, r->gathering)) {
        sched_yield(); /* whom this rank waits for may need the core */
        all_gather_progress(r);
    }
    shared_fence(r->shared);
    state->there = true;
    r->waited += MPI_Wtime() - start;
}

void reduction_all_gather_end(Reduction *r) {
    for (size_t b = 0; b < r->gathered; b++) reduction_all_gather_await(r, b);
    double start = MPI_Wtime();
    while (!messages_sent(&r->parameters)) all_gather_progress(r);
    r->waited += MPI_Wtime() - start;
}
