#ifndef LINNET_CORE_ESCAPE_H
#define LINNET_CORE_ESCAPE_H
/** Texts of users and files in lines of output: what would break the line, command a terminal or not be seen is written
 *  as an escape: `\n`, `\0`, `\x1b`, `\u00a0`, and `\xff` for a byte that is not UTF-8. Nothing here allocates or fails.
 *  Not collective. */
#include <stddef.h>
#include <stdio.h>

typedef enum {
    ESCAPE_OUTPUT, /**< control characters (C0, DEL, C1), line and paragraph separators, bidirectional controls */
    ESCAPE_MESSAGE, /**< and all else that is invisible: spaces other than U+0020, zero-width, format and combining characters */
    ESCAPE_JSON /**< as ESCAPE_OUTPUT, by the rules of a JSON string (RFC 8259); the text must be UTF-8 */
} EscapeKind;

/** Bytes that one character takes at most. */
#define ESCAPE_MAX 12

/** Write the first character of text [size ≥ 1] to `out` and its bytes in the text to *taken; returns the bytes
 *  written. */
size_t escape_character(EscapeKind kind, const char *text, size_t size, size_t *taken, char out[ESCAPE_MAX]);

/** Write as many complete characters as fit into out [room ≥ 1] with a final zero; returns the bytes of the text that
 *  were taken. */
size_t escape_text(EscapeKind kind, const char *text, size_t size, char *out, size_t room);

/** Write the text to a stream, whose error flag tells of failures. */
void escape_print(FILE *stream, EscapeKind kind, const char *text, size_t size);

/** Room for a text that a message shows. */
typedef struct {
    char text[80];
} Quoted;

/** The text in double quotes, escaped for a message, with "..." after the quotes where it is too long. Points into
 *  `room`: `Quoted name; error_set(…, "no column %s", quoted(text, size, &name))`. */
const char *quoted(const char *text, size_t size, Quoted *room);

#endif
