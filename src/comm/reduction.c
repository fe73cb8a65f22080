/* Slots, the tree's sums, who owns what. See reduction.h and reduction_private.h. */
#include "comm/reduction_private.h"

#include "linnet/core/memory.h"
#include "linnet/kernels/bf16.h"
#include "linnet/kernels/vector.h"
#include <omp.h>
#include <string.h>

/* The most slots this rank needs for any global batch. MPI sums one slot a rank; a subtree behind the first needs another. */
static int buffers_needed(const World *world, const ReductionRule *rule) {
    int64_t first, count;
    world_deal(rule->units, world->size, world->rank, &first, &count);
    if (count == 0 || (rule->whole && world->size == 1)) return 1;
    int most = rule->whole ? tree_nodes_most((int)count, first == 0) : tree_depth_most((int)count, first == 0);
    return rule->kind == REDUCTION_MPI && most > 2 ? 2 : most;
}

size_t reduction_shared_bytes(const World *world, const ReductionRule *rule, size_t buffer_length) {
    return (size_t)buffers_needed(world, rule) * buffer_length * sizeof(float);
}

/* Levels of temporary sums that walking the tree needs. */
static size_t tree_levels(int units) {
    size_t levels = 2;
    for (int n = 1; n < units; n *= 2) levels++;
    return levels;
}

static void allocate_tables(Reduction *r, size_t blocks, Error *error) {
    size_t units = (size_t)r->rule.units + 64; /* tree_nodes() wants so much room */
    r->bucket = memory_allocate(r->buckets, sizeof *r->bucket, error);
    r->first_block = memory_allocate(r->buckets + 1, sizeof *r->first_block, error);
    r->state = memory_allocate(r->buckets, sizeof *r->state, error);
    r->nodes = memory_allocate(units, sizeof *r->nodes, error);
    r->node_receive = memory_allocate(units, sizeof *r->node_receive, error);
    r->outgoing = memory_allocate(units, sizeof *r->outgoing, error);
    r->outgoing_from = memory_allocate(units, sizeof *r->outgoing_from, error);
    r->member = memory_allocate((size_t)r->world->size, sizeof *r->member, error);
    r->first_member = memory_allocate((size_t)r->world->nodes + 1, sizeof *r->first_member, error);
    r->squares = memory_allocate(blocks, sizeof *r->squares, error);
    r->temporary_count = tree_levels(r->rule.units) * r->block_max;
    r->temporaries = memory_allocate((size_t)r->threads * r->temporary_count, sizeof(float), error);
}

/* Every node's ranks. */
static void list_members(Reduction *r) {
    const World *world = r->world;
    for (int rank = 0; rank < world->size; rank++) r->first_member[world->node_of[rank] + 1]++;
    for (int node = 0; node < world->nodes; node++) r->first_member[node + 1] += r->first_member[node];
    for (int rank = 0; rank < world->size; rank++)
        r->member[r->first_member[world->node_of[rank]] + world->local_of[rank]] = rank;
}

Status reduction_create(Reduction **reduction, const World *world, const ReductionRule *rule, size_t buckets,
                        size_t buffer_length, size_t blocks, size_t block, Error *error) {
    Reduction *r = memory_allocate(1, sizeof *r, error);
    if (r != NULL) {
        *r = (Reduction){.world = world,
                         .rule = *rule,
                         .buckets = buckets,
                         .buffer_length = buffer_length,
                         .block_max = block,
                         .buffers = buffers_needed(world, rule),
                         .threads = omp_get_max_threads()};
        allocate_tables(r, blocks, error);
    }
    if (world_agree(world, error, true)) goto cleanup;
    list_members(r);
    if (shared_create(&r->shared, world, (size_t)r->buffers * buffer_length * sizeof(float), error) ||
        shared_create(&r->ready_flags, world, 2 * buckets * sizeof(ReadyFlag), error))
        goto cleanup;
    r->mine = shared_block(r->shared, world->node_rank);
    *reduction = r;
    return STATUS_OK;
cleanup:
    reduction_destroy(r);
    return error->status;
}

void reduction_destroy(Reduction *r) {
    if (r == NULL) return;
    reduction_all_gather_end(r); /* an error may have come between a step and the next forward pass */
    shared_destroy(r->shared);
    shared_destroy(r->ready_flags);
    messages_free(&r->gradients);
    messages_free(&r->parameters);
    void *blocks[] = {r->bucket,      r->first_block,   r->state,  r->nodes,        r->node_receive,
                      r->outgoing,    r->outgoing_from, r->member, r->first_member, r->squares,
                      r->temporaries, r->receive,       r->stage};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) memory_free(blocks[i]);
    memory_free(r);
}

