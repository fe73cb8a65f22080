/* Owners of blocks, and node leaders. See reduction_layout.h. */
#include "comm/reduction_layout.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include <string.h>

/* Sort the ranks by node, by counting. */
static void list_members(ReductionLayout *layout) {
    int *first = layout->first_member;
    for (int rank = 0; rank < layout->ranks; rank++) first[layout->node_of[rank]]++;
    for (int node = 0; node < layout->nodes; node++) first[node + 1] += first[node];
    for (int rank = layout->ranks - 1; rank >= 0; rank--) layout->member[--first[layout->node_of[rank]]] = rank;
    first[layout->nodes] = layout->ranks;
}

Status layout_create(ReductionLayout *layout, int rank, int ranks, int nodes, const int *node_of, size_t buckets,
                     Error *error) {
    *layout = (ReductionLayout){.rank = rank, .ranks = ranks, .nodes = nodes, .node_of = node_of, .buckets = buckets};
    layout->member = memory_allocate((size_t)ranks, sizeof *layout->member, error);
    layout->first_member = memory_allocate((size_t)nodes + 1, sizeof *layout->first_member, error);
    layout->bucket = memory_allocate(buckets, sizeof *layout->bucket, error);
    layout->first_block = memory_allocate(buckets + 1, sizeof *layout->first_block, error);
    if (error->status == STATUS_OK) list_members(layout);
    return error->status;
}

void layout_free(ReductionLayout *layout) {
    memory_free(layout->member);
    memory_free(layout->first_member);
    memory_free(layout->bucket);
    memory_free(layout->first_block);
}

size_t bucket_blocks(const Bucket *bucket) {
    return size_divide_up(bucket->length, bucket->block);
}

void layout_set_buckets(ReductionLayout *layout, const Bucket *buckets) {
    memcpy(layout->bucket, buckets, layout->buckets * sizeof *buckets);
    layout->first_block[0] = 0;
    for (size_t b = 0; b < layout->buckets; b++)
        layout->first_block[b + 1] = layout->first_block[b] + bucket_blocks(&layout->bucket[b]);
}

void layout_part(const ReductionLayout *layout, size_t index, int rank, size_t *first, size_t *length) {
    const Bucket *bucket = &layout->bucket[index];
    const size_t ranks = (size_t)layout->ranks, r = (size_t)rank, blocks = bucket_blocks(bucket), *cuts = bucket->cuts;
    size_t from = cuts ? cuts[r] : blocks * r / ranks, to = cuts ? cuts[r + 1] : blocks * (r + 1) / ranks;
    size_t begin = size_min(from * bucket->block, bucket->length), end = size_min(to * bucket->block, bucket->length);
    *first = bucket->start + begin;
    *length = end - begin;
}

size_t layout_before(const ReductionLayout *layout, size_t bucket) {
    size_t before = 0, first, length;
    for (size_t b = 0; b < bucket; b++) {
        layout_part(layout, b, layout->rank, &first, &length);
        before += length;
    }
    return before;
}

bool layout_is_neighbour(const ReductionLayout *layout, int rank) {
    return layout->node_of[rank] == layout->node_of[layout->rank];
}

int layout_node_leader(const ReductionLayout *layout, int node, int owner) {
    const int *member = layout->member + layout->first_member[node];
    return member[owner % (layout->first_member[node + 1] - layout->first_member[node])];
}

bool layout_leads(const ReductionLayout *layout, int owner) {
    return !layout_is_neighbour(layout, owner) &&
           layout_node_leader(layout, layout->node_of[layout->rank], owner) == layout->rank;
}
