#ifndef LINNET_TESTS_MODEL_FILES_H
#define LINNET_TESTS_MODEL_FILES_H
/** What the tests of the model's files share: a folder of their own, files made in it, and what must be refused. */
#include "linnet/core/error.h"
#include "linnet/core/memory.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/folder.h"
#include "unit/message.h"

static inline void write_bytes(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void write_text(const char *path, const char *text) {
    write_bytes(path, text, strlen(text));
}

/** A safetensors file of a header and `size` bytes of data (zeros where data is NULL). */
static inline void write_tensors(const char *path, const char *header, const void *data, size_t size) {
    const size_t length = strlen(header);
    unsigned char *bytes = calloc(1, 8 + length + size);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)length >> 8 * i);
    memcpy(bytes + 8, header, length);
    if (data) memcpy(bytes + 8 + length, data, size);
    write_bytes(path, bytes, 8 + length + size);
    free(bytes);
}

/** The input must be at fault, and the message name `what`. */
static inline void assert_refused(const Error *error, const char *what) {
    assert_int_equal(error->status, STATUS_INPUT);
    assert_names(error->message, NAMES(what));
}

static inline void assert_fine(const Error *error) {
    if (error->status) fail_msg("status %d: %s", (int)error->status, error->message);
}

#endif