bool reduction_is_neighbour(const Reduction *r, int rank) {
    return r->world->node_of[rank] == r->world->node_of[r->world->rank];
}

int reduction_node_leader(const Reduction *r, int node, int owner) {
    const int *member = r->member + r->first_member[node];
    return member[owner % (r->first_member[node + 1] - r->first_member[node])];
}

ReadyFlag *reduction_ready_flag(const Reduction *r, int node_rank, int kind, size_t bucket) {
    ReadyFlag *ready_flags = shared_block(r->ready_flags, node_rank);
    return &ready_flags[(size_t)kind * r->buckets + bucket];
}

bool reduction_node_shows(const Reduction *r, int kind, size_t bucket, uint64_t update) {
    for (int rank = 0; rank < r->world->node_size; rank++)
        if (atomic_load_explicit(reduction_ready_flag(r, rank, kind, bucket), memory_order_acquire) < update)
            return false;
    return true;
}

static size_t bucket_blocks(const Bucket *bucket) {
    return (bucket->length + bucket->block - 1) / bucket->block;
}

void reduction_part_of(const Reduction *r, size_t index, int rank, size_t *first, size_t *length) {
    const Bucket *bucket = &r->bucket[index];
    size_t from, to;
    if (bucket->cuts != NULL) {
        from = bucket->cuts[rank];
        to = bucket->cuts[rank + 1];
    } else {
        size_t ranks = (size_t)r->world->size, blocks = bucket_blocks(bucket);
        from = blocks * (size_t)rank / ranks;
        to = blocks * ((size_t)rank + 1) / ranks;
    }
    size_t begin = from * bucket->block, end = to * bucket->block;
    if (begin > bucket->length) begin = bucket->length;
    if (end > bucket->length) end = bucket->length;
    *first = bucket->start + begin;
    *length = end - begin;
}

void reduction_owned(const Reduction *r, size_t bucket, size_t *first, size_t *length) {
    reduction_part_of(r, bucket, r->world->rank, first, length);
}

size_t reduction_before(const Reduction *r, size_t bucket) {
    size_t before = 0, first, length;
    for (size_t b = 0; b < bucket; b++) {
        reduction_owned(r, b, &first, &length);
        before += length;
    }
    return before;
}

void reduction_plan(Reduction *r, const Bucket *buckets) {
    memcpy(r->bucket, buckets, r->buckets * sizeof *buckets);
    r->first_block[0] = 0;
    for (size_t b = 0; b < r->buckets; b++) r->first_block[b + 1] = r->first_block[b] + bucket_blocks(&r->bucket[b]);
}

void reduction_begin(Reduction *r, int units, const Bucket *buckets) {
    int64_t first, count;
    world_deal(units, r->world->size, r->world->rank, &first, &count);
    r->units = units;
    r->first_unit = (int)first;
    r->unit_count = (int)count;
    r->unit = r->count = r->height = r->joins = 0;
    r->update++;
    reduction_plan(r, buckets);
    for (size_t b = 0; b < r->buckets; b++) r->state[b].announced = r->state[b].sent = r->state[b].summed = false;
    memset(r->squares, 0, r->first_block[r->buckets] * sizeof *r->squares);
    r->unsummed = r->buckets;
    if (r->rule.kind == REDUCTION_ORDERED) reduce_scatter_begin(r);
}

int reduction_first_unit(const Reduction *r) {
    return r->first_unit;
}
int reduction_unit_count(const Reduction *r) {
    return r->unit_count;
}

void reduction_subtree_begin(Reduction *r, int count) {
    TreeNode nodes[64];
    int end = r->unit + count;
    /* as many sums as the tree segments of the units so far */
    int left = r->rule.kind == REDUCTION_MPI ? 1 : (int)tree_nodes(r->units, r->first_unit, end, 0, nodes);
    r->count = count;
    r->joins = r->height + 1 - left;
}

float *reduction_gradient_buffer(Reduction *r) {
    return r->mine + (size_t)r->height * r->buffer_length;
}

/* left [i] += right [i], a block at a time over the threads. */
static void join(float *left, const float *right, const Bucket *bucket) {
    size_t blocks = bucket_blocks(bucket);
#pragma omp parallel for schedule(static) if (blocks > 1)
    for (size_t i = 0; i < blocks; i++) {
        size_t from = i * bucket->block;
        size_t n = bucket->length - from < bucket->block ? bucket->length - from : bucket->block;
        vector_add(left + bucket->start + from, left + bucket->start + from, right + bucket->start + from, n);
    }
}

void reduction_bucket_done(Reduction *r, size_t bucket) {
    float *top = reduction_gradient_buffer(r);
    for (int j = 0; j < r->joins; j++) {
        float *left = top - r->buffer_length;
        join(left, top, &r->bucket[bucket]);
        top = left;
    }
    if (r->unit + r->count == r->unit_count && r->rule.kind == REDUCTION_ORDERED)
        reduce_scatter_bucket_ready(r, bucket);
}

