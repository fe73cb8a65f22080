/* Texts of users in a model card. See card_text.h. */
#include "report/card_text.h"
#include "linnet/core/escape.h"
#include "linnet/core/utf8.h"
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* U+FFFE and U+FFFF may not be in YAML, but their escapes may. */
void card_quoted(FILE *file, const char *text) {
    const size_t size = strlen(text);
    fputc('"', file);
    for (size_t at = 0, taken; at < size; at += taken) {
        char out[ESCAPE_MAX];
        const size_t length = utf8_character_length(text + at, size - at);
        const uint32_t code = length ? utf8_read(text + at, length) : 0xFFFD;
        const size_t count = escape_character(ESCAPE_JSON, text + at, size - at, &taken, out);
        if (length == 0 || code == 0xFFFE || code == 0xFFFF)
            fprintf(file, "\\u%04x", (unsigned)code);
        else
            fwrite(out, 1, count, file);
    }
    fputc('"', file);
}

/* A backslash makes any of these a plain character; what is not visible is escaped as in linnet's other output. */
void card_plain(FILE *file, const char *text) {
    const size_t size = strlen(text);
    for (size_t at = 0, taken; at < size; at += taken) {
        char out[ESCAPE_MAX];
        const size_t count = escape_character(ESCAPE_OUTPUT, text + at, size - at, &taken, out);
        if (count > 1 && out[0] == '\\') fputc('\\', file);
        if (count == 1 && strchr("\\`*_[]<>|&~#$!{}", out[0])) fputc('\\', file);
        fwrite(out, 1, count, file);
    }
}

void card_word(FILE *file, const char *text) {
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-+=,:@%";
    if (*text && *text != '-' && text[strspn(text, PLAIN)] == '\0') {
        fputs(text, file);
        return;
    }
    fputc('\'', file);
    for (const char *part = text; part;) {
        const char *quote = strchr(part, '\'');
        escape_print(file, ESCAPE_OUTPUT, part, quote ? (size_t)(quote - part) : strlen(part));
        if (quote) fputs("'\\''", file);
        part = quote ? quote + 1 : NULL;
    }
    fputc('\'', file);
}

void card_interval(FILE *file, const Interval *score) {
    fprintf(file, " %.4f [%.2f, %.2f]", score->value, score->low, score->high);
}

const char *card_name(const char *path, char room[4096]) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (*name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) return name;
    char *whole = realpath(path, NULL);
    snprintf(room, 4096, "%s", whole ? whole : path);
    free(whole);
    slash = strrchr(room, '/');
    return slash && slash[1] ? slash + 1 : room;
}
