/* Sets of 5-grams and MinHash. See shingles.h. */
#include "text/shingles.h"
#include "linnet/core/hash.h"
#include "linnet/core/memory.h"
#include "linnet/core/mix.h"
#include "linnet/core/utf8.h"
#include <stdbool.h>
#include <stdlib.h>

/* Walks through a text's 5-grams. */
typedef struct {
    const char *text;
    size_t size, start, end; /**< of the current one */
} Walk;

static size_t character_length(const char *text, size_t size) {
    const size_t length = utf8_character_length(text, size);
    return length > 0 ? length : 1;
}

/* The first 5-gram, or the whole of a shorter text. */
static Walk walk_begin(const TextList *texts, int64_t text) {
    const size_t start = texts->starts[text];
    Walk walk = {.text = texts->bytes + start, .size = texts->starts[text + 1] - start};
    for (int i = 0; i < SHINGLE && walk.end < walk.size; i++)
        walk.end += character_length(walk.text + walk.end, walk.size - walk.end);
    return walk;
}

static uint64_t walk_hash(const Walk *walk) {
    return mix_bits(hash_add(HASH_START, walk->text + walk->start, walk->end - walk->start));
}

/* The next 5-gram; false at the text's end. */
static bool walk_next(Walk *walk) {
    if (walk->end >= walk->size) return false;
    walk->start += character_length(walk->text + walk->start, walk->size - walk->start);
    walk->end += character_length(walk->text + walk->end, walk->size - walk->end);
    return true;
}

static int compare_hashes(const void *left, const void *right) {
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

Status shingles_take(Shingles *shingles, const TextList *texts, int64_t text, Error *error) {
    Walk walk = walk_begin(texts, text);
    const size_t most = walk.size + 1;
    size_t all = 0, kept = 0;
    if (most > shingles->room) {
        uint64_t *hashes = memory_resize(shingles->hashes, 0, 2 * most, sizeof *hashes, error);
        if (!hashes) return error->status;
        shingles->hashes = hashes;
        shingles->room = 2 * most;
    }
    do shingles->hashes[all++] = walk_hash(&walk);
    while (walk_next(&walk));
    qsort(shingles->hashes, all, sizeof *shingles->hashes, compare_hashes);
    for (size_t i = 0; i < all; i++)
        if (i == 0 || shingles->hashes[i] != shingles->hashes[i - 1]) shingles->hashes[kept++] = shingles->hashes[i];
    shingles->count = kept;
    return STATUS_OK;
}

void shingles_free(Shingles *shingles) {
    memory_free(shingles->hashes);
    *shingles = (Shingles){0};
}

double shingles_similarity(const Shingles *a, const Shingles *b) {
    size_t i = 0, j = 0, both = 0;
    while (i < a->count && j < b->count) {
        const uint64_t left = a->hashes[i], right = b->hashes[j];
        both += left == right;
        i += left <= right;
        j += right <= left;
    }
    return (double)both / (double)(a->count + b->count - both);
}

/* A family of permutations of 32 bits: x → (x ⊕ a) × b, b odd. */
void minhash_keys(uint64_t *keys, const TextList *texts, int64_t text, int first, int rows) {
    enum { FUNCTIONS = MINHASH_ROWS * MINHASH_BANDS };
    uint32_t a[FUNCTIONS], b[FUNCTIONS], least[FUNCTIONS];
    for (int k = 0; k < FUNCTIONS; k++) {
        const uint64_t bits = mix_bits((uint64_t)(first * MINHASH_ROWS + k + 1));
        a[k] = (uint32_t)bits;
        b[k] = (uint32_t)(bits >> 32) | 1;
        least[k] = UINT32_MAX;
    }
    const int used = MINHASH_BANDS * rows;
    Walk walk = walk_begin(texts, text);
    do {
        const uint32_t hash = (uint32_t)walk_hash(&walk);
        for (int k = 0; k < used; k++) {
            const uint32_t value = (hash ^ a[k]) * b[k];
            least[k] = value < least[k] ? value : least[k];
        }
    } while (walk_next(&walk));
    for (int band = 0; band < MINHASH_BANDS; band++)
        keys[band] = mix_bits(hash_add(HASH_START, &least[band * rows], (size_t)rows * sizeof *least));
}
