/* Lists of tokens that are to be added, with hash tables. See candidates.h. */
#include "tokenizer/candidates.h"
#include "linnet/core/hash.h"
#include "linnet/core/memory.h"
#include <stdlib.h>
#include <string.h>

void candidates_free(Candidates *list) {
    memory_free(list->items);
    for (int key = 0; key < CANDIDATE_KEYS; key++) memory_free(list->index[key].slots);
    *list = (Candidates){0};
}

/* Let the tables be made anew by the next search. */
static void forget_index(Candidates *list) {
    for (int key = 0; key < CANDIDATE_KEYS; key++) list->index[key].indexed = 0;
}

Status candidates_push(Candidates *list, Candidate candidate, Error *error) {
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 16;
        Candidate *items = memory_resize(list->items, list->count * sizeof *items, capacity, sizeof *items, error);
        if (!items) return error->status;
        list->items = items;
        list->capacity = capacity;
    }
    if (candidate.id > list->highest) list->highest = candidate.id;
    list->items[list->count++] = candidate;
    return STATUS_OK;
}

static int id_order(const void *left, const void *right) {
    const Candidate *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

void candidates_sort(Candidates *list) {
    if (list->count) qsort(list->items, list->count, sizeof *list->items, id_order);
    forget_index(list);
}

void candidates_clear(Candidates *list) {
    list->count = 0;
    forget_index(list);
}

/* --- The tables --- */

static const char *text_of(CandidateKey key, const Candidate *item) {
    return key == BY_NAME ? item->name : item->text;
}

static bool has_key(CandidateKey key, const Candidate *item) {
    return key == BY_ID ? item->id != UNSET : text_of(key, item) != NULL;
}

static uint32_t hash_of(CandidateKey key, const Candidate *item) {
    if (key == BY_ID) return hash_fold(hash_add(HASH_START, &item->id, sizeof item->id));
    const char *text = text_of(key, item);
    return hash_fold(hash_add(HASH_START, text, strlen(text)));
}

static bool is_same(CandidateKey key, const Candidate *a, const Candidate *b) {
    if (key == BY_ID) return a->id == b->id;
    if (!has_key(key, a) || strcmp(text_of(key, a), text_of(key, b)) != 0) return false;
    if (key != BY_LOOK) return true;
    return a->plain == b->plain && a->lstrip == b->lstrip && a->rstrip == b->rstrip &&
           a->single_word == b->single_word && (a->normalized == 1) == (b->normalized == 1);
}

/* The slot of the first item with the key of `wanted`, or the empty slot where it belongs. An item that was replaced
 * may leave a slot behind, which its new key does not match. */
static uint32_t *slot_of(const Candidates *list, CandidateKey key, const Candidate *wanted) {
    const CandidateIndex *index = &list->index[key];
    const size_t mask = index->slot_count - 1;
    for (size_t at = hash_of(key, wanted) & mask;; at = (at + 1) & mask) {
        uint32_t *slot = &index->slots[at];
        if (!*slot || is_same(key, &list->items[*slot - 1], wanted)) return slot;
    }
}

static void enter(Candidates *list, CandidateKey key, size_t item) {
    if (!has_key(key, &list->items[item])) return;
    uint32_t *slot = slot_of(list, key, &list->items[item]);
    if (*slot) {
        list->index[key].repeats = true;
        return;
    }
    *slot = (uint32_t)item + 1;
    list->index[key].used++;
}

/* Make an empty table for twice the items there are. */
static Status clear_index(const Candidates *list, CandidateIndex *index, Error *error) {
    size_t slots = 64;
    while (slots < 4 * list->count) slots *= 2;
    if (slots > index->slot_count) {
        uint32_t *room = memory_resize(index->slots, 0, slots, sizeof *room, error);
        if (!room) return error->status;
        index->slots = room;
        index->slot_count = slots;
    }
    memset(index->slots, 0, index->slot_count * sizeof *index->slots);
    index->used = index->indexed = 0;
    index->repeats = false;
    return STATUS_OK;
}

/* Bring a table up to date; it stays at most half full. */
static Status update_index(Candidates *list, CandidateKey key, Error *error) {
    CandidateIndex *index = &list->index[key];
    const size_t more = list->count - index->indexed;
    if ((index->indexed == 0 || 2 * (index->used + more) > index->slot_count) && clear_index(list, index, error))
        return error->status;
    for (; index->indexed < list->count; index->indexed++) enter(list, key, index->indexed);
    return STATUS_OK;
}

/* Bring a table up to date with an item whose key has changed. */
static void enter_again(Candidates *list, CandidateKey key, size_t item) {
    CandidateIndex *index = &list->index[key];
    if (item >= index->indexed) return;
    if (index->repeats || 2 * (index->used + 1) > index->slot_count)
        index->indexed = 0; /* another item with the old key may be the first now */
    else
        enter(list, key, item);
}

void candidates_replace(Candidates *list, Candidate *item, Candidate candidate) {
    bool same[CANDIDATE_KEYS];
    for (CandidateKey key = 0; key < CANDIDATE_KEYS; key++)
        same[key] = has_key(key, item) ? is_same(key, &candidate, item) : !has_key(key, &candidate);
    *item = candidate;
    for (CandidateKey key = 0; key < CANDIDATE_KEYS; key++)
        if (!same[key]) enter_again(list, key, (size_t)(item - list->items));
}

Candidate *candidates_find(Candidates *list, CandidateKey key, const Candidate *wanted, Error *error) {
    if (list->count == 0 || !has_key(key, wanted) || update_index(list, key, error)) return NULL;
    const uint32_t *slot = slot_of(list, key, wanted);
    return *slot ? &list->items[*slot - 1] : NULL;
}

Candidate *candidates_find_text(Candidates *list, const char *text, Error *error) {
    return candidates_find(list, BY_TEXT, &(Candidate){.text = text}, error);
}
