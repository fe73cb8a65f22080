#ifndef LINNET_TESTS_FOLDER_H
#define LINNET_TESTS_FOLDER_H
/* A new folder under /tmp for a program's tests, or for each of them. After cmocka.h. */
#include "linnet/core/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[] = "/tmp/linnet-test-XXXXXX";

static inline int make_folder(void **state) {
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state) {
    (void)state;
    Error error = {0};
    return (int)file_remove(folder, &error);
}

/** A path in that folder; static, good until the eighth call after. */
static inline const char *in_folder(const char *name) {
    static char paths[8][256];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

#endif
