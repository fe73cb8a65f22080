#ifndef LINNET_TEXT_SHINGLES_H
#define LINNET_TEXT_SHINGLES_H
/** A text as the set of its character 5-grams, and MinHash over it (duplicates.h). Not collective. */
#include "text/duplicates.h"

enum { SHINGLE = 5 /* characters */, MINHASH_ROWS = 8 /* of a band at most */, MINHASH_BANDS = 8 /* at a time */ };

/** The set: hashes of the 5-grams, sorted, each once. */
typedef struct {
    uint64_t *hashes; /**< [count] of `room` */
    size_t count, room;
} Shingles;

/** Take a text of the list in place of what the set holds. A text with fewer characters has one 5-gram, itself. */
Status shingles_take(Shingles *shingles, const TextList *texts, int64_t text, Error *error);
void shingles_free(Shingles *shingles);

/** |A ∩ B| / |A ∪ B|, of sets that are not empty. */
double shingles_similarity(const Shingles *a, const Shingles *b);

/** The keys [MINHASH_BANDS] of a text in bands first … first + MINHASH_BANDS − 1 of `rows` ≤ MINHASH_ROWS rows each: two
 *  texts of Jaccard similarity s have the same key with the probability s^rows. */
void minhash_keys(uint64_t *keys, const TextList *texts, int64_t text, int first, int rows);

#endif
