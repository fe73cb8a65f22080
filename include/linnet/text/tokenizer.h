#ifndef LINNET_TEXT_TOKENIZER_H
#define LINNET_TEXT_TOKENIZER_H
/** GPT-2's byte-level BPE (Radford et al. 2019), with the ids of Hugging Face `tokenizers`
 *  (`ByteLevel(add_prefix_space=False)`, `<|endoftext|>` a special token found in raw text).
 *
 *  A Tokenizer changes only its cache of encoded words; each thread needs its own. Not collective. */
#include "linnet/core/digest.h"
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Tokenizer Tokenizer;

/** Load `folder`/vocab.json and `folder`/merges.txt. STATUS_INPUT, naming file and line, when one is missing or
 *  invalid, when the vocabulary lacks a merge's part or result, one of the 256 bytes or `<|endoftext|>`, or when an id
 *  is outside 0…65535 (token files hold uint16). */
Status tokenizer_create(Tokenizer **tokenizer, const char *folder, Error *error);
void tokenizer_destroy(Tokenizer *tokenizer);

/** The ids of one text (valid UTF-8, `size` bytes, zero bytes allowed). *ids is borrowed from the tokenizer until
 *  the next call; *count may be 0. Text that is not UTF-8 is STATUS_INPUT. */
Status tokenizer_encode(Tokenizer *tokenizer, const char *text, size_t size, const int32_t **ids, size_t *count,
                        Error *error);

/** The ids of a text as a sample, by the rule that prepare and predict share: the first `max_length` ≥ 1 ids of
 *  tokenizer_encode(); an empty text is one end-of-text token. *truncated (may be NULL) tells whether ids were left
 *  out. */
Status tokenizer_encode_sample(Tokenizer *tokenizer, const char *text, size_t size, int32_t max_length,
                               const int32_t **ids, size_t *count, bool *truncated, Error *error);

int32_t tokenizer_vocabulary(const Tokenizer *tokenizer); /**< one more than the largest id */
int32_t tokenizer_end_of_text(const Tokenizer *tokenizer);
/** SHA-256 of vocab.json's bytes followed by merges.txt's, which a token file and a model must agree on. */
const char *tokenizer_digest(const Tokenizer *tokenizer);
/** The digest of a folder's two files, without building a tokenizer. */
Status tokenizer_folder_digest(const char *folder, char text[DIGEST_TEXT], Error *error);

#endif
