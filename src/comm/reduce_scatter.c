/* Gradients on their way from the ranks to the owners.
 *
 * A rank that has finished a bucket sets its ready flag. When the flags of all ranks of the node are set, each owner
 * there sums its part from the gradient buffers where they lie, and for an owner on another node its node leader sums
 * what the node has and sends it, one message for each outgoing sum. Tags tell buckets and sums apart; MPI keeps
 * messages of equal tags in order from one update to the next. */
#include "comm/reduce_scatter.h"
#include "linnet/core/memory.h"
#include <omp.h>
#include <sched.h>

/* Tags below the number of buckets belong to the all-gather. */
static int tag_of(const ReduceScatter *s, size_t bucket, int number) {
    return (int)(bucket + s->layout->buckets * (1 + (size_t)number));
}

static MPI_Datatype wire_type(const ReduceScatter *s) {
    return s->pieces->bf16 ? MPI_UINT16_T : MPI_FLOAT;
}
static size_t wire_bytes(const ReduceScatter *s) {
    return s->pieces->bf16 ? sizeof(uint16_t) : sizeof(float);
}

Status reduce_scatter_create(ReduceScatter *s, OrderedSum *sum, bool overlap, Error *error) {
    *s = (ReduceScatter){sum->world, sum->layout, sum->pieces, sum, .overlap = overlap};
    s->state = memory_allocate(s->layout->buckets, sizeof *s->state, error);
    return shared_create(&s->flags, s->world, s->layout->buckets * sizeof(ReadyFlag), error);
}

void reduce_scatter_destroy(ReduceScatter *s) {
    shared_destroy(s->flags);
    messages_free(&s->messages);
    memory_free(s->state);
    memory_free(s->data);
}

/* Make room for terms that are received and for sums that are made, each so many bytes. */
static void make_room(ReduceScatter *s, size_t received, size_t made) {
    s->used = received;
    if (received + made > s->room) {
        Error error = {0};
        memory_free(s->data);
        s->room = messages_room(received + made);
        s->data = memory_allocate(s->room, 1, &error);
        if (!s->data) world_abort(s->world, &error);
    }
    s->sum->received = s->data;
}

static void post_receives(ReduceScatter *s) {
    const TreePieces *pieces = s->pieces;
    size_t before = 0, first, length;
    for (size_t b = 0; b < s->layout->buckets; b++, before += length) {
        layout_part(s->layout, b, s->layout->rank, &first, &length);
        for (size_t i = 0; i < pieces->term_count && length > 0; i++) {
            const TreeNode *term = &pieces->terms[i];
            if (layout_is_neighbour(s->layout, term->rank)) continue;
            char *into = s->data + (s->sum->received_at[i] + before) * wire_bytes(s);
            messages_receive(&s->messages, into, length, wire_type(s), term->rank, tag_of(s, b, term->buffer), b);
            s->state[b].expected++;
        }
    }
}

void reduce_scatter_begin(ReduceScatter *s, uint64_t update, bool idle) {
    const PieceCounts counts = tree_pieces_count(s->pieces, s->layout);
    const size_t buckets = s->layout->buckets;
    size_t remote = 0;
    s->update = update;
    s->unsummed = buckets;
    for (size_t b = 0; b < buckets; b++) s->state[b] = (GradientState){0};
    for (size_t i = 0; i < s->pieces->term_count; i++)
        if (!layout_is_neighbour(s->layout, s->pieces->terms[i].rank)) s->sum->received_at[i] = counts.owned * remote++;
    make_room(s, counts.received * wire_bytes(s), counts.made * wire_bytes(s));
    /* Two buckets at a time. */
    messages_begin(&s->messages, s->world, counts.receives, counts.sends,
                   2 * counts.owners * s->pieces->outgoing_count + 1);
    post_receives(s);
    for (size_t b = 0; b < buckets && idle; b++) reduce_scatter_bucket_ready(s, b);
}

/* Send an owner on another node one sum of a bucket. */
static void send_sum(ReduceScatter *s, size_t bucket, int owner, size_t k) {
    const TreePieces *pieces = s->pieces;
    const TreeNode *term = tree_pieces_in_place(pieces, k), *sent = &pieces->outgoing[k];
    Sum sum = {.unit = sent->first, .count = sent->count, .from = pieces->outgoing_from[k], .bf16 = pieces->bf16};
    layout_part(s->layout, bucket, owner, &sum.first, &sum.length);
    if (sum.length == 0) return;
    if (term) {
        sum.into = ordered_sum_buffer(s->sum, s->world->local_of[term->rank], term->buffer) + sum.first;
    } else {
        sum.block = s->layout->bucket[bucket].block;
        sum.into = s->data + s->used;
        s->used += sum.length * wire_bytes(s);
        ordered_sum(s->sum, &sum);
    }
    messages_send(&s->messages, sum.into, sum.length, wire_type(s), owner, tag_of(s, bucket, (int)k));
}

/* All ranks of this node are ready with a bucket. */
static void send_bucket(ReduceScatter *s, size_t bucket) {
    const World *world = s->world;
    for (int step = 1; step < world->size && world->nodes > 1; step++) {
        int owner = (world->rank + step) % world->size; /* not all to rank 0 first */
        if (!layout_leads(s->layout, owner)) continue;
        for (size_t k = 0; k < s->pieces->outgoing_count; k++) send_sum(s, bucket, owner, k);
    }
    s->state[bucket].sent = true;
}

void reduce_scatter_bucket_ready(ReduceScatter *s, size_t bucket) {
    ready_flag_set(s->flags, bucket, s->update);
    s->state[bucket].ready = true;
    if (s->overlap) reduce_scatter_progress(s);
}

void reduce_scatter_progress(ReduceScatter *s) {
    int arrived = messages_take(&s->messages);
    for (int i = 0; i < arrived; i++) s->state[s->messages.arrived[i]].expected--;
    if (omp_in_parallel()) return; /* one thread would sum while the others wait for it at the region's end */
    for (size_t b = 0; b < s->layout->buckets && s->unsummed > 0; b++) {
        GradientState *state = &s->state[b];
        if (!state->ready || state->summed) continue;
        if (!state->sent && ready_flags_all(s->flags, b, s->update)) send_bucket(s, b);
        if (!state->sent || state->expected > 0) continue;
        ordered_sum_owned(s->sum, b);
        state->summed = true;
        s->unsummed--;
    }
}

void reduce_scatter_finish(ReduceScatter *s) {
    while (s->unsummed > 0 || !messages_sent(&s->messages)) {
        reduce_scatter_progress(s);
        if (s->unsummed > 0) sched_yield(); /* the rank that this one waits for may need the core */
    }
}
