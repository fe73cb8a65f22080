/* Characters that a line must not hold as they are. See escape.h. */
#include "linnet/core/escape.h"
#include "linnet/core/utf8.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    uint32_t first, last;
} Range;

static const Range CONTROLS[] = {{0, 0x1F}, {0x7F, 0x9F}, {0x2028, 0x202E}, {0x2066, 0x2069}};
/* Unicode's spaces, Default_Ignorable_Code_Point, interlinear marks, and the combining marks with which a letter looks
 * like its composed form. */
static const Range INVISIBLE[] = {
    {0xA0, 0xA0},     {0xAD, 0xAD},     {0x300, 0x36F},     {0x61C, 0x61C},     {0x115F, 0x1160},
    {0x1680, 0x1680}, {0x17B4, 0x17B5}, {0x180B, 0x180F},   {0x2000, 0x200F},   {0x202F, 0x202F},
    {0x205F, 0x206F}, {0x3000, 0x3000}, {0x3164, 0x3164},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},
    {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
};

static bool is_in(const Range *ranges, size_t count, uint32_t code) {
    for (size_t i = 0; i < count; i++)
        if (code >= ranges[i].first && code <= ranges[i].last) return true;
    return false;
}

static bool must_escape(EscapeKind kind, uint32_t code) {
    if (code >= 0x20 && code < 0x7F) return kind == ESCAPE_JSON && (code == '"' || code == '\\');
    return is_in(CONTROLS, sizeof CONTROLS / sizeof *CONTROLS, code) ||
           (kind == ESCAPE_MESSAGE && is_in(INVISIBLE, sizeof INVISIBLE / sizeof *INVISIBLE, code));
}

/* The escape's text; JSON knows neither \0 and \x nor \U. */
static size_t write_escape(bool json, uint32_t code, char *out) {
    static const char NAMED[] = "\"\\\b\f\n\r\t", NAMES[] = "\"\\bfnrt";
    const char *named = code ? strchr(NAMED, (int)code) : NULL;
    char text[ESCAPE_MAX + 1];
    int length;
    if (code < 0x80 && named)
        length = snprintf(text, sizeof text, "\\%c", NAMES[named - NAMED]);
    else if (!json && code == 0)
        length = snprintf(text, sizeof text, "\\0");
    else if (!json && code < 0x80)
        length = snprintf(text, sizeof text, "\\x%02x", (unsigned)code);
    else if (code <= 0xFFFF)
        length = snprintf(text, sizeof text, "\\u%04x", (unsigned)code);
    else
        length = snprintf(text, sizeof text, "\\U%08x", (unsigned)code);
    memcpy(out, text, (size_t)length);
    return (size_t)length;
}

size_t escape_character(EscapeKind kind, const char *text, size_t size, size_t *taken, char out[ESCAPE_MAX]) {
    const size_t length = utf8_character_length(text, size);
    *taken = length ? length : 1;
    if (length == 0) {
        char byte[8];
        const int count = snprintf(byte, sizeof byte, "\\x%02x", (unsigned)(unsigned char)text[0]);
        memcpy(out, byte, (size_t)count);
        return (size_t)count;
    }
    const uint32_t code = utf8_read(text, length);
    if (must_escape(kind, code)) return write_escape(kind == ESCAPE_JSON, code, out);
    memcpy(out, text, length);
    return length;
}

size_t escape_text(EscapeKind kind, const char *text, size_t size, char *out, size_t room) {
    size_t at = 0, used = 0;
    while (at < size) {
        char character[ESCAPE_MAX];
        size_t taken;
        const size_t length = escape_character(kind, text + at, size - at, &taken, character);
        if (length >= room - used) break;
        memcpy(out + used, character, length);
        used += length;
        at += taken;
    }
    out[used] = '\0';
    return at;
}

void escape_print(FILE *stream, EscapeKind kind, const char *text, size_t size) {
    char out[512];
    for (size_t at = 0; at < size;) {
        at += escape_text(kind, text + at, size - at, out, sizeof out);
        fputs(out, stream);
    }
}

const char *quoted(const char *text, size_t size, Quoted *room) {
    enum { ENDS = sizeof "\"\"..." };
    room->text[0] = '"';
    const size_t taken = escape_text(ESCAPE_MESSAGE, text, size, room->text + 1, sizeof room->text - ENDS);
    strcat(room->text, taken < size ? "\"..." : "\"");
    return room->text;
}
