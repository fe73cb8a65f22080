/* Filling an Error. See error.h. */
#include "linnet/core/error.h"
#include "linnet/core/escape.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

Status error_set_at(Error *error, Status status, const char *file, int line, const char *format, ...) {
    if (error->status != STATUS_OK) return error->status;
    char text[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    escape_text(ESCAPE_MESSAGE, text, strlen(text), error->message, sizeof error->message);
    error->status = status;
    error->file = file;
    error->line = line;
    return status;
}

void error_list(char *list, size_t room, const char *name, size_t size) {
    static const char MORE[] = ", ...";
    Quoted text;
    size_t used = strlen(list);
    if (used >= sizeof MORE && strcmp(list + used - strlen(MORE), MORE) == 0) return;
    quoted(name, size, &text);
    const bool fits = used + strlen(text.text) + sizeof ", " + sizeof MORE <= room;
    snprintf(list + used, room - used, "%s%s", used ? ", " : "", fits ? text.text : "...");
}
