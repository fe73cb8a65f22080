/* A rank's own sums on their stack of gradient buffers, and the facade of both halves. See reduction.h. */
#include "comm/reduction_private.h"
#include "linnet/comm/reduction_counts.h"
#include "linnet/core/clock.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/kernels/vector.h"
#include <string.h>

size_t reduction_shared_bytes(const World *world, const ReductionRule *rule, size_t buffer_length) {
    return (size_t)reduction_buffers(rule, world->size, world->rank) * buffer_length * sizeof(float);
}

/* Create what the ranks of a node share. Collective. */
static Status share(Reduction *r, size_t buffer_length, Error *error) {
    r->sum.buffer_length = buffer_length;
    if (reduce_scatter_create(&r->reduce_scatter, &r->sum, r->rule.overlap, error) ||
        all_gather_create(&r->all_gather, r->world, &r->layout, error))
        return error->status;
    return shared_create(&r->sum.buffers, r->world, reduction_shared_bytes(r->world, &r->rule, buffer_length), error);
}

Status reduction_create(Reduction **reduction, const World *world, const ReductionRule *rule, size_t buckets,
                        size_t buffer_length, size_t blocks, size_t block, Error *error) {
    Reduction *r = memory_allocate(1, sizeof *r, error);
    if (r) {
        *r = (Reduction){
            .world = world, .rule = *rule, .sum = {.world = world, .layout = &r->layout, .pieces = &r->pieces}};
        layout_create(&r->layout, world->rank, world->size, world->nodes, world->node_of, buckets, error);
        tree_pieces_create(&r->pieces, &r->layout, rule->units, rule->bf16, error);
        ordered_sum_create(&r->sum, rule->units, blocks, block, error);
    }
    if (world_agree(world, error, true) || share(r, buffer_length, error)) {
        reduction_destroy(r);
        return error->status;
    }
    *reduction = r;
    return STATUS_OK;
}

void reduction_destroy(Reduction *r) {
    if (!r) return;
    all_gather_end(&r->all_gather); /* an error may have come between a step and the next forward pass */
    all_gather_destroy(&r->all_gather);
    reduce_scatter_destroy(&r->reduce_scatter);
    ordered_sum_free(&r->sum);
    tree_pieces_free(&r->pieces);
    layout_free(&r->layout);
    memory_free(r);
}

void reduction_plan(Reduction *r, const Bucket *buckets) {
    layout_set_buckets(&r->layout, buckets);
}

void reduction_begin(Reduction *r, int units, const Bucket *buckets) {
    int64_t first, count;
    even_part(units, r->world->size, r->world->rank, &first, &count);
    r->subtrees = (Subtrees){.first = (int)first, .count = (int)count};
    r->update++;
    reduction_plan(r, buckets);
    memset(r->sum.squares, 0, r->layout.first_block[r->layout.buckets] * sizeof *r->sum.squares);
    tree_pieces_find(&r->pieces, &r->layout, units);
    if (r->rule.kind == REDUCTION_ORDERED) reduce_scatter_begin(&r->reduce_scatter, r->update, count == 0);
}

void reduction_subtree_begin(Reduction *r, int count) {
    Subtrees *s = &r->subtrees;
    TreeNode nodes[64];
    /* As many sums as the units so far have nodes; before MPI's sum all are added to one. */
    size_t left = tree_nodes(r->pieces.units, s->first, s->next + count, 0, nodes);
    s->under_way = count;
    s->joins = s->height + 1 - (r->rule.kind == REDUCTION_MPI ? 1 : (int)left);
}

float *reduction_gradient_buffer(Reduction *r) {
    return reduction_result(r) + (size_t)r->subtrees.height * r->sum.buffer_length;
}

/* left [i] += right [i], a block at a time over the threads. */
static void join(float *left, const float *right, const Bucket *bucket) {
    size_t blocks = bucket_blocks(bucket);
#pragma omp parallel for schedule(static) if (blocks > 1)
    for (size_t i = 0; i < blocks; i++) {
        size_t from = i * bucket->block;
        size_t n = size_min(bucket->length - from, bucket->block);
        vector_add(left + bucket->start + from, left + bucket->start + from, right + bucket->start + from, n);
    }
}

