/* The subtree sums that a node has, sends and receives. See tree_pieces.h. */
#include "comm/tree_pieces.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include <string.h>

Status tree_pieces_create(TreePieces *pieces, const ReductionLayout *layout, int units, bool bf16, Error *error) {
    size_t room = (size_t)units + 64; /* tree_nodes() wants room for 64 behind the last */
    *pieces = (TreePieces){.bf16 = bf16};
    pieces->terms = memory_allocate(room, sizeof *pieces->terms, error);
    pieces->outgoing = memory_allocate(room, sizeof *pieces->outgoing, error);
    pieces->outgoing_from = memory_allocate(room, sizeof *pieces->outgoing_from, error);
    pieces->sent_by = memory_allocate((size_t)layout->nodes, sizeof *pieces->sent_by, error);
    return error->status;
}

void tree_pieces_free(TreePieces *pieces) {
    memory_free(pieces->terms);
    memory_free(pieces->outgoing);
    memory_free(pieces->outgoing_from);
    memory_free(pieces->sent_by);
}

/* The units of the ranks from `rank` up to `end`, which are consecutive. */
static void units_of(const ReductionLayout *layout, int units, int rank, int end, int *first, int *count) {
    int64_t from, last, last_count;
    even_part(units, layout->ranks, rank, &from, &last_count);
    even_part(units, layout->ranks, end - 1, &last, &last_count);
    *first = (int)from;
    *count = (int)(last + last_count - from);
}

/* Consecutive ranks of this node: the sums in every rank's gradient buffers, and what they sum up to. */
static void add_here(TreePieces *p, const ReductionLayout *layout, int rank, int end) {
    int first, count;
    const int units = p->units;
    size_t from = p->term_count;
    for (int r = rank; r < end; r++) {
        units_of(layout, units, r, r + 1, &first, &count);
        p->term_count += tree_nodes(units, first, count, r, p->terms + p->term_count);
    }
    units_of(layout, units, rank, end, &first, &count);
    size_t last = p->outgoing_count + tree_nodes(units, first, count, rank, p->outgoing + p->outgoing_count);
    for (; p->outgoing_count < last; p->outgoing_count++) {
        while (p->terms[from].first < p->outgoing[p->outgoing_count].first) from++;
        p->outgoing_from[p->outgoing_count] = from;
    }
}

/* Consecutive ranks of another node, whose node leader sends the sums of all its node's units. */
static void add_elsewhere(TreePieces *p, const ReductionLayout *layout, int rank, int end) {
    int first, count, node = layout->node_of[rank];
    units_of(layout, p->units, rank, end, &first, &count);
    TreeNode *terms = p->terms + p->term_count;
    size_t added = tree_nodes(p->units, first, count, layout_node_leader(layout, node, layout->rank), terms);
    for (size_t i = 0; i < added; i++) terms[i].buffer = p->sent_by[node]++;
    p->term_count += added;
}

void tree_pieces_find(TreePieces *p, const ReductionLayout *layout, int units) {
    p->units = units;
    p->term_count = p->outgoing_count = 0;
    memset(p->sent_by, 0, (size_t)layout->nodes * sizeof *p->sent_by);
    for (int rank = 0, end; rank < layout->ranks; rank = end) {
        for (end = rank + 1; end < layout->ranks && layout->node_of[end] == layout->node_of[rank];) end++;
        (layout_is_neighbour(layout, rank) ? add_here : add_elsewhere)(p, layout, rank, end);
    }
}

const TreeNode *tree_pieces_in_place(const TreePieces *p, size_t outgoing) {
    const TreeNode *term = &p->terms[p->outgoing_from[outgoing]];
    return !p->bf16 && term->count == p->outgoing[outgoing].count ? term : NULL;
}

PieceCounts tree_pieces_count(const TreePieces *p, const ReductionLayout *layout) {
    PieceCounts counts = {.owned = layout_before(layout, layout->buckets)};
    size_t local = 0, in_place = 0, first, length;
    for (size_t i = 0; i < p->term_count; i++) local += layout_is_neighbour(layout, p->terms[i].rank);
    for (size_t k = 0; k < p->outgoing_count; k++) in_place += tree_pieces_in_place(p, k) != NULL;
    const size_t remote = p->term_count - local;
    counts.received = remote * counts.owned;
    counts.owned_from = local * counts.owned;
    for (size_t b = 0; b < layout->buckets; b++) {
        layout_part(layout, b, layout->rank, &first, &length);
        counts.receives += length > 0 ? remote : 0;
    }
    for (int owner = 0; owner < layout->ranks; owner++) {
        if (!layout_leads(layout, owner)) continue;
        counts.owners++;
        for (size_t b = 0; b < layout->buckets; b++) {
            layout_part(layout, b, owner, &first, &length);
            counts.sends += length > 0 ? p->outgoing_count : 0;
            counts.sent += p->outgoing_count * length;
            counts.made += (p->outgoing_count - in_place) * length;
            counts.made_from += (local - in_place) * length; /* every local term is part of one outgoing sum */
        }
    }
    return counts;
}
