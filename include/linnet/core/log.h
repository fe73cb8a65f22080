#ifndef LINNET_CORE_LOG_H
#define LINNET_CORE_LOG_H
/** Lines for people, on standard error. Results go to standard output, never through here.
 *
 *  The log is the one hidden global of the program. Rank 0 alone prints information; every rank may print a
 *  warning or an error, which then name the rank when there is more than one. Each call writes one line with one
 *  write, so that lines of several ranks do not mix. */
#include <stdbool.h>

/** Say who prints. `rank` of `size` ranks; `quiet` segments only warnings and errors. Not collective. */
void log_setup(int rank, int size, bool quiet);

/** The rank that was given there; 0 before. */
int log_rank(void);

/** Information: printed by rank 0 alone, and not when quiet. */
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** `linnet: warning: …`, printed by whichever rank calls it. */
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** `linnet: error: …`, printed by whichever rank calls it. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** `linnet: error: rank 3 on WHERE: …`: an error of a rank that may be another one's. */
void log_error_at(int rank, const char *where, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
