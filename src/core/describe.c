/* Lines of `linnet inspect`. */
#include "linnet/core/describe.h"
#include <stdarg.h>
#include <stdio.h>

void describe_line(const char *name, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("  %-12s ", name);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}
