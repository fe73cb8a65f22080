#ifndef LINNET_CORE_UTF8_H
#define LINNET_CORE_UTF8_H
/** UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#include <stddef.h>
#include <stdint.h>

/** Bytes of the valid character at text[0], 0 if there is none (RFC 3629, section 4); size ≥ 1. */
size_t utf8_character_length(const char *text, size_t size);

/** Length of the longest valid start of text: `size` when all of it is UTF-8, else the offset of the first bad byte. */
size_t utf8_valid_length(const char *text, size_t size);

/** Bytes of the byte-order mark at the start of text: 3, or 0 where there is none. */
size_t utf8_mark(const char *text, size_t size);

/** The code point of the valid character of `length` bytes at text[0]. */
uint32_t utf8_read(const char *text, size_t length);

/** Write a code point (not a surrogate, at most U+10FFFF) to out; returns its 1 to 4 bytes. */
size_t utf8_write(char out[4], uint32_t code_point);

#endif
