/* The ordered reduction: slots, the tree's sums, who owns what. See reduction.h; the messages are in exchange.c. */
#include "comm/reduction_private.h"

#include "linnet/adamw.h"
#include "linnet/memory.h"
#include <omp.h>
#include <string.h>

/* The most slots this rank needs for any window of at most `units` units. */
static int slots_needed(const World *world, int units) {
    int64_t first, count;
    world_deal(units, world->size, world->rank, &first, &count);
    return count > 0 ? tree_depth_most((int)count, first == 0) : 1;
}

size_t reduction_shared_bytes(const World *world, int units, size_t slot_length) {
    return (size_t)slots_needed(world, units) * slot_length * sizeof(float);
}

/* Levels of temporary sums that walking the tree needs. */
static size_t tree_levels(int units) {
    size_t levels = 2;
    for (int n = 1; n < units; n *= 2) levels++;
    return levels;
}

static void allocate_tables(Reduction *r, size_t blocks, Error *error) {
    size_t units = (size_t)r->units_max;
    r->bucket = memory_allocate(r->buckets, sizeof *r->bucket, error);
    r->first_block = memory_allocate(r->buckets + 1, sizeof *r->first_block, error);
    r->state = memory_allocate(r->buckets, sizeof *r->state, error);
    r->nodes = memory_allocate(units + 64, sizeof *r->nodes, error);
    r->node_receive = memory_allocate(units + 64, sizeof *r->node_receive, error);
    r->squares = memory_allocate(blocks, sizeof *r->squares, error);
    r->temporary_count = tree_levels(r->units_max) * r->block_max;
    r->temporaries = memory_allocate((size_t)r->threads * r->temporary_count, sizeof(float), error);
    exchange_limits(r->world, r->buckets, r->units_max, r->slots, &r->receive_max, &r->send_max);
    r->receives = memory_allocate((size_t)r->receive_max, sizeof *r->receives, error);
    r->receive_bucket = memory_allocate((size_t)r->receive_max, sizeof *r->receive_bucket, error);
    r->arrived = memory_allocate((size_t)r->receive_max, sizeof *r->arrived, error);
    r->sends = memory_allocate((size_t)r->send_max, sizeof *r->sends, error);
}

Status reduction_create(Reduction **reduction, const World *world, int units, size_t buckets, size_t slot_length,
                        size_t blocks, size_t block, Error *error) {
    Reduction *r = memory_allocate(1, sizeof *r, error);
    if (r != NULL) {
        *r = (Reduction){.world = world,
                         .units_max = units,
                         .buckets = buckets,
                         .slot_length = slot_length,
                         .block_max = block,
                         .slots = slots_needed(world, units),
                         .threads = omp_get_max_threads()};
        allocate_tables(r, blocks, error);
    }
    if (world_agree(world, error, true)) goto cleanup;
    if (shared_create(&r->shared, world, (size_t)r->slots * slot_length * sizeof(float), error)) goto cleanup;
    r->mine = shared_block(r->shared, world->node_rank);
    *reduction = r;
    return STATUS_OK;
cleanup:
    reduction_destroy(r);
    return error->status;
}

void reduction_destroy(Reduction *r) {
    if (r == NULL) return;
    shared_destroy(r->shared);
    void *blocks[] = {r->bucket,      r->first_block, r->state,          r->nodes,   r->node_receive, r->squares,
                      r->temporaries, r->receives,    r->receive_bucket, r->arrived, r->sends,        r->receive};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) memory_free(blocks[i]);
    memory_free(r);
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

int reduction_rank_nodes(const Reduction *r, int rank) {
    int count = 0;
    for (size_t i = 0; i < r->node_count; i++) count += r->nodes[i].rank == rank;
    return count;
}

/* All ranks' nodes in this update. */
static void find_nodes(Reduction *r) {
    r->node_count = 0;
    for (int rank = 0; rank < r->world->size; rank++) {
        int64_t first, count;
        world_deal(r->units, r->world->size, rank, &first, &count);
        if (count > 0) r->node_count += tree_nodes(r->units, (int)first, (int)count, rank, r->nodes + r->node_count);
    }
}

