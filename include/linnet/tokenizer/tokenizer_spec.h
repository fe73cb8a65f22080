#ifndef LINNET_TOKENIZER_SPEC_H
#define LINNET_TOKENIZER_SPEC_H
/** What the files of a tokenizer folder say, read once: byte-level BPE as GPT-2 has it, from any folder that Hugging Face
 *  Transformers 4 or 5 writes for it.
 *
 *   tokenizer.json             all in one file (what Transformers 5 saves); else vocab.json and merges.txt
 *   tokenizer_config.json      special tokens, options, added_tokens_decoder
 *   special_tokens_map.json    special tokens, where tokenizer_config.json has no added_tokens_decoder
 *   added_tokens.json          added tokens, likewise
 *   config.json                tokenizer_class and model_type, where tokenizer_config.json has no tokenizer_class
 *
 *  The files have the precedence that AutoTokenizer.from_pretrained() of Transformers 5.24 gives them, so that a
 *  Tokenizer made from the spec gives the same ids. What would change ids and is not supported is refused, with file
 *  and key. docs/reference/formats.md lists the keys. Not collective. */
#include "linnet/core/digest.h"
#include "linnet/core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A token of the vocabulary. */
typedef struct {
    const char *text; /**< UTF-8 in GPT-2's alphabet, where each byte is a printable character (a space is `Ġ`); ends
                           with a zero byte */
    uint32_t size;    /**< bytes of the text */
    int32_t id;
} SpecToken;

/** A merge of two tokens: indices into the spec's tokens. */
typedef struct {
    uint32_t left, right, result;
} SpecMerge;

/** A token that is found in the raw text, before the text is split into words. */
typedef struct {
    const char *text; /**< UTF-8 as it stands in a text; ends with a zero byte */
    uint32_t size;    /**< bytes of the text */
    int32_t id;       /**< the vocabulary's, where that has the token; else after the vocabulary */
    bool lstrip;      /**< takes the white space before it */
    bool rstrip;      /**< takes the white space after it */
    bool single_word; /**< found only where no letter, mark, digit or underscore is next to it */
    bool normalized;  /**< looked for after those that are not */
    bool special;     /**< one that decoding may skip; does not change ids */
} AddedToken;

typedef enum {
    SPECIAL_BOS,
    SPECIAL_EOS,
    SPECIAL_UNK,
    SPECIAL_SEP,
    SPECIAL_PAD,
    SPECIAL_CLS,
    SPECIAL_MASK,
    SPECIAL_COUNT
} SpecialToken;

#define SPEC_TEMPLATE_MAX 8 /**< most ids before or after a text */

typedef struct {
    SpecToken *tokens; /**< [token_count] the vocabulary by rising id; ids may have gaps */
    size_t token_count;
    SpecMerge *merges; /**< [merge_count] by rank; no pair twice */
    size_t merge_count;
    AddedToken *added; /**< [added_count] by rising id; special tokens are among them */
    size_t added_count;
    int32_t bytes[256]; /**< id of each single byte */

    int32_t special[SPECIAL_COUNT];    /**< ids of bos_token … mask_token; −1: none */
    int32_t end_of_text;               /**< id of eos_token, of <|endoftext|> where there is none */
    int32_t prefix[SPEC_TEMPLATE_MAX]; /**< [prefix_count] ids before each text (add_bos_token, post_processor) */
    int32_t suffix[SPEC_TEMPLATE_MAX]; /**< [suffix_count] ids after each text */
    size_t prefix_count, suffix_count;
    bool gpt2;             /**< the folder's class is GPT2Tokenizer, whose add_prefix_space and added tokens come from
                                tokenizer_config.json; else it is PreTrainedTokenizerFast, all in tokenizer.json. By
                                tokenizer_class; without one GPT2Tokenizer, but not for a tokenizer.json without
                                config.json: who copies that beside a config.json must write a tokenizer_class */
    bool add_prefix_space; /**< a space goes before each piece of text that does not start with one */
    bool truncate_left;    /**< truncation_side: long texts lose their start */
    bool pad_left;         /**< padding_side; does not change what linnet computes, since it does not pad */
    int64_t max_length;    /**< model_max_length, tokens; 0: none */

    int32_t size;             /**< one more than the largest id, added tokens included */
    char digest[DIGEST_TEXT]; /**< the tokenizer's identity, see tokenizer_digest() */
    char *texts;              /**< owned: the texts of `tokens` */
    char *added_texts;        /**< owned: the texts of `added` */
} TokenizerSpec;

/** Read a folder into *spec. STATUS_INPUT, naming file, line and key where possible, for a folder without tokenizer or
 *  with another kind of tokenizer (BERT's vocab.txt, SentencePiece, …), for damaged files, a merge or a byte that the
 *  vocabulary lacks, and for what is not supported. To be freed with tokenizer_spec_free(), also after an error. */
Status tokenizer_spec_read(TokenizerSpec *spec, const char *folder, Error *error);
void tokenizer_spec_free(TokenizerSpec *spec);

/** The text of a token by its id: of an added token as it stands in a text, else of the vocabulary. NULL: no such id. */
const char *tokenizer_spec_text(const TokenizerSpec *spec, int32_t id);

/** The key of a special token in tokenizer_config.json: "bos_token", … */
const char *special_token_key(SpecialToken token);

/** Whether a folder has files of a tokenizer: tokenizer.json, vocab.json or merges.txt. */
bool tokenizer_folder_has_one(const char *folder);

#endif
