#ifndef LINNET_UNIT_MESSAGE_H
#define LINNET_UNIT_MESSAGE_H
/** Tests of messages check what a message must name: file, line, key, value, remedy. The words between may change.
 *  Included after <cmocka.h>. */
#include <string.h>

/** The parts that a message must name, as a list that ends with NULL. */
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/** Fail the test unless `message` holds each of `names`. */
static inline void assert_names(const char *message, const char *const *names) {
    for (; *names; names++)
        if (!strstr(message, *names)) fail_msg("'%s' is not in '%s'", *names, message);
}

#endif
