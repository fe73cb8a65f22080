/* Errors: the first one wins, and a message is one line. */
#include "linnet/core/error.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_set_fills_everything(void **state) {
    (void)state;
    Error error = {0};
    int line = __LINE__ + 1;
    assert_int_equal(error_set(&error, STATUS_INPUT, "%s:%d: wrong", "a.csv", 7), STATUS_INPUT);
    assert_int_equal(error.status, STATUS_INPUT);
    assert_string_equal(error.message, "a.csv:7: wrong");
    assert_int_equal(error.line, line);
    assert_non_null(strstr(error.file, "error_test.c"));
}

static void test_first_error_wins(void **state) {
    (void)state;
    Error error = {0};
    error_set(&error, STATUS_FAILURE, "first");
    assert_int_equal(error_set(&error, STATUS_INPUT, "second"), STATUS_FAILURE);
    assert_string_equal(error.message, "first");
}

static void test_message_is_one_line(void **state) {
    (void)state;
    Error error = {0};
    error_set(&error, STATUS_INPUT, "one\ntwo\r\nthree \033[31m\177 a\xC2\xA0label");
    assert_string_equal(error.message, "one\\ntwo\\r\\nthree \\x1b[31m\\x7f a\\u00a0label");
}

static void test_lists_show_their_names(void **state) {
    (void)state;
    char list[64] = "";
    error_list(list, sizeof list, "text", 4);
    error_list(list, sizeof list, " label", 6);
    error_list(list, sizeof list, "posi\0tive", 9);
    assert_string_equal(list, "\"text\", \" label\", \"posi\\0tive\"");
    for (int i = 0; i < 3; i++) error_list(list, sizeof list, "another one", 11);
    assert_string_equal(list, "\"text\", \" label\", \"posi\\0tive\", \"another one\", ...");
}

static void test_long_message_is_cut(void **state) {
    (void)state;
    Error error = {0};
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    error_set(&error, STATUS_INPUT, "%s", text);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_fills_everything), cmocka_unit_test(test_first_error_wins),
        cmocka_unit_test(test_message_is_one_line),  cmocka_unit_test(test_lists_show_their_names),
        cmocka_unit_test(test_long_message_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
