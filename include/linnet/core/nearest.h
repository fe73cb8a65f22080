#ifndef LINNET_CORE_NEAREST_H
#define LINNET_CORE_NEAREST_H
/** The name that a mistyped word is nearest to: commands, options and configuration keys. Nothing here allocates or
 *  fails. */
#include <stddef.h>

#define NEAREST_WORD_MAX 63 /**< longer words, in bytes, are never near a name */

/** The nearest of names [count] to `word` by edit distance (1 for an inserted, deleted or replaced byte and for two
 *  swapped neighbours; case does not count), the first of equals; NULL when the distance to each is more than 1 and
 *  more than a third of the word's bytes. */
const char *nearest_name(const char *word, const char *const *names, size_t count);

#endif
