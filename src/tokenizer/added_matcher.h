#ifndef LINNET_TOKENIZER_ADDED_MATCHER_H
#define LINNET_TOKENIZER_ADDED_MATCHER_H
/** Finding added tokens in a text: the leftmost first, of those that start at one place the longest, none overlapping
 *  another, with the flags lstrip, rstrip and single_word as Hugging Face `tokenizers` has them. */
#include "linnet/core/error.h"
#include "linnet/tokenizer/tokenizer_spec.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct AddedMatcher AddedMatcher;

/** A matcher of the spec's added tokens that are, or are not, normalized; the tokens are borrowed. */
Status added_matcher_create(AddedMatcher **matcher, const TokenizerSpec *spec, bool normalized, Error *error);
void added_matcher_destroy(AddedMatcher *matcher);

/** A search through a text, which starts as {matcher, text, size}. */
typedef struct {
    const AddedMatcher *matcher;
    const char *text; /**< UTF-8 */
    size_t size;
    size_t at;   /**< where the search goes on */
    size_t done; /**< end of the last token found, with the white space that it takes */
} AddedSearch;

/** The next token: *id, and *start, where it starts with its white space; the text before it is [done of before the
 *  call, *start), empty where *start is not larger. False where there is none. */
bool added_search_next(AddedSearch *search, size_t *start, int32_t *id);

#endif
