#ifndef LINNET_TOKENIZER_VOCABULARY_H
#define LINNET_TOKENIZER_VOCABULARY_H
/** The tokens of a vocabulary by their texts. A token's text is in GPT-2's alphabet, where each byte is a printable
 *  character (a space is `Ġ`). */
#include "linnet/core/error.h"
#include "linnet/tokenizer/tokenizer_spec.h"
#include <stddef.h>
#include <stdint.h>

#define NO_TOKEN UINT32_MAX
#define END_OF_TEXT "<|endoftext|>" /**< GPT-2's bos_token, eos_token and unk_token */

typedef struct Vocabulary Vocabulary; /**< a hash table of borrowed tokens */

/** Index tokens [count]. STATUS_INPUT, naming `path`, when two have the same text. */
Status vocabulary_create(Vocabulary **vocabulary, const SpecToken *tokens, size_t count, const char *path,
                         Error *error);
void vocabulary_destroy(Vocabulary *vocabulary);

/** The index of a token among those given to vocabulary_create(), NO_TOKEN if there is no such token. */
uint32_t vocabulary_find(const Vocabulary *vocabulary, const char *text, size_t size);

/** The index of the token whose text is that of the tokens `left` and `right` (indices) joined, or NO_TOKEN. */
uint32_t vocabulary_find_joined(const Vocabulary *vocabulary, uint32_t left, uint32_t right);

/** The byte that a character of GPT-2's alphabet stands for; -1: the alphabet does not have it. */
int vocabulary_byte(uint32_t character);

/** The ids of the 256 single bytes; STATUS_INPUT when one has none. */
Status vocabulary_bytes(const Vocabulary *vocabulary, int32_t ids[256], const char *path, Error *error);

#endif
