/* Lines of `linnet inspect`. */
#include "linnet/core/describe.h"
#include "linnet/core/escape.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void describe_line(const char *name, const char *format, ...) {
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("  %-12s ", name);
    escape_print(stdout, ESCAPE_OUTPUT, text, strlen(text));
    putchar('\n');
}
