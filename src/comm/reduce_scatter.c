/* The ordered kind's gradients, from the ranks to the owners, on two levels.
 *
 * A rank that has finished a bucket shows a sign to its neighbours. When all ranks of a node show it, each owner there
 * sums its part where the slots lie, and for owners elsewhere the node leader sums what the node has and sends it, a
 * message for each piece of the tree. Tags tell bucket and piece apart; MPI keeps messages of equal tags in order from
 * one update to the next. */
#include "comm/reduction_private.h"

#include "linnet/core/memory.h"
#include <omp.h>
#include <sched.h>

/* Tags below `buckets` belong to the values. */
static int tag_of(const Reduction *r, size_t bucket, int piece) {
    return (int)(bucket + r->buckets * (1 + (size_t)piece));
}

static MPI_Datatype wire_type(const Reduction *r) {
    return r->rule.bf16 ? MPI_UINT16_T : MPI_FLOAT;
}
static size_t wire_bytes(const Reduction *r) {
    return r->rule.bf16 ? sizeof(uint16_t) : sizeof(float);
}

/* A run of neighbouring ranks of one node, `rank` … end − 1: its units are a run as well. */
static void units_of(const Reduction *r, int rank, int end, int64_t *first, int64_t *count) {
    int64_t last, last_count;
    world_deal(r->units, r->world->size, rank, first, count);
    world_deal(r->units, r->world->size, end - 1, &last, &last_count);
    *count = last + last_count - *first;
}

/* A run on this node: every rank's sums in its slots, and what they make together. */
static void add_here(Reduction *r, int rank, int end) {
    int64_t first, count;
    size_t from = r->node_count;
    for (int q = rank; q < end; q++) {
        units_of(r, q, q + 1, &first, &count);
        if (count > 0) r->node_count += tree_nodes(r->units, (int)first, (int)count, q, r->nodes + r->node_count);
    }
    units_of(r, rank, end, &first, &count);
    if (count == 0) return;
    size_t end_piece =
        r->outgoing_count + tree_nodes(r->units, (int)first, (int)count, rank, r->outgoing + r->outgoing_count);
    for (; r->outgoing_count < end_piece; r->outgoing_count++) {
        while (r->nodes[from].first < r->outgoing[r->outgoing_count].first) from++;
        r->outgoing_from[r->outgoing_count] = from;
    }
}

/* A run on another node, whose node leader sends sums of all the node's runs and counts them through. */
static void add_elsewhere(Reduction *r, int rank, int end) {
    int64_t first, count;
    units_of(r, rank, end, &first, &count);
    if (count == 0) return;
    int pieces = 0, leader = reduction_node_leader(r, r->world->node_of[rank], r->world->rank);
    for (size_t i = 0; i < r->node_count; i++) pieces += r->nodes[i].rank == leader;
    TreeNode *nodes = r->nodes + r->node_count;
    size_t added = tree_nodes(r->units, (int)first, (int)count, leader, nodes);
    for (size_t i = 0; i < added; i++) nodes[i].buffer = pieces++;
    r->node_count += added;
}

static void find_pieces(Reduction *r) {
    const World *world = r->world;
    r->node_count = r->outgoing_count = 0;
    for (int rank = 0, end; rank < world->size; rank = end) {
        for (end = rank + 1; end < world->size && world->node_of[end] == world->node_of[rank];) end++;
        if (reduction_is_neighbour(r, rank))
            add_here(r, rank, end);
        else
            add_elsewhere(r, rank, end);
    }
}

/* Room that is lost when it grows: a quarter more than needed makes that rare. */
static void make_room(const Reduction *r, void **room, size_t *has, size_t bytes) {
    if (bytes <= *has) return;
    Error error = {0};
    memory_free(*room);
    *has = bytes + bytes / 4;
    *room = memory_allocate(*has, 1, &error);
    if (*room == NULL) world_abort(r->world, &error);
}

/* Whether this rank is to send `owner` what its node has. */
static bool serves(const Reduction *r, int owner) {
    return !reduction_is_neighbour(r, owner) &&
           reduction_node_leader(r, r->world->node_of[r->world->rank], owner) == r->world->rank;
}

/* A piece that one slot of the node holds can be sent from there. */
static const TreeNode *lying(const Reduction *r, size_t piece) {
    const TreeNode *node = &r->nodes[r->outgoing_from[piece]];
    return !r->rule.bf16 && node->count == r->outgoing[piece].count ? node : NULL;
}

