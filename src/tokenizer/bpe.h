#ifndef LINNET_TOKENIZER_BPE_H
#define LINNET_TOKENIZER_BPE_H
/** Byte-pair merging: of all pairs the one of lowest rank is merged first, of equal ranks the leftmost. */
#include "linnet/core/error.h"
#include "linnet/tokenizer/tokenizer_spec.h"
#include <stddef.h>
#include <stdint.h>

typedef struct Bpe Bpe;

/** Index the spec's merges, which are copied. */
Status bpe_create(Bpe **bpe, const TokenizerSpec *spec, Error *error);
void bpe_destroy(Bpe *bpe);

/** Merge ids [count], count ≥ 1, in place; *merged is the number of ids left. Time grows as count × log(count). */
Status bpe_merge(Bpe *bpe, int32_t *ids, size_t count, size_t *merged, Error *error);

#endif
