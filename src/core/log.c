/* Writing log lines to standard error. See log.h. */
#include "linnet/core/log.h"
#include "linnet/core/escape.h"
#include "linnet/core/terminal.h"
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Longest line in bytes: Linux writes up to PIPE_BUF bytes to a pipe in one piece. */
#define LINE_MAX_BYTES 4096

typedef struct {
    int rank, size;
    bool quiet;
} Setup;
static Setup setup = {.size = 1};

typedef struct {
    const char *name;   /**< text after `linnet: `; NULL for information */
    const char *colour; /**< the terminal's escape sequence for the name */
} Kind;

static const Kind KIND_INFO = {NULL, ""};
static const Kind KIND_WARNING = {"warning", "\033[1;33m"};
static const Kind KIND_ERROR = {"error", "\033[1;31m"};

void log_setup(int rank, int size, bool quiet) {
    setup = (Setup){rank, size, quiet};
}

int log_rank(void) {
    return setup.rank;
}

bool log_informs(void) {
    return setup.rank == 0 && !setup.quiet;
}

static _Atomic(const LogAround *) around;

void log_set_around(const LogAround *functions) {
    atomic_store(&around, functions);
}

/* Colour is for terminals whose user has not turned it off (https://no-color.org). */
static bool colour_wanted(void) {
    const char *refused = getenv("NO_COLOR");
    return !(refused && *refused) && terminal_has_sequences(STDERR_FILENO);
}

/* Write `linnet: warning: rank 3 on WHERE: `, or the parts of it that apply; returns its length. */
static size_t write_prefix(char *line, size_t room, const Kind *kind, int rank, const char *where) {
    if (!kind->name) return 0;
    bool colour = colour_wanted();
    int length =
        snprintf(line, room, "linnet: %s%s:%s ", colour ? kind->colour : "", kind->name, colour ? "\033[0m" : "");
    if (where || setup.size > 1)
        length += snprintf(line + length, room - (size_t)length, "rank %d%s%.400s: ", rank, where ? " on " : "",
                           where ? where : "");
    return (size_t)length;
}

/* Write the line with one write; more only where a signal or a full pipe interrupts it. */
static void write_line(const char *line, size_t length) {
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, line, length);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return; /* nowhere to report it */
        line += written;
        length -= (size_t)written;
    }
}

static void log_line(const Kind *kind, int rank, const char *where, const char *format, va_list arguments) {
    char line[LINE_MAX_BYTES], text[LINE_MAX_BYTES];
    size_t prefix = write_prefix(line, sizeof line, kind, rank, where);
    if (vsnprintf(text, sizeof text, format, arguments) < 0) return;
    escape_text(ESCAPE_MESSAGE, text, strlen(text), line + prefix, sizeof line - prefix);
    size_t length = strlen(line);
    line[length] = '\n'; /* in place of the final zero */
    const LogAround *functions = atomic_load(&around);
    if (functions) functions->before();
    write_line(line, length + 1);
    if (functions) functions->after();
}

void log_info(const char *format, ...) {
    if (!log_informs()) return;
    va_list arguments;
    va_start(arguments, format);
    log_line(&KIND_INFO, setup.rank, NULL, format, arguments);
    va_end(arguments);
}

void log_warning(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    log_line(&KIND_WARNING, setup.rank, NULL, format, arguments);
    va_end(arguments);
}

void log_error(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    log_line(&KIND_ERROR, setup.rank, NULL, format, arguments);
    va_end(arguments);
}

void log_error_at(int rank, const char *where, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    log_line(&KIND_ERROR, rank, where, format, arguments);
    va_end(arguments);
}
