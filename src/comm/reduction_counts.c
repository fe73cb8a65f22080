/* What an update sends, adds and allocates. See reduction_counts.h. */
#include "linnet/comm/reduction_counts.h"
#include "comm/messages.h"
#include "comm/tree_pieces.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"

int reduction_buffers(const ReductionRule *rule, int ranks, int rank) {
    int64_t first, count;
    even_part(rule->units, ranks, rank, &first, &count);
    if (count == 0 || (rule->unsplit && ranks == 1)) return 1;
    int most = rule->unsplit ? tree_nodes_most((int)count, first == 0) : tree_depth_most((int)count, first == 0);
    /* MPI sums one gradient buffer a rank; a subtree behind the first needs another until it is added. */
    return rule->kind == REDUCTION_MPI && most > 2 ? 2 : most;
}

static ReductionCounts count_rank(const ReductionJob *job, const TreePieces *pieces, const ReductionLayout *layout) {
    const size_t wire = job->rule.bf16 ? sizeof(uint16_t) : sizeof(float), others = (size_t)job->nodes - 1;
    ReductionCounts counts = {.buffers = reduction_buffers(&job->rule, job->ranks, layout->rank)};
    for (size_t b = 0; b < job->gathered; b++) {
        size_t first, length;
        layout_part(layout, b, layout->rank, &first, &length);
        counts.value_messages += length > 0 ? others : 0;
        counts.value_bytes += others * length * sizeof(float);
    }
    if (job->rule.kind == REDUCTION_MPI) return counts;
    const PieceCounts p = tree_pieces_count(pieces, layout);
    /* If this rank has all units, its own gradient buffer already holds the sum: nothing is added. */
    const bool in_place = pieces->term_count == 1 && pieces->terms[0].rank == layout->rank;
    counts.gradient_messages = p.sends;
    counts.gradient_bytes = p.sent * wire;
    counts.sum_bytes =
        (p.made_from + p.owned_from + (in_place ? 0 : p.owned)) * sizeof(float) + (p.received + p.made) * wire;
    counts.message_bytes = messages_room((p.received + p.made) * wire);
    return counts;
}

Status reduction_counts(const ReductionJob *job, int node, ReductionCounts *counts, Error *error) {
    const int neighbours = job->ranks / job->nodes, lowest = node * neighbours;
    ReductionLayout layout;
    TreePieces pieces;
    int *node_of = memory_allocate((size_t)job->ranks, sizeof *node_of, error);
    if (!node_of) return error->status;
    for (int rank = 0; rank < job->ranks; rank++) node_of[rank] = rank / neighbours;
    layout_create(&layout, lowest, job->ranks, job->nodes, node_of, job->bucket_count, error);
    if (tree_pieces_create(&pieces, &layout, job->units, job->rule.bf16, error) == STATUS_OK) {
        layout_set_buckets(&layout, job->buckets);
        tree_pieces_find(&pieces, &layout, job->units);
        for (int i = 0; i < neighbours; i++) {
            layout.rank = lowest + i;
            counts[i] = count_rank(job, &pieces, &layout);
        }
    }
    tree_pieces_free(&pieces);
    layout_free(&layout);
    memory_free(node_of);
    return error->status;
}
