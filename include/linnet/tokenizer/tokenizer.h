#ifndef LINNET_TOKENIZER_TOKENIZER_H
#define LINNET_TOKENIZER_TOKENIZER_H
/** From texts to token ids: GPT-2's byte-level BPE (Radford et al. 2019) with added tokens, the ids that Hugging Face
 *  Transformers 5.24 gives with the same folder (`AutoTokenizer.from_pretrained(folder)(text).input_ids`).
 *
 *  A Tokenizer changes only its cache of encoded words; each thread needs its own. Not collective. */
#include "linnet/core/digest.h"
#include "linnet/core/error.h"
#include "linnet/tokenizer/tokenizer_spec.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Tokenizer Tokenizer;

/** Load a tokenizer folder. Errors are those of tokenizer_spec_read(). */
Status tokenizer_create(Tokenizer **tokenizer, const char *folder, Error *error);
void tokenizer_destroy(Tokenizer *tokenizer);

/** The ids of one text (valid UTF-8, `size` bytes, zero bytes allowed). *ids is borrowed from the tokenizer until
 *  the next call; *count may be 0. Text that is not UTF-8 is STATUS_INPUT. */
Status tokenizer_encode(Tokenizer *tokenizer, const char *text, size_t size, const int32_t **ids, size_t *count,
                        Error *error);

/** The ids of a text as a sample, by the rule that prepare and predict share: at most `max_length` ≥ 1 ids of
 *  tokenizer_encode(), as Transformers truncates (`truncation=True`, truncation_side, the ids around a text stay); a text
 *  without ids is one end-of-text token. *truncated (may be NULL) tells whether ids were left out. STATUS_INPUT also
 *  where max_length leaves no room beside the ids around a text. */
Status tokenizer_encode_sample(Tokenizer *tokenizer, const char *text, size_t size, int32_t max_length,
                               const int32_t **ids, size_t *count, bool *truncated, Error *error);

/** The ids of two texts as one sample, as Transformers pairs them (`tokenizer(text, pair, truncation=True)`): those of the
 *  first, then those of the second, with nothing between them; of at most `max_length` ids, where the longer text gives
 *  its ids up first (`longest_first`). Else as above. The tokenizer must be one of tokenizer_takes_pairs(). */
Status tokenizer_encode_pair(Tokenizer *tokenizer, const char *text, size_t size, const char *pair, size_t pair_size,
                             int32_t max_length, const int32_t **ids, size_t *count, bool *truncated, Error *error);

/** STATUS_INPUT where the tokenizer puts ids around a text, and would put others around two. */
Status tokenizer_takes_pairs(const Tokenizer *tokenizer, Error *error);

const TokenizerSpec *tokenizer_spec(const Tokenizer *tokenizer); /**< borrowed */
int32_t tokenizer_vocabulary(const Tokenizer *tokenizer);        /**< one more than the largest id */
int32_t tokenizer_end_of_text(const Tokenizer *tokenizer);       /**< eos_token, or <|endoftext|> */
/** The longest sample, in tokens, as `truncation=True` of Transformers has it: `wanted` where that is not 0, else
 *  model_max_length where the tokenizer has one, else `otherwise`. */
int32_t tokenizer_max_length(const Tokenizer *tokenizer, int32_t wanted, int32_t otherwise);
/** Warn, with their number, if some of `texts` samples were truncated to `max_length` tokens, by the tokenizer or because
 *  a model has no more `positions`. */
void tokenizer_warn_truncated(int64_t truncated, int64_t texts, int32_t max_length, int32_t positions);

/** The tokenizer's identity, which a token file and a model must agree on: SHA-256 of what decides the ids of texts
 *  (bytes, merges, added tokens with their flags, add_prefix_space, ids around a text, truncation_side, end of text). It
 *  is the same whatever files the tokenizer is kept in, and does not change with pad_token or model_max_length. */
const char *tokenizer_digest(const Tokenizer *tokenizer);

#endif
