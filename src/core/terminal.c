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

/* Open a file of a process in /proc; −1: not possible. */
static int open_of(pid_t process, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)process, name);
    return open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
}

static bool holds(const char *bytes, size_t size, const char *word) {
    return memmem(bytes, size, word, strlen(word));
}

/* Whether the process is an mpirun of Open MPI that passes on what its ranks write as they write it. Its options to mark
 * lines or to write them to files are --tag-output, --timestamp-output, --xml, --output-filename, --output and MCA
 * parameters with these words. */
static bool passes_on(pid_t process) {
    static const char *const names[] = {"mpirun\n", "mpiexec\n", "orterun\n", "prterun\n"};
    char name[32] = "", command[4096] = "";
    const int files[] = {open_of(process, "comm"), open_of(process, "cmdline")};
    const ssize_t got[] = {read(files[0], name, sizeof name - 1), read(files[1], command, sizeof command)};
    for (int i = 0; i < 2; i++)
        if (files[i] >= 0) close(files[i]);
    if (got[0] < 0 || got[1] < 0 || (size_t)got[1] == sizeof command) return false;
    bool known = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) known = known || strcmp(name, names[i]) == 0;
    return known && !holds(command, (size_t)got[1], "output") && !holds(command, (size_t)got[1], "xml") &&
           !getenv("OMPI_MCA_orte_tag_output") && !getenv("OMPI_MCA_orte_timestamp_output");
}

Terminal terminal_open(void) {
    const Launcher launcher = launcher_find();
    const pid_t parent = getppid();
    struct stat about;
    if (terminal_has_sequences(STDERR_FILENO)) return (Terminal){STDERR_FILENO, 0};
    if (!launcher.variable || strncmp(launcher.variable, "OMPI_", 5) != 0 || fstat(STDERR_FILENO, &about) ||
        !S_ISFIFO(about.st_mode) || !passes_on(parent))
        return (Terminal){-1, 0};
    Terminal found = {open_of(parent, "fd/2"), parent};
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
