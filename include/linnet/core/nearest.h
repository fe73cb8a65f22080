#ifndef LINNET_CORE_NEAREST_H
#define LINNET_CORE_NEAREST_H
/** What a mistyped name was meant to be: commands, options and configuration keys. Nothing here allocates or
 *  fails. */
#include <stddef.h>

#define NEAREST_WORD_MAX 63 /**< longer words, in bytes, are never near a name */

/** The nearest of names [count] to `word` by edit distance (an inserted, deleted or replaced byte, or two
 *  neighbours swapped, costs 1; case costs nothing), the first of equals; NULL when none is near enough to be
 *  meant: more than a third of the word's bytes, and more than one, would have to change. */
const char *nearest_name(const char *word, const char *const *names, size_t count);

#endif
