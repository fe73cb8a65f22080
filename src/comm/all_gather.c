/* New values on their way from the owners to all ranks. See all_gather.h. */
#include "comm/all_gather.h"
#include "linnet/core/clock.h"
#include "linnet/core/memory.h"
#include <sched.h>

Status all_gather_create(AllGather *g, const World *world, const ReductionLayout *layout, Error *error) {
    *g = (AllGather){.world = world, .layout = layout};
    g->state = memory_allocate(layout->buckets, sizeof *g->state, error);
    return shared_create(&g->flags, world, layout->buckets * sizeof(ReadyFlag), error);
}

void all_gather_destroy(AllGather *g) {
    shared_destroy(g->flags);
    messages_free(&g->messages);
    memory_free(g->state);
}

/* Once this rank's part of a bucket is written and its messages have arrived, tell the neighbours. */
static void show(const AllGather *g, size_t bucket) {
    if (g->state[bucket].written && g->state[bucket].expected == 0) ready_flag_set(g->flags, bucket, g->update);
}

void all_gather_begin(AllGather *g, uint64_t update, float *values, size_t buckets) {
    const World *world = g->world;
    g->update = update;
    g->values = values;
    g->buckets = buckets;
    for (size_t b = 0; b < buckets; b++) g->state[b] = (ValueState){0};
    size_t others = (size_t)(world->size - world->node_size);
    /* Two a node at a time: the second travels while sender and receiver agree on the first. */
    messages_begin(&g->messages, world, buckets * others, buckets * (size_t)(world->nodes - 1),
                   2 * (size_t)world->nodes);
    for (int owner = 0; owner < world->size; owner++)
        for (size_t b = 0; b < buckets && layout_leads(g->layout, owner); b++) {
            size_t first, length;
            layout_part(g->layout, b, owner, &first, &length);
            if (length == 0) continue;
            messages_receive(&g->messages, values + first, length, MPI_FLOAT, owner, (int)b, b);
            g->state[b].expected++;
        }
}

void all_gather_bucket(AllGather *g, size_t bucket) {
    const World *world = g->world;
    size_t first, length;
    layout_part(g->layout, bucket, world->rank, &first, &length);
    for (int node = 0; node < world->nodes && length > 0; node++)
        if (node != world->node_of[world->rank])
            messages_send(&g->messages, g->values + first, length, MPI_FLOAT,
                          layout_node_leader(g->layout, node, world->rank), (int)bucket);
    g->state[bucket].written = true;
    show(g, bucket);
}

void all_gather_progress(AllGather *g) {
    int arrived = messages_take(&g->messages);
    for (int i = 0; i < arrived; i++) {
        size_t bucket = (size_t)g->messages.arrived[i];
        if (--g->state[bucket].expected == 0) show(g, bucket);
    }
}

void all_gather_await(AllGather *g, size_t bucket) {
    ValueState *state = &g->state[bucket];
    if (g->update == 0 || state->awaited) return;
    double start = clock_now();
    for (all_gather_progress(g); !ready_flags_all(g->flags, bucket, g->update); all_gather_progress(g))
        sched_yield(); /* the rank that this one waits for may need the core */
    state->awaited = true;
    g->waited += clock_now() - start;
}

void all_gather_end(AllGather *g) {
    for (size_t b = 0; b < g->buckets; b++) all_gather_await(g, b);
    double start = clock_now();
    while (!messages_sent(&g->messages)) all_gather_progress(g);
    g->waited += clock_now() - start;
}
