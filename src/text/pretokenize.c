/* Splitting texts into words with PCRE2. See pretokenize.h. */
#include "text/pretokenize.h"
#include "linnet/core/memory.h"
#include "text/unicode_classes.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct Pretokenizer {
    pcre2_code *code;
    pcre2_match_data *match;
};

/* The published pattern (openai/gpt-2, encoder.py), except that `%L` stands for \p{L}, `%N` for \p{N} and `%S` for \s
 * inside brackets. Listing their ranges costs nothing on ASCII and makes the words independent of PCRE2's version. */
static const char PATTERN[] = "'s|'t|'re|'ve|'m|'ll|'d| ?[%L]+| ?[%N]+| ?[^%S%L%N]+|[%S]+(?![^%S])|[%S]+";

/* A text under construction; `used` also counts what no longer fits. */
typedef struct {
    char *text;
    size_t size, used;
} Writer;

__attribute__((format(printf, 2, 3))) static void write_text(Writer *writer, const char *format, ...) {
    size_t room = writer->used < writer->size ? writer->size - writer->used : 0;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(room ? writer->text + writer->used : NULL, room, format, arguments);
    va_end(arguments);
    writer->used += (size_t)length;
}

/* Write a class's hexadecimal ranges ("61-7A AA") as PCRE2 spells them in brackets. */
static void write_class(Writer *writer, char name) {
    for (const char *const *row = name == 'L' ? LETTERS : name == 'N' ? NUMBERS : WHITE_SPACE; *row; row++)
        for (char *at = (char *)*row; *at;) {
            const unsigned long first = strtoul(at, &at, 16), last = *at == '-' ? strtoul(at + 1, &at, 16) : first;
            write_text(writer, "\\x{%lX}-\\x{%lX}", first, last);
        }
}

static void write_pattern(Writer *writer) {
    for (const char *p = PATTERN; *p; p++) {
        if (*p == '%')
            write_class(writer, *++p);
        else
            write_text(writer, "%c", *p);
    }
}

static Status compile(Pretokenizer *pretokenizer, const Writer *pattern, Error *error) {
    int code = 0;
    size_t offset = 0;
    pretokenizer->code = pcre2_compile((PCRE2_SPTR)pattern->text, pattern->used, PCRE2_UTF, &code, &offset, NULL);
    if (!pretokenizer->code) {
        char reason[128] = "";
        pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof reason);
        return error_set(error, STATUS_FAILURE, "PCRE2 cannot compile the tokenizer's pattern: %s", reason);
    }
    /* Where PCRE2 has no JIT for the machine pcre2_match() interprets the pattern: slower, with the same words. */
    pcre2_jit_compile(pretokenizer->code, PCRE2_JIT_COMPLETE);
    pretokenizer->match = pcre2_match_data_create(1, NULL);
    return pretokenizer->match ? STATUS_OK : error_set(error, STATUS_FAILURE, "out of memory for PCRE2");
}

Status pretokenizer_create(Pretokenizer **pretokenizer, Error *error) {
    Writer pattern = {0};
    write_pattern(&pattern); /* measures */
    Pretokenizer *made = memory_allocate(1, sizeof *made, error);
    pattern.size = pattern.used + 1;
    pattern.used = 0;
    pattern.text = memory_allocate(pattern.size, 1, error);
    if (!made || !pattern.text) goto cleanup;
    write_pattern(&pattern);
    if (compile(made, &pattern, error)) goto cleanup;
    *pretokenizer = made;
    made = NULL;
cleanup:
    memory_free(pattern.text);
    pretokenizer_destroy(made);
    return error->status;
}

Status pretokenizer_next(Pretokenizer *pretokenizer, const char *text, size_t size, size_t at, size_t *end,
                         Error *error) {
    int code =
        pcre2_match(pretokenizer->code, (PCRE2_SPTR)text, size, at, PCRE2_NO_UTF_CHECK, pretokenizer->match, NULL);
    if (code < 0) return error_set(error, STATUS_FAILURE, "PCRE2 failed with code %d at byte %zu of a text", code, at);
    *end = pcre2_get_ovector_pointer(pretokenizer->match)[1];
    return STATUS_OK;
}

void pretokenizer_destroy(Pretokenizer *pretokenizer) {
    if (!pretokenizer) return;
    pcre2_match_data_free(pretokenizer->match);
    pcre2_code_free(pretokenizer->code);
    memory_free(pretokenizer);
}
