/** Prints docs/settings.md: the configuration's table as a page (`make docs`). */
#include "linnet/memory.h"
#include "linnet/settings.h"
#include <stdio.h>

int main(void) {
    Error error = {0};
    char *page = settings_markdown(&error);
    if (!page) {
        fprintf(stderr, "settings_page: %s\n", error.message);
        return error.status;
    }
    int written = fputs(page, stdout);
    memory_free(page);
    return written < 0 || fflush(stdout) ? STATUS_FAILURE : STATUS_OK;
}
