/* What is known of a terminal. See terminal.h. */
#include "linnet/core/terminal.h"
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_USUAL 80

bool terminal_has_sequences(int file) {
    const char *kind = getenv("TERM");
    return isatty(file) == 1 && !(kind && strcmp(kind, "dumb") == 0);
}

size_t terminal_columns(int file) {
    struct winsize size;
    return ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS_USUAL;
}

bool terminal_in_foreground(int file) {
    const pid_t group = tcgetpgrp(file);
    return group < 0 || group == getpgrp();
}

bool terminal_is_utf8(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *locale = getenv(names[i]);
        if (locale && *locale) return strcasestr(locale, "utf-8") || strcasestr(locale, "utf8");
    }
    return false;
}
