/* Splitting texts into words with PCRE2. See pretokenize.h. */
#include "tokenizer/pretokenize.h"
#include "linnet/core/memory.h"
#include "tokenizer/unicode_classes.h"
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

/* Write a class's hexadecimal ranges ("61-7A AA") as PCRE2 spells them in brackets. */
static void write_class(FILE *pattern, char name) {
    for (const char *const *row = name == 'L' ? LETTERS : name == 'N' ? NUMBERS : WHITE_SPACE; *row; row++)
        for (char *at = (char *)*row; *at;) {
            const unsigned long first = strtoul(at, &at, 16), last = *at == '-' ? strtoul(at + 1, &at, 16) : first;
            fprintf(pattern, "\\x{%lX}-\\x{%lX}", first, last);
        }
}

static Status compile(Pretokenizer *pretokenizer, const char *pattern, size_t size, Error *error) {
    int code = 0;
    size_t offset = 0;
    pretokenizer->code = pcre2_compile((PCRE2_SPTR)pattern, size, PCRE2_UTF, &code, &offset, NULL);
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
    char *text = NULL;
    size_t size = 0;
    Pretokenizer *made = memory_allocate(1, sizeof *made, error);
    FILE *pattern = open_memstream(&text, &size);
    for (const char *p = PATTERN; pattern && *p; p++)
        if (*p == '%')
            write_class(pattern, *++p);
        else
            putc(*p, pattern);
    if (!pattern || fclose(pattern)) error_set(error, STATUS_FAILURE, "out of memory for the tokenizer's pattern");
    if (!error->status && !compile(made, text, size, error))
        *pretokenizer = made;
    else
        pretokenizer_destroy(made);
    free(text);
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
