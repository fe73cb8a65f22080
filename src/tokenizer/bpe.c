/* Byte-pair merges of one word. See bpe.h. */
#include "tokenizer/bpe.h"
#include "linnet/core/memory.h"
#include <stdbool.h>
#include <string.h>

/* A merge by its pair of ids. */
typedef struct {
    int32_t left, right, result;
    uint32_t rank; /* from 1; 0 in an empty slot */
} Merge;

/* A symbol of the current word, linked to its neighbours by index; NONE ends the list. */
typedef struct {
    int32_t id; /**< -1 once it is merged into its left neighbour */
    uint32_t previous, next;
} Symbol;

/* A merge that was possible at symbol `at` when it was queued. */
typedef struct {
    uint32_t rank, at;
} Candidate;

struct Bpe {
    Merge *merges; /**< open addressing, at most half full */
    size_t mask;
    Symbol *symbols;  /**< [capacity] */
    Candidate *queue; /**< [3 × capacity] a binary heap, the lowest rank first */
    size_t queued, capacity;
};

#define NONE UINT32_MAX

static Merge *merge_of(const Bpe *bpe, int32_t left, int32_t right) {
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t at = (size_t)(pair * UINT64_C(0x9E3779B97F4A7C15) >> 32) & bpe->mask;
    while (bpe->merges[at].rank && (bpe->merges[at].left != left || bpe->merges[at].right != right))
        at = (at + 1) & bpe->mask;
    return &bpe->merges[at];
}

Status bpe_create(Bpe **bpe, const TokenizerSpec *spec, Error *error) {
    size_t slots = 1024;
    while (slots < 2 * spec->merge_count) slots *= 2;
    Bpe *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    made->mask = slots - 1;
    made->merges = memory_allocate(slots, sizeof *made->merges, error);
    for (size_t i = 0; made->merges && i < spec->merge_count; i++) {
        const SpecMerge *merge = &spec->merges[i];
        const int32_t left = spec->tokens[merge->left].id, right = spec->tokens[merge->right].id;
        *merge_of(made, left, right) = (Merge){left, right, spec->tokens[merge->result].id, (uint32_t)i + 1};
    }
    if (!error->status)
        *bpe = made;
    else
        bpe_destroy(made);
    return error->status;
}

void bpe_destroy(Bpe *bpe) {
    if (!bpe) return;
    memory_free(bpe->merges);
    memory_free(bpe->symbols);
    memory_free(bpe->queue);
    memory_free(bpe);
}

static bool comes_before(const Candidate *a, const Candidate *b) {
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void push(Bpe *bpe, Candidate candidate) {
    size_t at = bpe->queued++;
    for (size_t parent; at > 0; at = parent) {
        parent = (at - 1) / 2;
        if (!comes_before(&candidate, &bpe->queue[parent])) break;
        bpe->queue[at] = bpe->queue[parent];
    }
    bpe->queue[at] = candidate;
}

static Candidate pop(Bpe *bpe) {
    Candidate first = bpe->queue[0], last = bpe->queue[--bpe->queued];
    size_t at = 0;
    for (size_t child = 1; child < bpe->queued; child = 2 * at + 1) {
        if (child + 1 < bpe->queued && comes_before(&bpe->queue[child + 1], &bpe->queue[child])) child++;
        if (!comes_before(&bpe->queue[child], &last)) break;
        bpe->queue[at] = bpe->queue[child];
        at = child;
    }
    bpe->queue[at] = last;
    return first;
}

/* Queue the merge of the symbol `at` with its right neighbour, if there is one. */
static void consider(Bpe *bpe, uint32_t at) {
    const Symbol *left = &bpe->symbols[at];
    if (left->next == NONE) return;
    const Merge *merge = merge_of(bpe, left->id, bpe->symbols[left->next].id);
    if (merge->rank) push(bpe, (Candidate){merge->rank, at});
}

/* Make the merge, unless one symbol of the queued pair has been merged with another neighbour since. */
static void apply(Bpe *bpe, Candidate candidate) {
    Symbol *left = &bpe->symbols[candidate.at];
    if (left->id < 0 || left->next == NONE) return;
    Symbol *right = &bpe->symbols[left->next];
    const Merge *merge = merge_of(bpe, left->id, right->id);
    if (merge->rank != candidate.rank) return;
    left->id = merge->result;
    left->next = right->next;
    right->id = -1;
    if (left->next != NONE) bpe->symbols[left->next].previous = candidate.at;
    if (left->previous != NONE) consider(bpe, left->previous);
    consider(bpe, candidate.at);
}

/* A word of n symbols queues at most n − 1 merges at first and two for each of the n − 1 that are made. */
static Status make_room(Bpe *bpe, size_t count, Error *error) {
    if (count <= bpe->capacity) return STATUS_OK;
    if (count >= NONE / 4) return error_set(error, STATUS_INPUT, "a word of %zu bytes is too long to tokenize", count);
    size_t capacity = 2 * count;
    Symbol *symbols = memory_resize(bpe->symbols, 0, capacity, sizeof *symbols, error);
    if (!symbols) return error->status;
    bpe->symbols = symbols;
    Candidate *queue = memory_resize(bpe->queue, 0, 3 * capacity, sizeof *queue, error);
    if (!queue) return error->status;
    bpe->queue = queue;
    bpe->capacity = capacity;
    return STATUS_OK;
}

Status bpe_merge(Bpe *bpe, int32_t *ids, size_t count, size_t *merged, Error *error) {
    if (make_room(bpe, count, error)) return error->status;
    for (uint32_t i = 0; i < count; i++) bpe->symbols[i] = (Symbol){ids[i], i - 1, i + 1}; /* 0 − 1 is NONE */
    bpe->symbols[count - 1].next = NONE;
    bpe->queued = 0;
    for (uint32_t i = 0; i < count; i++) consider(bpe, i);
    while (bpe->queued > 0) apply(bpe, pop(bpe));
    *merged = 0;
    for (uint32_t i = 0; i != NONE; i = bpe->symbols[i].next) ids[(*merged)++] = bpe->symbols[i].id;
    return STATUS_OK;
}
