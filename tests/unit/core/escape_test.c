/* Escaping: characters that would break a line, command a terminal or not be seen. Which characters are invisible is
 * that of Unicode 15 (White_Space, Default_Ignorable_Code_Point); JSON's escapes are those of RFC 8259, section 7. */
#include "linnet/core/escape.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *escaped(EscapeKind kind, const char *text, size_t size) {
    static char out[256];
    assert_int_equal(escape_text(kind, text, size, out, sizeof out), size);
    return out;
}
#define ESCAPED(kind, text) escaped(kind, text, sizeof(text) - 1)

static void test_controls(void **state) {
    (void)state;
    static const char text[] = "a\0b\n\r\t\033[1m\x7F\xC2\x85\xE2\x80\xA8\xE2\x80\xAE\xE2\x81\xA6z";
    assert_string_equal(ESCAPED(ESCAPE_OUTPUT, text), "a\\0b\\n\\r\\t\\x1b[1m\\x7f\\u0085\\u2028\\u202e\\u2066z");
    assert_string_equal(ESCAPED(ESCAPE_JSON, text), "a\\u0000b\\n\\r\\t\\u001b[1m\\u007f\\u0085\\u2028\\u202e\\u2066z");
    assert_string_equal(ESCAPED(ESCAPE_JSON, "\"\\/\b\f"), "\\\"\\\\/\\b\\f");
    assert_string_equal(ESCAPED(ESCAPE_OUTPUT, "\"\\"), "\"\\");
}

/* Zero-width joiners and variation selectors are parts of emoji: texts keep them, messages show them. */
static void test_invisible_characters(void **state) {
    (void)state;
    static const char text[] = " \xC2\xA0\xE2\x80\x8B\xE2\x80\x8D\xEF\xB8\x8F\xEF\xBB\xBF\xE3\x80\x80\xF3\xA0\x81\x81";
    assert_string_equal(ESCAPED(ESCAPE_OUTPUT, text), text);
    assert_string_equal(ESCAPED(ESCAPE_JSON, text), text);
    assert_string_equal(ESCAPED(ESCAPE_MESSAGE, text), " \\u00a0\\u200b\\u200d\\ufe0f\\ufeff\\u3000\\U000e0041");
    assert_string_equal(ESCAPED(ESCAPE_MESSAGE, "ne\xCC\x81gatif"), "ne\\u0301gatif"); /* looks like U+00E9 */
    static const char visible[] = "na\xC3\xAFve \xE4\xB8\xAD \xF0\x9F\x98\x80 \xD7\xA9 \\n";
    assert_string_equal(ESCAPED(ESCAPE_MESSAGE, visible), visible);
}

static void test_bytes_that_are_not_utf8(void **state) {
    (void)state;
    assert_string_equal(ESCAPED(ESCAPE_MESSAGE, "caf\xE9 \xF0\x9F\x98"), "caf\\xe9 \\xf0\\x9f\\x98");
}

/* Only complete characters and escapes. */
static void test_room(void **state) {
    (void)state;
    char out[6];
    assert_int_equal(escape_text(ESCAPE_OUTPUT, "ab\xC3\xA9\xC3\xA9", 6, out, sizeof out), 4);
    assert_string_equal(out, "ab\xC3\xA9");
    assert_int_equal(escape_text(ESCAPE_OUTPUT, "ab\033", 3, out, sizeof out), 2);
    assert_string_equal(out, "ab");
}

static void test_quoted(void **state) {
    (void)state;
    Quoted room;
    assert_string_equal(quoted(" neutral", 8, &room), "\" neutral\"");
    assert_string_equal(quoted("", 0, &room), "\"\"");
    char text[200];
    memset(text, 'x', sizeof text);
    const char *shown = quoted(text, sizeof text, &room);
    assert_true(strlen(shown) < sizeof room.text);
    assert_string_equal(shown + strlen(shown) - 5, "x\"...");
}

static void test_long_texts_are_printed(void **state) {
    (void)state;
    enum { COUNT = 3000 };
    char *out = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&out, &size);
    char text[COUNT];
    memset(text, '\n', sizeof text);
    escape_print(stream, ESCAPE_OUTPUT, text, sizeof text);
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(size, 2 * COUNT);
    assert_memory_equal(out, "\\n\\n", 4);
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_controls),
        cmocka_unit_test(test_invisible_characters),
        cmocka_unit_test(test_bytes_that_are_not_utf8),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_quoted),
        cmocka_unit_test(test_long_texts_are_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
