#ifndef LINNET_CORE_ENVIRONMENT_H
#define LINNET_CORE_ENVIRONMENT_H
/** The program's environment variables (docs/reference/environment.md lists them). A variable that is unset or empty
 *  counts as not given; so does an invalid value, after a warning. Texts are borrowed. Cannot fail. Not collective. */
#include <stdbool.h>

/** Seconds from 0 to 1e9; `usual` where none are given. With `tell` false an invalid value causes no warning, because
 *  another process gives it. */
double environment_seconds(const char *name, double usual, bool tell);

/** The index of the given word in `words` (ended by NULL), or -1. Rank 0 alone warns of another word; its warning ends
 *  with `otherwise`, which says what happens instead. */
int environment_word(const char *name, const char *const *words, const char *otherwise);

#endif
