#ifndef LINNET_TOKENIZER_SPEC_TOKENS_H
#define LINNET_TOKENIZER_SPEC_TOKENS_H
/** The added and special tokens that the files of a tokenizer name, before they have their ids (spec_added.c). */
#include "tokenizer/candidates.h"

typedef struct {
    SpecReader *reader;
    Candidates first; /**< added_tokens of tokenizer.json, where the class takes the file as it is */
    Candidates by_id; /**< added_tokens_decoder; without it added_tokens.json and tokenizer.json's added_tokens */
    Candidates named; /**< [SPECIAL_COUNT] by role, of text NULL where there is none; then others by name */
    Candidates extra; /**< extra_special_tokens */
    bool legacy;      /**< there is no added_tokens_decoder: special_tokens_map.json counts */
} SpecTokens;

/** Gather the tokens from the files. To be freed with spec_tokens_free(), also after an error. */
Status spec_tokens_read(SpecTokens *tokens, SpecReader *reader, Error *error);
void spec_tokens_free(SpecTokens *tokens);

#endif
