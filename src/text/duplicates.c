/* Groups of texts that are the same, or nearly. See duplicates.h. */
#include "text/duplicates.h"
#include "linnet/core/hash.h"
#include "linnet/core/integers.h"
#include "linnet/core/limits.h"
#include "linnet/core/memory.h"
#include "linnet/core/mix.h"
#include "linnet/core/progress.h"
#include "text/shingles.h"
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CANDIDATES = 256 /* of a text in a band */ };

/* --- Groups: a forest whose roots are the first texts ------------------------------------------------------------- */

static int64_t find_root(int64_t *group, int64_t text) {
    while (group[text] != text) {
        group[text] = group[group[text]];
        text = group[text];
    }
    return text;
}

static void join(int64_t *group, int64_t a, int64_t b) {
    a = find_root(group, a);
    b = find_root(group, b);
    group[a > b ? a : b] = a < b ? a : b;
}

/* --- Equal texts -------------------------------------------------------------------------------------------------- */

/* A text and what it is sorted by. */
typedef struct {
    uint64_t key;
    int64_t text;
} Keyed;

static int compare_keyed(const void *left, const void *right) {
    const Keyed *a = left, *b = right;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return (a->text > b->text) - (a->text < b->text);
}

static bool are_equal(const TextList *texts, int64_t a, int64_t b) {
    const size_t size = texts->starts[a + 1] - texts->starts[a];
    return texts->starts[b + 1] - texts->starts[b] == size &&
           memcmp(texts->bytes + texts->starts[a], texts->bytes + texts->starts[b], size) == 0;
}

/* Join equal texts, and leave in keyed [*count] the first of each. */
static void join_equal(Duplicates *found, const TextList *texts, Keyed *keyed, int64_t *count) {
    const int64_t all = texts->count;
    int64_t kept = 0;
    for (int64_t i = 0; i < all; i++) keyed[i] = (Keyed){text_list_hash(texts, i), i};
    qsort(keyed, (size_t)all, sizeof *keyed, compare_keyed);
    for (int64_t i = 0, run = 0; i < all; i++) {
        if (i == 0 || keyed[i].key != keyed[i - 1].key) run = i;
        int64_t j = run; /* texts of the same hash are equal, but for a collision */
        while (j < i && !are_equal(texts, keyed[j].text, keyed[i].text)) j++;
        if (j < i) {
            join(found->group, keyed[j].text, keyed[i].text);
            found->equal++;
        }
    }
    for (int64_t i = 0; i < all; i++)
        if (found->group[i] == i) keyed[kept++].text = i;
    *count = kept;
}

/* --- Nearly equal texts ------------------------------------------------------------------------------------------- */

/* Of a band: compare the texts [count] of the same key, in the order of the texts. */
static Status join_candidates(Duplicates *found, const TextList *texts, const Keyed *same, int64_t count,
                              double threshold, Shingles sets[2], Error *error) {
    for (int64_t i = 1; i < count; i++) {
        bool ready = false;
        for (int64_t j = i - 1; j >= int64_max(0, i - CANDIDATES); j--) {
            if (find_root(found->group, same[i].text) == find_root(found->group, same[j].text)) continue;
            if ((!ready && shingles_take(&sets[0], texts, same[i].text, error)) ||
                shingles_take(&sets[1], texts, same[j].text, error))
                return error->status;
            ready = true;
            if (shingles_similarity(&sets[0], &sets[1]) >= threshold) join(found->group, same[i].text, same[j].text);
        }
    }
    return STATUS_OK;
}

static Status join_band(Duplicates *found, const TextList *texts, Keyed *keyed, int64_t count, double threshold,
                        Shingles sets[2], Error *error) {
    qsort(keyed, (size_t)count, sizeof *keyed, compare_keyed);
    for (int64_t start = 0, end; start < count && !error->status; start = end) {
        for (end = start + 1; end < count && keyed[end].key == keyed[start].key;) end++;
        join_candidates(found, texts, keyed + start, end - start, threshold, sets, error);
    }
    return error->status;
}

/* Rows of a band, so that a pair at the threshold agrees in one with a probability of 0.4 at least, and bands, so that
 * it agrees in one of them with a probability of 1 − 10⁻⁶. */
static void choose_bands(double threshold, int *rows, int *bands) {
    *rows = (int)fmin(MINHASH_ROWS, fmax(2, floor(log(0.4) / log(threshold))));
    *bands = (int)ceil(log(1e-6) / log1p(-pow(threshold, *rows)));
}

/* Keys [count, MINHASH_BANDS] of the bands from `first` on. */
static void make_keys(uint64_t *keys, const TextList *texts, const Keyed *distinct, int64_t count, int first,
                      int rows) {
#pragma omp parallel for schedule(dynamic, 256)
    for (int64_t i = 0; i < count; i++) minhash_keys(keys + i * MINHASH_BANDS, texts, distinct[i].text, first, rows);
}

static Status join_near(Duplicates *found, const TextList *texts, const Keyed *distinct, int64_t count,
                        double threshold, Error *error) {
    int rows, bands;
    Shingles sets[2] = {{0}};
    uint64_t *keys = memory_allocate((size_t)count * MINHASH_BANDS, sizeof *keys, error);
    Keyed *band = memory_allocate((size_t)count, sizeof *band, error);
    choose_bands(threshold, &rows, &bands);
    progress_begin("duplicates", "bands", bands);
    for (int b = 0; b < bands && !error->status; b++) {
        const int within = b % MINHASH_BANDS;
        progress_set(b, NULL);
        if (within == 0) make_keys(keys, texts, distinct, count, b, rows);
        for (int64_t i = 0; i < count; i++) band[i] = (Keyed){keys[i * MINHASH_BANDS + within], distinct[i].text};
        join_band(found, texts, band, count, threshold, sets, error);
    }
    progress_end();
    for (int i = 0; i < 2; i++) shingles_free(&sets[i]);
    memory_free(keys);
    memory_free(band);
    return error->status;
}

/* Let each text name its group's first, and count. `sizes` [texts] is zero. */
static void count_groups(Duplicates *found, int64_t count, int64_t *sizes) {
    for (int64_t i = 0; i < count; i++) {
        found->group[i] = find_root(found->group, i);
        found->groups += found->group[i] == i;
        found->largest = int64_max(found->largest, ++sizes[found->group[i]]);
    }
    found->near = count - found->groups - found->equal;
}

Status duplicates_find(Duplicates *duplicates, const TextList *texts, double threshold, Error *error) {
    const size_t count = (size_t)texts->count;
    *duplicates = (Duplicates){.group = memory_allocate(count, sizeof *duplicates->group, error)};
    Keyed *keyed = memory_allocate(count, sizeof *keyed, error);
    int64_t *sizes = memory_allocate(count, sizeof *sizes, error);
    if (error->status || limits_threads(omp_get_max_threads(), error)) goto cleanup;
    int64_t distinct;
    for (size_t i = 0; i < count; i++) duplicates->group[i] = (int64_t)i;
    join_equal(duplicates, texts, keyed, &distinct);
    if (threshold < 1 && join_near(duplicates, texts, keyed, distinct, threshold, error)) goto cleanup;
    count_groups(duplicates, texts->count, sizes);
cleanup:
    memory_free(keyed);
    memory_free(sizes);
    return error->status;
}

void duplicates_free(Duplicates *duplicates) {
    memory_free(duplicates->group);
    *duplicates = (Duplicates){0};
}