static void start_unit(Reduction *r) {
    r->joins = r->unit < r->unit_count ? tree_joins(r->units, r->first_unit, r->first_unit + r->unit + 1) : 0;
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
    r->unit = r->height = 0;
    reduction_plan(r, buckets);
    for (size_t b = 0; b < r->buckets; b++) r->state[b] = (BucketState){0};
    memset(r->squares, 0, r->first_block[r->buckets] * sizeof *r->squares);
    r->unsummed = r->buckets;
    find_nodes(r);
    exchange_begin(r);
    start_unit(r);
    if (count == 0)
        for (size_t b = 0; b < r->buckets; b++) exchange_announce(r, b);
}

int reduction_first_unit(const Reduction *r) {
    return r->first_unit;
}
int reduction_unit_count(const Reduction *r) {
    return r->unit_count;
}

float *reduction_slot(Reduction *r) {
    return r->mine + (size_t)r->height * r->slot_length;
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
    float *top = reduction_slot(r);
    for (int j = 0; j < r->joins; j++) {
        float *left = top - r->slot_length;
        join(left, top, &r->bucket[bucket]);
        top = left;
    }
    if (r->unit == r->unit_count - 1) exchange_announce(r, bucket);
}

void reduction_unit_done(Reduction *r) {
    r->height += 1 - r->joins;
    r->unit++;
    start_unit(r);
}

/* Where the floats of a node from `first` (of the slot) on lie, within this rank's part (from part_first) of a
 * bucket; `before` = floats of this rank's parts of earlier buckets. */
static const float *node_values(const Reduction *r, size_t index, size_t first, size_t part_first, size_t before) {
    const World *world = r->world;
    const TreeNode *node = &r->nodes[index];
    if (world->node_of[node->rank] == world->node_of[world->rank]) {
        const float *slots = shared_block(r->shared, world->local_of[node->rank]);
        return slots + (size_t)node->slot * r->slot_length + first;
    }
    return r->receive + r->node_receive[index] + before + (first - part_first);
}

/* One block under way through the tree. */
typedef struct {
    const Reduction *reduction;
    size_t first, n;           /* floats: from the slot's start, how many */
    size_t part_first, before; /* as in node_values() */
    size_t next;               /* node that the walk meets next */
} Walk;

/* The sum of the subtree over `count` units from `unit`; may lie in temporaries [levels][block_max]. */
static const float *walk(Walk *w, int unit, int count, float *temporaries) {
    const Reduction *r = w->reduction;
    const TreeNode *node = &r->nodes[w->next];
    if (node->first == unit && node->count == count)
        return node_values(r, w->next++, w->first, w->part_first, w->before);
    int left = tree_split(count);
    const float *a = walk(w, unit, left, temporaries);
    const float *b = walk(w, unit + left, count - left, temporaries + r->block_max);
    vector_add(temporaries, a, b, w->n);
    return temporaries;
}

void reduction_sum(Reduction *r, size_t index) {
    const Bucket *bucket = &r->bucket[index];
    size_t first, length, before = 0;
    for (size_t b = 0; b < index; b++) {
        reduction_owned(r, b, &first, &length);
        before += length;
    }
    reduction_owned(r, index, &first, &length);
    shared_fence(r->shared);
    size_t blocks = (length + bucket->block - 1) / bucket->block;
    double *squares = r->squares + r->first_block[index] + (first - bucket->start) / bucket->block;
#pragma omp parallel for schedule(static) if (blocks > 1)
    for (size_t i = 0; i < blocks; i++) {
        size_t from = i * bucket->block;
        Walk w = {.reduction = r,
                  .first = first + from,
                  .n = length - from < bucket->block ? length - from : bucket->block,
                  .part_first = first,
                  .before = before};
        float *result = r->mine + w.first;
        const float *sum = walk(&w, 0, r->units, r->temporaries + (size_t)omp_get_thread_num() * r->temporary_count);
        if (sum != result) memcpy(result, sum, w.n * sizeof *result);
        squares[i] = sum_of_squares(result, w.n);
    }
    r->state[index].summed = true;
    r->unsummed--;
}

void reduction_finish(Reduction *r) {
    double start = MPI_Wtime();
    while (r->unsummed > 0) exchange_progress(r, true);
    exchange_end(r);
    r->waited += MPI_Wtime() - start;
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
void reduction_forget(Reduction *r) {
    shared_forget(r->shared);
}
double reduction_waited(const Reduction *r) {
    return r->waited;
}