void reduction_subtree_done(Reduction *r) {
    r->height += 1 - r->joins;
    r->unit += r->count;
}

/* One block of a sum under way through the tree. */
typedef struct {
    const Reduction *reduction;
    const Sum *sum;
    size_t at, n; /* floats from the sum's first, how many */
    size_t next;  /* of Reduction.nodes: the one that the walk meets next */
} Walk;

/* The floats of a node; those that came as bf16 go into `room`. */
static const float *node_values(const Walk *w, size_t index, float *room) {
    const Reduction *r = w->reduction;
    const TreeNode *node = &r->nodes[index];
    if (reduction_is_neighbour(r, node->rank)) {
        const float *buffers = shared_block(r->shared, r->world->local_of[node->rank]);
        return buffers + (size_t)node->buffer * r->buffer_length + w->sum->first + w->at;
    }
    size_t place = r->node_receive[index] + w->sum->before + w->at;
    if (!r->rule.bf16) return (const float *)r->receive + place;
    floats_from_bf16(room, (const uint16_t *)r->receive + place, w->n);
    return room;
}

/* The sum of the subtree over `count` units from `unit`; may lie in temporaries [levels][block_max]. */
static const float *walk(Walk *w, int unit, int count, float *temporaries) {
    const TreeNode *node = &w->reduction->nodes[w->next];
    if (node->first == unit && node->count == count) return node_values(w, w->next++, temporaries);
    int left = tree_split(count);
    const float *a = walk(w, unit, left, temporaries);
    const float *b = walk(w, unit + left, count - left, temporaries + w->reduction->block_max);
    vector_add(temporaries, a, b, w->n);
    return temporaries;
}

void reduction_add_up(Reduction *r, const Sum *sum) {
    double start = MPI_Wtime();
    size_t blocks = (sum->length + sum->block - 1) / sum->block;
#pragma omp parallel for schedule(static) if (blocks > 1)
    for (size_t i = 0; i < blocks; i++) {
        size_t at = i * sum->block;
        Walk w = {r, sum, at, sum->length - at < sum->block ? sum->length - at : sum->block, sum->from};
        float *temporaries = r->temporaries + (size_t)omp_get_thread_num() * r->temporary_count;
        const float *values = walk(&w, sum->unit, sum->count, temporaries);
        if (sum->into != NULL && sum->into + at != values) memcpy(sum->into + at, values, w.n * sizeof *values);
        if (sum->into_bf16 != NULL) bf16_from_floats(sum->into_bf16 + at, values, w.n);
        if (sum->squares != NULL) sum->squares[i] = sum_of_squares(values, w.n);
    }
    r->summing += MPI_Wtime() - start;
}

void reduction_sum(Reduction *r, size_t index) {
    const Bucket *bucket = &r->bucket[index];
    Sum sum = {.count = r->units, .block = bucket->block, .before = reduction_before(r, index)};
    reduction_owned(r, index, &sum.first, &sum.length);
    sum.into = r->mine + sum.first;
    sum.squares = r->squares + r->first_block[index] + (sum.first - bucket->start) / bucket->block;
    shared_fence(r->shared);
    reduction_add_up(r, &sum);
    r->state[index].summed = true;
    r->unsummed--;
}

void reduction_finish(Reduction *r) {
    double start = MPI_Wtime(), summing = r->summing;
    if (r->rule.kind == REDUCTION_MPI)
        reduction_mpi_finish(r);
    else
        reduce_scatter_finish(r);
    r->waited += MPI_Wtime() - start - (r->summing - summing); /* its own sums are this rank's work */
}

void reduction_poll(Reduction *r) {
    if (!r->rule.overlap || r->world->nodes == 1) return;
    all_gather_progress(r);
    if (r->rule.kind == REDUCTION_ORDERED) reduce_scatter_progress(r);
}

float *reduction_result(Reduction *r) {
    return r->mine;
}
double *reduction_squares(Reduction *r) {
    return r->squares;
}
size_t reduction_blocks(const Reduction *r) {
    return r->first_block[r->buckets];
}
size_t reduction_first_block(const Reduction *r, size_t bucket) {
    return r->first_block[bucket];
}
void reduction_discard(Reduction *r) {
    /* A neighbour that sends from this rank's slots may have their pages registered with the network card, which would
     * go on reading those: MPI notices what its own process does to memory alone. */
    if (r->world->nodes == 1 || r->world->node_size == 1) shared_discard(r->shared);
}
double reduction_waited(const Reduction *r) {
    return r->waited;
}
