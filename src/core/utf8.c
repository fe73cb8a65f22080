/* Checking and writing UTF-8. See utf8.h. */
#include "linnet/core/utf8.h"
#include <stdbool.h>
#include <string.h>

/* Bytes of ASCII at the start of text, in steps of eight: most tables hold little else. */
static size_t ascii_run(const char *text, size_t size) {
    size_t at = 0;
    for (uint64_t word; size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if (word & UINT64_C(0x8080808080808080)) break;
    }
    return at;
}

size_t utf8_character_length(const char *bytes, size_t size) {
    const unsigned char *text = (const unsigned char *)bytes;
    unsigned char first = text[0];
    if (first < 0x80) return 1;
    if (first < 0xC2 || first > 0xF4) return 0;
    size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (length > size) return 0;
    /* The second byte's range is narrower after these: overlong forms, surrogates, beyond U+10FFFF. */
    unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (text[1] < low || text[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if ((text[i] & 0xC0) != 0x80) return 0;
    return length;
}

size_t utf8_valid_length(const char *text, size_t size) {
    size_t at = 0;
    while (at < size) {
        at += ascii_run(text + at, size - at);
        if (at == size) break;
        size_t length = utf8_character_length(text + at, size - at);
        if (length == 0) break;
        at += length;
    }
    return at;
}

size_t utf8_mark(const char *text, size_t size) {
    return size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

uint32_t utf8_read(const char *text, size_t length) {
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t code_point = length == 1 ? bytes[0] : bytes[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) code_point = code_point << 6 | (bytes[i] & 0x3F);
    return code_point;
}

size_t utf8_write(char out[4], uint32_t code_point) {
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    size_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, code_point >>= 6) out[i] = (char)(0x80 | (code_point & 0x3F));
    unsigned marks = length == 2 ? 0xC0 : length == 3 ? 0xE0 : 0xF0;
    out[0] = (char)(marks | code_point);
    return length;
}
