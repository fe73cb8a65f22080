#ifndef LINNET_CORE_LOG_H
#define LINNET_CORE_LOG_H
/** Log lines on standard error. Results go to standard output, not through here.
 *
 *  The log is the program's only hidden global. Only rank 0 prints information; any rank may print a warning or an
 *  error, which name the rank when there are several. Each call writes one line with one write, so that the lines of
 *  several ranks do not mix. */
#include <stdbool.h>

/** Set which rank of how many prints; `quiet` leaves only warnings and errors. Not collective. */
void log_setup(int rank, int size, bool quiet);

/** The rank given to log_setup(); 0 before. */
int log_rank(void);
/** Whether log_info() prints here: on rank 0, unless quiet. */
bool log_informs(void);

/** What the thread that writes a line calls before and after it. */
typedef struct {
    void (*before)(void), (*after)(void);
} LogAround;
/** Set it (borrowed, for good), so that a bar on the terminal's last line gives way to lines (progress.h). */
void log_set_around(const LogAround *around);

/** Information: printed by rank 0 only, and not when quiet. */
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** `linnet: warning: …`, printed by every rank that calls it. */
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** `linnet: error: …`, printed by every rank that calls it. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** `linnet: error: rank 3 on WHERE: …`: the error of any rank. */
void log_error_at(int rank, const char *where, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
