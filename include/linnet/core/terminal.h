#ifndef LINNET_CORE_TERMINAL_H
#define LINNET_CORE_TERMINAL_H
/** What is known of a terminal. Nothing here is collective or fails. */
#include <stdbool.h>
#include <stddef.h>

/** Whether `file` is a terminal that understands control sequences: TERM does not say `dumb`. */
bool terminal_has_sequences(int file);

/** Columns of the terminal as it is now; 80 where it does not say. */
size_t terminal_columns(int file);

/** Whether this process's group is in the terminal's foreground. True also for a terminal that does not control this
 *  process. */
bool terminal_in_foreground(int file);

/** Whether the locale's characters are UTF-8, by LC_ALL, LC_CTYPE and LANG. */
bool terminal_is_utf8(void);

#endif