/* Bytes that the pieces take which this rank has to put together, and its number of sends. */
static size_t count_sends(const Reduction *r, size_t *sends) {
    size_t bytes = 0, made = 0, first, length;
    for (size_t k = 0; k < r->outgoing_count; k++) made += lying(r, k) == NULL;
    *sends = 0;
    for (int owner = 0; owner < r->world->size; owner++) {
        if (!serves(r, owner)) continue;
        *sends += r->buckets * r->outgoing_count;
        for (size_t b = 0; b < r->buckets; b++) {
            reduction_part_of(r, b, owner, &first, &length);
            bytes += made * length * wire_bytes(r);
        }
    }
    return bytes;
}

static void post_receives(Reduction *r) {
    size_t before = 0, first, length;
    for (size_t b = 0; b < r->buckets; b++, before += length) {
        reduction_owned(r, b, &first, &length);
        r->state[b].missing = 0;
        for (size_t i = 0; i < r->node_count && length > 0; i++) {
            const TreeNode *node = &r->nodes[i];
            if (reduction_is_neighbour(r, node->rank)) continue;
            char *into = (char *)r->receive + (r->node_receive[i] + before) * wire_bytes(r);
            messages_receive(&r->gradients, r->world, into, length, wire_type(r), node->rank,
                             tag_of(r, b, node->buffer), b);
            r->state[b].missing++;
        }
    }
}

void reduce_scatter_begin(Reduction *r) {
    size_t owned = reduction_before(r, r->buckets), remote = 0, sends;
    find_pieces(r);
    for (size_t i = 0; i < r->node_count; i++)
        if (!reduction_is_neighbour(r, r->nodes[i].rank)) r->node_receive[i] = owned * remote++;
    make_room(r, &r->receive, &r->receive_room, owned * remote * wire_bytes(r));
    make_room(r, &r->stage, &r->stage_room, count_sends(r, &sends));
    r->staged = 0;
    messages_begin(&r->gradients, r->world, r->buckets * remote, sends, 2 * sends / r->buckets + 1); /* two buckets */
    post_receives(r);
    for (size_t b = 0; b < r->buckets && r->unit_count == 0; b++) reduce_scatter_bucket_ready(r, b);
}

/* Send an owner elsewhere one piece of a bucket. */
static void send_piece(Reduction *r, size_t bucket, int owner, size_t piece) {
    const TreeNode *node = lying(r, piece);
    Sum sum = {.unit = r->outgoing[piece].first,
               .count = r->outgoing[piece].count,
               .from = r->outgoing_from[piece],
               .block = r->bucket[bucket].block};
    reduction_part_of(r, bucket, owner, &sum.first, &sum.length);
    if (sum.length == 0) return;
    const void *from;
    if (node != NULL) {
        const float *buffers = shared_block(r->shared, r->world->local_of[node->rank]);
        from = buffers + (size_t)node->buffer * r->buffer_length + sum.first;
    } else {
        void *made = (char *)r->stage + r->staged;
        from = made;
        if (r->rule.bf16)
            sum.into_bf16 = made;
        else
            sum.into = made;
        r->staged += sum.length * wire_bytes(r);
        reduction_add_up(r, &sum);
    }
    messages_send(&r->gradients, r->world, from, sum.length, wire_type(r), owner, tag_of(r, bucket, (int)piece));
}

/* All ranks of this node are done with a bucket. */
static void send_bucket(Reduction *r, size_t bucket) {
    const World *world = r->world;
    shared_fence(r->shared);
    for (int step = 1; step < world->size && world->nodes > 1; step++) {
        int owner = (world->rank + step) % world->size; /* not all to rank 0 first */
        if (!serves(r, owner)) continue;
        for (size_t k = 0; k < r->outgoing_count; k++) send_piece(r, bucket, owner, k);
    }
    r->state[bucket].sent = true;
}

void reduce_scatter_bucket_ready(Reduction *r, size_t bucket) {
    shared_fence(r->shared);
    atomic_store_explicit(reduction_ready_flag(r, r->world->node_rank, 0, bucket), r->update, memory_order_release);
    r->state[bucket].announced = true;
    if (r->rule.overlap) reduce_scatter_progress(r);
}

void reduce_scatter_progress(Reduction *r) {
    int arrived = messages_take(&r->gradients, r->world);
    for (int i = 0; i < arrived; i++) r->state[r->gradients.arrived[i]].missing--;
    if (omp_in_parallel()) return; /* one thread would sum while the others wait for it at the region's end */
    for (size_t b = 0; b < r->buckets && r->unsummed > 0; b++) {
        BucketState *state = &r->state[b];
        if (!state->announced || state->summed) continue;
        if (!state->sent && reduction_node_shows(r, 0, b, r->update)) send_bucket(r, b);
        if (state->sent && state->missing == 0) reduction_sum(r, b);
    }
}

void reduce_scatter_finish(Reduction *r) {
    while (r->unsummed > 0 || !messages_sent(&r->gradients)) {
        reduce_scatter_progress(r);
        if (r->unsummed > 0) sched_yield(); /* whom this rank waits for may need the core */
    }
}
