#ifndef LINNET_CORE_ENVIRONMENT_H
#define LINNET_CORE_ENVIRONMENT_H
/** The program's own variables of the environment (docs/cluster.md lists them). One that is unset or empty counts as not
 *  given; what cannot be meant is told in a warning and counts as not given too. Texts are borrowed. Cannot fail; not
 *  collective. */
#include <stdbool.h>

/** A number of seconds from 0 to 1e9; `usual` where none is given. `tell` false: no warning, another process has it. */
double environment_seconds(const char *name, double usual, bool tell);

/** Which of `words` (NULL ends them) it is, by its place; -1: none is given. The warning, of rank 0 alone, says that
 *  `otherwise` is done then. */
int environment_word(const char *name, const char *const *words, const char *otherwise);

#endif