void reduction_bucket_done(Reduction *r, size_t bucket) {
    const Subtrees *s = &r->subtrees;
    float *top = reduction_gradient_buffer(r);
    for (int j = 0; j < s->joins; j++, top -= r->sum.buffer_length)
        join(top - r->sum.buffer_length, top, &r->layout.bucket[bucket]);
    if (s->next + s->under_way == s->count && r->rule.kind == REDUCTION_ORDERED)
        reduce_scatter_bucket_ready(&r->reduce_scatter, bucket);
}

void reduction_subtree_done(Reduction *r) {
    Subtrees *s = &r->subtrees;
    s->height += 1 - s->joins;
    s->next += s->under_way;
}

/* REDUCTION_MPI: sum every bucket over all ranks into this rank's gradient buffer 0. */
static void all_reduce_by_mpi(Reduction *r) {
    /* What MPI leaves there is the sum already: one term, of which the squares are to be taken. */
    r->pieces.terms[0] = (TreeNode){.count = r->pieces.units, .rank = r->world->rank};
    for (size_t b = 0; b < r->layout.buckets; b++) {
        float *sums = reduction_result(r) + r->layout.bucket[b].start;
        const int length = (int)r->layout.bucket[b].length;
        if (length == 0) continue;
        if (r->subtrees.count == 0) memset(sums, 0, (size_t)length * sizeof *sums);
        world_check(r->world, MPI_Allreduce(MPI_IN_PLACE, sums, length, MPI_FLOAT, MPI_SUM, r->world->comm),
                    "MPI_Allreduce");
        ordered_sum_owned(&r->sum, b);
    }
}

void reduction_finish(Reduction *r) {
    double start = clock_now(), summing = r->sum.seconds;
    if (r->rule.kind == REDUCTION_MPI)
        all_reduce_by_mpi(r);
    else
        reduce_scatter_finish(&r->reduce_scatter);
    r->waited += clock_now() - start - (r->sum.seconds - summing); /* its own sums are this rank's work */
}

void reduction_poll(Reduction *r) {
    if (!r->rule.overlap || r->world->nodes == 1) return;
    all_gather_progress(&r->all_gather);
    if (r->rule.kind == REDUCTION_ORDERED) reduce_scatter_progress(&r->reduce_scatter);
}

float *reduction_result(Reduction *r) {
    return ordered_sum_buffer(&r->sum, r->world->node_rank, 0);
}
void reduction_part_of(const Reduction *r, size_t bucket, int rank, size_t *first, size_t *length) {
    layout_part(&r->layout, bucket, rank, first, length);
}
double *reduction_squares(Reduction *r) {
    return r->sum.squares;
}
size_t reduction_first_block(const Reduction *r, size_t bucket) {
    return r->layout.first_block[bucket];
}

void reduction_discard(Reduction *r) {
    /* A neighbour that sends from this rank's gradient buffers may have their pages registered with the network card,
     * which would go on reading those: MPI notices only what its own process does to memory. */
    if (r->world->nodes == 1 || r->world->node_size == 1) shared_discard(r->sum.buffers);
}

double reduction_waited(const Reduction *r) {
    return r->waited + r->all_gather.waited;
}

ReductionSent reduction_sent(const Reduction *r) {
    const Messages *gradients = &r->reduce_scatter.messages, *values = &r->all_gather.messages;
    return (ReductionSent){gradients->sent_messages, gradients->sent_bytes, values->sent_messages, values->sent_bytes};
}

void reduction_all_gather_begin(Reduction *r, float *values, size_t buckets) {
    all_gather_begin(&r->all_gather, r->update, values, buckets);
}
void reduction_all_gather_bucket(Reduction *r, size_t bucket) {
    all_gather_bucket(&r->all_gather, bucket);
}
void reduction_all_gather_await(Reduction *r, size_t bucket) {
    all_gather_await(&r->all_gather, bucket);
}
void reduction_all_gather_end(Reduction *r) {
    all_gather_end(&r->all_gather);
}
