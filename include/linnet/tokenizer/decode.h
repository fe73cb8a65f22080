#ifndef LINNET_TOKENIZER_DECODE_H
#define LINNET_TOKENIZER_DECODE_H
/** From token ids back to a text. Byte-level BPE can be inverted: the bytes of a text's tokens, one after the other, are
 *  the text (what Transformers' decode(ids, clean_up_tokenization_spaces=False) gives, before it replaces bytes that
 *  are not UTF-8). Not collective. */
#include "linnet/core/error.h"
#include "linnet/tokenizer/tokenizer_spec.h"
#include <stddef.h>
#include <stdint.h>

/** The text of ids [count] as a new block of *size bytes and a zero, freed with memory_free(). Added tokens, special ones
 *  too, stand as they do in a text. A text that was truncated may end within a character. STATUS_INPUT: an id that the
 *  tokenizer does not have. */
Status tokenizer_decode(const TokenizerSpec *spec, const int32_t *ids, size_t count, char **text, size_t *size,
                        Error *error);

#endif
