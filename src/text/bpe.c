/* Byte-pair merges of one word. See bpe.h. */
#include "text/bpe.h"
#include "linnet/core/memory.h"
#include <stdbool.h>
#include <string.h>

/* A merge of the file, in 8 bytes so that the table stays in a core's cache: `pair` has the left id in its upper 16
 * bits and the right id in its lower 16. */
typedef struct {
    uint32_t pair;
    uint32_t rank; /**< from 1; 0 in an empty slot */
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
    uint16_t *results; /**< [ranks + 1] the id that the merge of each rank gives */
    Symbol *symbols;   /**< [capacity] */
    Candidate *queue;  /**< [3 × capacity] a binary heap, the lowest rank first */
    size_t queued, capacity;
};

#define NONE UINT32_MAX
#define JOINED_MAX 1024 /* bytes of the longest token that a merge may make */

static Merge *merge_of(const Bpe *bpe, int32_t left, int32_t right) {
    uint32_t pair = (uint32_t)left << 16 | (uint32_t)right;
    size_t at = (size_t)(pair * UINT64_C(0x9E3779B97F4A7C15) >> 32) & bpe->mask;
    while (bpe->merges[at].rank && bpe->merges[at].pair != pair) at = (at + 1) & bpe->mask;
    return &bpe->merges[at];
}

/* The ids of a line's two tokens and of the joined token. */
static Status read_line(const Vocabulary *vocabulary, const char *line, size_t size, int32_t ids[3], const char *path,
                        int number, Error *error) {
    const char *space = memchr(line, ' ', size);
    size_t left = space ? (size_t)(space - line) : 0, right = space ? size - left - 1 : 0;
    char joined[JOINED_MAX];
    if (left == 0 || right == 0 || memchr(space + 1, ' ', right) || left + right > sizeof joined)
        return error_set(error, STATUS_INPUT,
                         "%s:%d: expected two tokens with one space between them, at most %d bytes", path, number,
                         JOINED_MAX);
    memcpy(joined, line, left);
    memcpy(joined + left, space + 1, right);
    const struct {
        const char *text;
        size_t size;
    } parts[3] = {{line, left}, {space + 1, right}, {joined, left + right}};
    for (int i = 0; i < 3; i++) {
        ids[i] = vocabulary_find(vocabulary, parts[i].text, parts[i].size);
        if (ids[i] < 0)
            return error_set(error, STATUS_INPUT, "%s:%d: token `%.*s` is not in vocab.json", path, number,
                             (int)parts[i].size, parts[i].text);
    }
    return STATUS_OK;
}

static Status read_merges(Bpe *bpe, const Vocabulary *vocabulary, const char *text, size_t size, const char *path,
                          Error *error) {
    static const char VERSION[] = "#version";
    const char *end = text + size, *next;
    uint32_t rank = 1;
    int number = 1;
    for (const char *line = text; line < end; line = next, number++) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        next = newline ? newline + 1 : end;
        size_t length = (size_t)((newline ? newline : end) - line);
        if (length > 0 && line[length - 1] == '\r') length--;
        if (length >= strlen(VERSION) && memcmp(line, VERSION, strlen(VERSION)) == 0) continue;
        int32_t ids[3];
        if (read_line(vocabulary, line, length, ids, path, number, error)) return error->status;
        /* Of a merge that appears twice the later rank counts, as in Hugging Face tokenizers. */
        *merge_of(bpe, ids[0], ids[1]) = (Merge){(uint32_t)ids[0] << 16 | (uint32_t)ids[1], rank};
        bpe->results[rank++] = (uint16_t)ids[2];
    }
    return STATUS_OK;
}

Status bpe_create(Bpe **bpe, const Vocabulary *vocabulary, const char *text, size_t size, const char *path,
                  Error *error) {
    size_t lines = 1, slots = 1024;
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    while (slots < 2 * lines) slots *= 2;
    Bpe *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    made->mask = slots - 1;
    made->merges = memory_allocate(slots, sizeof *made->merges, error);
    made->results = memory_allocate(lines + 1, sizeof *made->results, error);
    if (!error->status && !read_merges(made, vocabulary, text, size, path, error))
        *bpe = made;
    else
        bpe_destroy(made);
    return error->status;
}

void bpe_destroy(Bpe *bpe) {
    if (!bpe) return;
    memory_free(bpe->merges);
    memory_free(bpe->results);
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
    left->id = bpe->results[candidate.rank];
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
