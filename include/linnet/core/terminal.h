#ifndef LINNET_CORE_TERMINAL_H
#define LINNET_CORE_TERMINAL_H
/** The terminal that shows standard error. Nothing here is collective. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct {
    int file;     /**< of the terminal, to ask about it and not to write to; −1: there is none */
    pid_t writer; /**< the process that writes to it: this one (0), or the launcher that passes standard error on */
} Terminal;

/** Whether `file` is a terminal that understands control sequences: TERM does not say `dumb`. */
bool terminal_has_sequences(int file);

/** Find the terminal, with control sequences, on which standard error appears as this process writes it: standard error
 *  itself or, where that is a pipe to a launcher on this host that passes it on, the launcher's. */
Terminal terminal_open(void);
void terminal_close(Terminal *terminal);

/** Columns as they are now; 80 where the terminal does not say. */
size_t terminal_columns(const Terminal *terminal);

/** Whether the writer's process group is in the terminal's foreground. True also for a terminal that does not control
 *  this process; false without one. May be called in signal handlers. */
bool terminal_in_foreground(const Terminal *terminal);

/** Whether the locale's characters are UTF-8, by LC_ALL, LC_CTYPE and LANG. */
bool terminal_is_utf8(void);

#endif
