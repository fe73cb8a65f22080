#ifndef LINNET_TOKENIZER_PRETOKENIZE_H
#define LINNET_TOKENIZER_PRETOKENIZE_H
/** GPT-2's splitting of a text into words, by its published pattern in PCRE2. */
#include "linnet/core/error.h"
#include <stddef.h>

typedef struct Pretokenizer Pretokenizer;

Status pretokenizer_create(Pretokenizer **pretokenizer, Error *error);
void pretokenizer_destroy(Pretokenizer *pretokenizer);

/** The end of the word that starts at `at` < size: the next word starts there. `text` must be UTF-8. STATUS_FAILURE
 *  when PCRE2 fails. */
Status pretokenizer_next(Pretokenizer *pretokenizer, const char *text, size_t size, size_t at, size_t *end,
                         Error *error);

#endif
