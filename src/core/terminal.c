/* What is known of a terminal. See terminal.h. */
#include "linnet/core/terminal.h"
#include "linnet/core/launcher.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define COLUMNS_USUAL 80

bool terminal_has_sequences(int file) {
    const char *kind = getenv("TERM");
    return isatty(file) == 1 && !(kind && strcmp(kind, "dumb") == 0);
}

/* Open standard error of another process; −1: not possible. */
static int open_stderr_of(pid_t process) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/fd/2", (long)process);
    return open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
}

Terminal terminal_open(void) {
    struct stat about;
    if (terminal_has_sequences(STDERR_FILENO)) return (Terminal){STDERR_FILENO, 0};
    const pid_t relay = fstat(STDERR_FILENO, &about) == 0 && S_ISFIFO(about.st_mode) ? launcher_relay() : 0;
    Terminal found = {relay > 0 ? open_stderr_of(relay) : -1, relay};
    if (found.file >= 0 && !terminal_has_sequences(found.file)) terminal_close(&found);
    return found;
}

void terminal_close(Terminal *terminal) {
    if (terminal->file > STDERR_FILENO) close(terminal->file);
    terminal->file = -1;
}

size_t terminal_columns(const Terminal *terminal) {
    struct winsize size;
    return ioctl(terminal->file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS_USUAL;
}

bool terminal_in_foreground(const Terminal *terminal) {
    const pid_t group = terminal->file >= 0 ? tcgetpgrp(terminal->file) : 0;
    return group < 0 || (group > 0 && group == getpgid(terminal->writer));
}

bool terminal_is_utf8(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *locale = getenv(names[i]);
        if (locale && *locale) return strcasestr(locale, "utf-8") || strcasestr(locale, "utf8");
    }
    return false;
}
