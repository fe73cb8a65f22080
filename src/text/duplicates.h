#ifndef LINNET_TEXT_DUPLICATES_H
#define LINNET_TEXT_DUPLICATES_H
/** Texts that are the same, or nearly. Two texts are near duplicates if the Jaccard similarity of their sets of character
 *  5-grams (a text with fewer characters has one, itself) is at least a threshold. They are found by MinHash with
 *  locality-sensitive hashing (Broder 1997; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.3 and 3.4):
 *  so many bands that a pair at the threshold becomes a candidate with a probability of 1 − 10⁻⁶; each candidate is then
 *  compared exactly. Groups are the connected components of these pairs. Not collective. */
#include "linnet/core/error.h"
#include <stddef.h>
#include <stdint.h>

/** Texts in memory, one after the other: text i has bytes starts[i] … starts[i + 1] − 1. */
typedef struct {
    char *bytes;
    size_t room;
    size_t *starts; /**< [count + 1], of starts_room */
    size_t starts_room;
    int64_t count;
} TextList;

/** Add a text as it is compared: letters (ASCII, Latin-1, Greek, Cyrillic) in lower case, runs of white space as one
 *  space and none at the ends, a link (http://, https:// or www. up to white space) and a mention (@name) each as a mark
 *  that is the same for all; but where no letter or digit would be left, links and mentions as they are. UTF-8. */
Status text_list_add(TextList *list, const char *text, size_t size, Error *error);
/** Add a second text to the last one, behind a mark between them. */
Status text_list_extend(TextList *list, const char *text, size_t size, Error *error);
void text_list_free(TextList *list);

#define DUPLICATES_LEAST 0.5 /**< of a threshold */

typedef struct {
    int64_t *group;  /**< [texts] the first text of each one's group */
    int64_t groups;  /**< of one text or several */
    int64_t equal;   /**< texts that equal an earlier one */
    int64_t near;    /**< further texts that are in the group of an earlier one */
    int64_t largest; /**< texts of the largest group */
} Duplicates;

/** Find the groups. `threshold`: DUPLICATES_LEAST to 1; 1: only equal texts. A text is compared with at most 256
 *  candidates of each band. All threads; the result is the same for any number. Free also after an error. */
Status duplicates_find(Duplicates *duplicates, const TextList *texts, double threshold, Error *error);
void duplicates_free(Duplicates *duplicates);

/** A hash of a text's bytes, of all 64 bits. */
uint64_t text_list_hash(const TextList *list, int64_t text);

#endif
