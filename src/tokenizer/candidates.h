#ifndef LINNET_TOKENIZER_CANDIDATES_H
#define LINNET_TOKENIZER_CANDIDATES_H
/** Lists of tokens that are to be added, found by text, name or id in constant time: a tokenizer may have 200,000 of
 *  them. */
#include "tokenizer/spec_reader.h"

#define UNSET (-1)

/** A token that is to be added, as a file gives it. */
typedef struct {
    const char *text; /**< borrowed from a tree; NULL: there is no such token */
    const char *name; /**< key of a special token, borrowed; NULL without */
    int64_t id;       /**< that the file gives; UNSET without */
    int normalized;   /**< UNSET: what `special` is not */
    bool lstrip, rstrip, single_word, special;
    bool plain; /**< a text without flags */
    SpecFile file;
} Candidate;

typedef enum {
    BY_TEXT,
    BY_NAME,
    BY_ID,
    BY_LOOK, /**< text and flags, apart from `special` */
    CANDIDATE_KEYS
} CandidateKey;

/** A hash table of the items by one key: index + 1 of the first item with that key, 0 in an empty slot. */
typedef struct {
    uint32_t *slots; /**< [slot_count], a power of two */
    size_t slot_count, used;
    size_t indexed; /**< the first so many items are in it */
    bool repeats;   /**< two of them have the same key */
} CandidateIndex;

/** Starts as zeros. */
typedef struct {
    Candidate *items; /**< [count] */
    size_t count, capacity;
    int64_t highest; /**< of the ids that were appended; UNSET or 0 without */
    CandidateIndex index[CANDIDATE_KEYS];
} Candidates;

void candidates_free(Candidates *list);

/** Append a token. */
Status candidates_push(Candidates *list, Candidate candidate, Error *error);

/** Put a token in place of one of the list. */
void candidates_replace(Candidates *list, Candidate *item, Candidate candidate);

/** Put the items in the order of their ids. */
void candidates_sort(Candidates *list);

/** Remove all items. */
void candidates_clear(Candidates *list);

/** The first token whose text, name, id, or text and flags are those of `wanted`; NULL: none, or *error is set. */
Candidate *candidates_find(Candidates *list, CandidateKey key, const Candidate *wanted, Error *error);

/** The first token with a text, or NULL. */
Candidate *candidates_find_text(Candidates *list, const char *text, Error *error);

#endif
