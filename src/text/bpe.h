#ifndef LINNET_TEXT_BPE_H
#define LINNET_TEXT_BPE_H
/** Byte-pair merging with the merges of merges.txt: the pair of lowest rank is merged first, the leftmost of
 *  equals. */
#include "linnet/core/error.h"
#include "text/vocabulary.h"
#include <stddef.h>
#include <stdint.h>

typedef struct Bpe Bpe;

/** Read the text [size] of the merges file `path`, which errors name with the line. */
Status bpe_create(Bpe **bpe, const Vocabulary *vocabulary, const char *text, size_t size, const char *path,
                  Error *error);
void bpe_destroy(Bpe *bpe);

/** Merge ids [count], count ≥ 1, in place; *merged is what is left. Time grows as count × log(count). */
Status bpe_merge(Bpe *bpe, int32_t *ids, size_t count, size_t *merged, Error *error);

#endif
