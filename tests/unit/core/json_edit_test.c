/* Members set and removed in the text of a JSON object: all other bytes stay. */
#include "linnet/core/json_edit.h"
#include "linnet/core/memory.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unit/message.h"

/** The text after `value` (JSON; NULL: none) became the member `key`. */
static void assert_edit(const char *before, const char *key, const char *value, const char *after) {
    Error error = {0};
    char *text = memory_text(before, &error);
    cJSON *tree = value ? cJSON_Parse(value) : NULL;
    if (value)
        json_edit_set(&text, key, tree, "test.json", &error);
    else
        json_edit_remove(&text, key, "test.json", &error);
    assert_string_equal(error.message, "");
    assert_string_equal(text, after);
    cJSON_Delete(tree);
    memory_free(text);
}

static void test_set(void **state) {
    (void)state;
    static const struct {
        const char *before, *value, *after;
    } cases[] = {
        {"{}", "1", "{\n  \"k\": 1\n}"},
        {" {\n}\n", "1", " {\n  \"k\": 1\n}\n"},
        {"{\"a\": 1}", "2", "{\"a\": 1,\"k\": 2}"},
        {"{\n    \"a\": 1.0\n}\n", "\"<|x|>\"", "{\n    \"a\": 1.0,\n    \"k\": \"<|x|>\"\n}\n"},
        {"{\n  \"a\": [1,  {\"k\": 5}]\n}", "2", "{\n  \"a\": [1,  {\"k\": 5}],\n  \"k\": 2\n}"},
        {"{\n  \"a\": {}\n}", "{\"x\": {\"y\": 1}}",
         "{\n  \"a\": {},\n  \"k\": {\n    \"x\": {\n      \"y\": 1\n    }\n  }\n}"},
        {"{\"k\":null , \"b\" : 1e30}", "7", "{\"k\":7 , \"b\" : 1e30}"},
        {"{\n  \"b\": 1.50,\n  \"k\": {\n    \"x\": 1\n  },\n  \"c\": 100000000000000000000\n}", "true",
         "{\n  \"b\": 1.50,\n  \"k\": true,\n  \"c\": 100000000000000000000\n}"},
        {"\xef\xbb\xbf{\"k\": 1}", "2", "\xef\xbb\xbf{\"k\": 2}"},
        {"{\"\\u006b\": 1}", "2", "{\"\\u006b\": 2}"},
        {"{\"k\": 1, \"k\": 2, \"l\": 3}", "4", "{\"k\": 1, \"k\": 4, \"l\": 3}"},
        /* An equal value keeps its spelling. */
        {"{\"k\": 1.0e-5}", "0.00001", "{\"k\": 1.0e-5}"},
        {"{\"k\": {\"b\":  2, \"a\": \"\\u0041\"}}", "{\"a\": \"A\", \"b\": 2}",
         "{\"k\": {\"b\":  2, \"a\": \"\\u0041\"}}"},
        {"{\"k\": [1, 2]}", "[2, 1]", "{\"k\": [2,1]}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_edit(cases[i].before, "k", cases[i].value, cases[i].after);
}

static void test_remove(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{}", "{}"},
        {"{\"a\": {\"k\": 1}}", "{\"a\": {\"k\": 1}}"},
        {"{\"k\": 1}", "{}"},
        {"{\n  \"k\": [1],\n  \"b\": 2\n}\n", "{\n  \"b\": 2\n}\n"},
        {"{\n  \"a\": 1,\n  \"k\": {},\n  \"b\": 2\n}\n", "{\n  \"a\": 1,\n  \"b\": 2\n}\n"},
        {"{\n  \"a\": 1.0,\n  \"k\": null\n}\n", "{\n  \"a\": 1.0\n}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_edit(cases[i][0], "k", NULL, cases[i][1]);
}

static void test_refuses_what_is_no_object(void **state) {
    (void)state;
    static const char *const texts[] = {"[\"k\", 1]", "1", "{\"k\": 1", ""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Error error = {0};
        char *text = memory_text(texts[i], &error);
        assert_int_equal(json_edit_remove(&text, "k", "test.json", &error), STATUS_INPUT);
        assert_names(error.message, NAMES("test.json"));
        memory_free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_refuses_what_is_no_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
