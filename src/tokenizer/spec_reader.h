#ifndef LINNET_TOKENIZER_SPEC_READER_H
#define LINNET_TOKENIZER_SPEC_READER_H
/** Reading a TokenizerSpec. tokenizer_spec.c calls the functions below in their order. */
#include "linnet/core/error.h"
#include "linnet/core/json.h"
#include "linnet/tokenizer/tokenizer_spec.h"
#include "tokenizer/vocabulary.h"
#include <stdbool.h>
#include <stddef.h>

typedef enum {
    SPEC_TOKENIZER,  /**< tokenizer.json */
    SPEC_VOCABULARY, /**< vocab.json */
    SPEC_MERGES,     /**< merges.txt */
    SPEC_CONFIG,     /**< tokenizer_config.json */
    SPEC_SPECIAL,    /**< special_tokens_map.json */
    SPEC_ADDED,      /**< added_tokens.json */
    SPEC_MODEL,      /**< config.json */
    SPEC_FILES
} SpecFile;

typedef struct {
    TokenizerSpec *spec;
    char *paths[SPEC_FILES];
    cJSON *trees[SPEC_FILES]; /**< NULL: the file is absent. tokenizer.json's is without vocabulary and merges */
    bool single;              /**< tokenizer.json is there: vocab.json and merges.txt are not read */
    bool gpt2;                /**< the class is GPT2Tokenizer, which takes vocabulary, merges and post_processor from
                                   tokenizer.json and its other settings from elsewhere; else the class is the plain
                                   TokenizersBackend (PreTrainedTokenizerFast), which takes tokenizer.json as it is */
    Vocabulary *vocabulary;   /**< of the spec's tokens */
} SpecReader;

/** file_read(), and STATUS_INPUT for a file that is no text: a Git LFS pointer, an archive, … */
Status spec_read_file(const char *path, char **text, size_t *size, Error *error);

/** A member of an object, NULL where it is absent or null. */
const cJSON *spec_member(const cJSON *object, const char *key);

/** Report that `key` of a file has a value that linnet does not support; `instead` says what it does. */
Status spec_refuse(const SpecReader *reader, SpecFile file, const char *key, const cJSON *value, const char *instead,
                   Error *error);

/** vocab.json or tokenizer.json, of which the rest becomes a tree. Sets tokens, bytes, merges
 *  and the vocabulary. */
Status spec_read_vocabulary(SpecReader *reader, Error *error);

/** tokenizer.json apart from vocabulary, merges and added tokens: refuse what would change ids; add_prefix_space and
 *  truncation. Called by spec_read_vocabulary() when the tree is there, so that another kind of tokenizer is named
 *  before its vocabulary is looked at. */
Status spec_read_pipeline(SpecReader *reader, Error *error);

/** The added tokens, in the order in which Transformers adds them, and the special tokens. */
Status spec_read_added(SpecReader *reader, Error *error);

/** The ids before and after a text, by post_processor, add_bos_token and add_eos_token. */
Status spec_read_template(SpecReader *reader, Error *error);

/** The identity. */
Status spec_digest(TokenizerSpec *spec, Error *error);

#endif
