/* Filling an Error. See error.h. */
#include "linnet/core/error.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Texts from libraries and files may hold line ends and commands to a terminal. */
static void make_one_line(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f) *text = ' ';
}

Status error_set_at(Error *error, Status status, const char *file, int line, const char *format, ...) {
    if (error->status != STATUS_OK) return error->status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    make_one_line(error->message);
    error->status = status;
    error->file = file;
    error->line = line;
    return status;
}

void error_list(char *list, size_t room, const char *name, size_t size) {
    size_t used = strlen(list);
    snprintf(list + used, room - used, "%s%.*s", used ? ", " : "", (int)(size < 64 ? size : 64), name);
}
