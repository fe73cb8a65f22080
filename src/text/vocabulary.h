#ifndef LINNET_TEXT_VOCABULARY_H
#define LINNET_TEXT_VOCABULARY_H
/** The tokens of vocab.json and their ids. A token's text is in GPT-2's alphabet, where each byte is a printable
 *  character (a space is `Ġ`). */
#include "linnet/core/error.h"
#include <stddef.h>
#include <stdint.h>

#define VOCABULARY_MAX 65536 /**< ids are below this: token files hold uint16 */
#define END_OF_TEXT "<|endoftext|>"

typedef struct Vocabulary Vocabulary;

/** Read the JSON text [size] of vocab.json; errors name its `path`. */
Status vocabulary_create(Vocabulary **vocabulary, const char *json, size_t size, const char *path, Error *error);
void vocabulary_destroy(Vocabulary *vocabulary);

/** The id of a token, -1 if there is no such token. */
int32_t vocabulary_find(const Vocabulary *vocabulary, const char *token, size_t size);

/** One more than the largest id. */
int32_t vocabulary_size(const Vocabulary *vocabulary);

/** The ids of the 256 single bytes; STATUS_INPUT when one has none. */
Status vocabulary_bytes(const Vocabulary *vocabulary, int32_t ids[256], const char *path, Error *error);

#endif
