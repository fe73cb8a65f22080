#ifndef LINNET_CORE_TEXT_H
#define LINNET_CORE_TEXT_H
/** Comparing texts. Not collective; cannot fail. */
#include <stdbool.h>
#include <string.h>

/** Whether a text, such as the name of a file or a tensor, ends with another. */
static inline bool text_ends_with(const char *text, const char *end) {
    const size_t size = strlen(text), length = strlen(end);
    return size >= length && strcmp(text + size - length, end) == 0;
}
#endif
