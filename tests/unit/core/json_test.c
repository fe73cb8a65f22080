/* JSON: syntax errors with their places, repeated keys, members and their types. */
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/message.h"

static cJSON *parse(const char *text) {
    cJSON *tree = NULL;
    Error error = {0};
    if (json_parse(&tree, text, strlen(text), "test.json", &error)) fail_msg("%s: %s", text, error.message);
    return tree;
}

static void test_valid_json_is_accepted(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        " 0 ",
        "-0.5e+10",
        "1E3",
        "\"\"",
        "\xef\xbb\xbf{\"a\": [1, {\"b\": null}, true, false]}\r\n",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"",
        "\"é€😀\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\x7f\"",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) cJSON_Delete(parse(texts[i]));
    cJSON *tree = parse("[\"\\ud83d\\ude00\", -12.5]");
    assert_string_equal(cJSON_GetArrayItem(tree, 0)->valuestring, "😀");
    assert_true(cJSON_GetArrayItem(tree, 1)->valuedouble == -12.5);
    cJSON_Delete(tree);
}

static void test_errors_name_line_and_column(void **state) {
    (void)state;
    static const struct {
        const char *text, *names[3];
    } cases[] = {
        {"", {"test.json:1:1: ", "end"}},
        {"{\n \"a\": 1,\n}", {"test.json:3:1: ", "key"}},
        {"{\"a\" 1}", {"test.json:1:6: ", "':'"}},
        {"{\"a\": 1\n \"b\": 2}", {"test.json:2:2: ", "','"}},
        {"[1 2]", {"test.json:1:4: ", "','"}},
        {"[1, 2", {"test.json:1:6: ", "end"}},
        {"{} {}", {"test.json:1:4: ", "JSON value"}},
        {"{a: 1}", {"test.json:1:2: ", "key"}},
        {"[tru]", {"test.json:1:2: ", "JSON value"}},
        {"[NaN]", {"test.json:1:2: ", "JSON value"}},
        {"[,1]", {"test.json:1:2: ", "JSON value"}},
        {"'a'", {"test.json:1:1: ", "JSON value"}},
        {"[01]", {"test.json:1:3: ", "0"}},
        {"[1.]", {"test.json:1:4: ", "digit"}},
        {"[.5]", {"test.json:1:2: ", "JSON value"}},
        {"[-]", {"test.json:1:3: ", "digit"}},
        {"[1e]", {"test.json:1:4: ", "digit"}},
        {"[+1]", {"test.json:1:2: ", "JSON value"}},
        {"[\"a\nb\"]", {"test.json:1:4: ", "control character"}},
        {"[\"\\x\"]", {"test.json:1:4: ", "escape"}},
        {"[\"\\u12g4\"]", {"test.json:1:4: ", "\\u"}},
        {"[\"\\u0000\"]", {"test.json:1:4: ", "\\u0000"}},
        {"[\"\\ud83d\"]", {"test.json:1:9: ", "surrogate"}},
        {"[\"\\ude00\"]", {"test.json:1:4: ", "surrogate"}},
        {"[\"\xc3(\"]", {"test.json:1:3: ", "UTF-8"}},
        {"[\"\xc0\x80\"]", {"test.json:1:3: ", "UTF-8"}},
        {"[\"\xe0\x80\x80\"]", {"test.json:1:3: ", "UTF-8"}},
        {"[\"\xed\xa0\x80\"]", {"test.json:1:3: ", "UTF-8"}},
        {"[\"\xf4\x90\x80\x80\"]", {"test.json:1:3: ", "UTF-8"}},
        {"[\"\xff\"]", {"test.json:1:3: ", "UTF-8"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *tree = NULL;
        Error error = {0};
        assert_int_equal(json_parse(&tree, cases[i].text, strlen(cases[i].text), "test.json", &error), STATUS_INPUT);
        assert_null(tree);
        assert_names(error.message, cases[i].names);
    }
}

/* No byte after `size` is read, also where the text continues. */
static void test_nothing_beyond_the_size_is_read(void **state) {
    (void)state;
    Error integer = {0}, cut = {0}, zero = {0};
    cJSON *tree = NULL;
    assert_int_equal(json_parse(&tree, "12345", 2, "x", &integer), STATUS_OK);
    assert_true(tree->valuedouble == 12);
    cJSON_Delete(tree);
    char *exact = malloc(3); /* so that the sanitizer sees a read beyond it */
    assert_non_null(exact);
    memcpy(exact, "\"\xc3\xa9", 3);
    assert_int_equal(json_parse(&tree, exact, 3, "x", &cut), STATUS_INPUT);
    free(exact);
    assert_int_equal(json_parse(&tree, "1\0", 2, "x", &zero), STATUS_INPUT);
}

static void test_refuses_deep_nesting_and_long_numbers(void **state) {
    (void)state;
    char text[2 * CJSON_NESTING_LIMIT + 2];
    cJSON *tree = NULL;
    Error deep = {0}, number = {0}, fine = {0};
    memset(text, '[', CJSON_NESTING_LIMIT + 1);
    memset(text + CJSON_NESTING_LIMIT + 1, ']', CJSON_NESTING_LIMIT + 1);
    assert_int_equal(json_parse(&tree, text, sizeof text, "x", &deep), STATUS_INPUT);
    assert_names(deep.message, NAMES("x:1:1001: ", "nest"));
    assert_int_equal(json_parse(&tree, text + 1, sizeof text - 2, "x", &fine), STATUS_OK);
    cJSON_Delete(tree);

    /* cJSON 1.7.15 cannot read a number this long, newer ones can: refused or right, never truncated. */
    memset(text, '1', 100);
    text[100] = '\0';
    if (json_parse(&tree, text, 100, "x", &number) == STATUS_OK) {
        assert_true(tree->valuedouble == strtod(text, NULL));
        cJSON_Delete(tree);
    } else {
        assert_int_equal(number.status, STATUS_INPUT);
    }
}

static void test_finds_repeated_keys(void **state) {
    (void)state;
    static const struct {
        const char *text, *names[4];
    } cases[] = {
        {"{\"a\": 1, \"b\": {\"a\": 2}, \"c\": [{\"a\": 3}, {\"a\": 4}]}", {NULL}},
        {"{\"a\": 1, \"A\": 2}", {NULL}},
        {"[]", {NULL}},
        {"{\"a\": 1,\n\"b\": 2,\n\"a\": 3}", {"x:3: ", "\"a\"", "twice"}},
        {"{\"a\": 1,\n\"b\": [0, {\"k\":\n{\"c\": 1}, \"d\": 1,\n\"k\": 3}],\n\"a\": 0}", {"x:4: ", "\"k\"", "twice"}},
        {"{\"key\": 1,\n\"\\u006bey\": 2}", {"x:2: ", "\"key\"", "twice"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error error = {0};
        cJSON *tree = parse(cases[i].text);
        json_refuse_repeats(tree, cases[i].text, "x", &error);
        assert_int_equal(error.status, cases[i].names[0] ? STATUS_INPUT : STATUS_OK);
        assert_names(error.message, cases[i].names);
        cJSON_Delete(tree);
    }
}

static void test_keys_have_lines(void **state) {
    (void)state;
    const char *text = "\n{\"a\": {\"x\": 1,\n\"y\": 2}, \"b\"\n: 1,\n\n\"c\": \"\\\"d\\\": \"}";
    assert_int_equal(json_key_line(text, 0), 2);
    assert_int_equal(json_key_line(text, 1), 3);
    assert_int_equal(json_key_line(text, 2), 6);
    assert_int_equal(json_key_line(text, 3), 0);
    assert_int_equal(json_key_line("[{\"a\": 1}]", 0), 0);
}

static void test_reads_members(void **state) {
    (void)state;
    cJSON *tree =
        parse("{\"i\": -7, \"big\": 9007199254740991, \"d\": 2.5, \"t\": true, \"s\": \"text\", \"n\": null}");
    Error error = {0};
    int64_t integer = 5;
    double number = 5;
    bool flag = false;
    const char *text = "kept";
    json_get_int(tree, "i", &integer, "x", &error);
    assert_int_equal(integer, -7);
    json_get_int(tree, "big", &integer, "x", &error);
    assert_int_equal(integer, 9007199254740991);
    json_get_int(tree, "n", &integer, "x", &error);
    json_get_int(tree, "absent", &integer, "x", &error);
    json_get_int(tree, "I", &integer, "x", &error);
    assert_int_equal(integer, 9007199254740991);
    json_get_double(tree, "d", &number, "x", &error);
    assert_true(number == 2.5);
    json_get_double(tree, "i", &number, "x", &error);
    assert_true(number == -7);
    json_get_bool(tree, "t", &flag, "x", &error);
    assert_true(flag);
    json_get_text(tree, "n", &text, "x", &error);
    assert_string_equal(text, "kept");
    json_get_text(tree, "s", &text, "x", &error);
    assert_string_equal(text, "text");
    assert_int_equal(error.status, STATUS_OK);
    cJSON_Delete(tree);
}

static void test_refuses_members_of_another_type(void **state) {
    (void)state;
    cJSON *tree =
        parse("{\"d\": 2.5, \"t\": true, \"s\": \"7\", \"far\": 1e300, \"edge\": 9007199254740992, \"inf\": 1e999}");
    int64_t integer = 5;
    double number = 5;
    bool flag = false;
    const char *text = "kept";
    static const char *const names[][5] = {
        {"x: ", "\"d\"", "2.5"},
        {"x: ", "\"s\"", "\"7\""},
        {"x: ", "\"far\"", "2^53", "1e+300"},
        {"x: ", "\"s\"", "number", "\"7\""},
        {"x: ", "\"inf\"", "float64"},
        {"x: ", "\"d\"", "true or false", "2.5"},
        {"x: ", "\"t\"", "true"},
    };
    Error errors[7] = {0}, edge = {0}, infinite = {0};
    json_get_int(tree, "d", &integer, "x", &errors[0]);
    json_get_int(tree, "s", &integer, "x", &errors[1]);
    json_get_int(tree, "far", &integer, "x", &errors[2]);
    json_get_double(tree, "s", &number, "x", &errors[3]);
    json_get_double(tree, "inf", &number, "x", &errors[4]);
    json_get_bool(tree, "d", &flag, "x", &errors[5]);
    json_get_text(tree, "t", &text, "x", &errors[6]);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(errors[i].status, STATUS_INPUT);
        assert_names(errors[i].message, names[i]);
    }
    assert_int_equal(json_get_int(tree, "edge", &integer, "x", &edge), STATUS_INPUT); /* 2^53 + 1 would read the same */
    assert_int_equal(json_get_int(tree, "inf", &integer, "x", &infinite), STATUS_INPUT);
    assert_true(integer == 5 && number == 5 && !flag);
    assert_string_equal(text, "kept");
    cJSON_Delete(tree);
}

static void test_saves_and_loads(void **state) {
    (void)state;
    char folder[] = "/tmp/linnet-json-XXXXXX";
    assert_non_null(mkdtemp(folder));
    Error error = {0}, missing = {0};
    char *path = file_join(folder, "x.json", &error), *text = NULL;
    cJSON *tree = parse("{\"a\": [1, 2.5], \"b\": {\"tab\": \"x\\ty: \\u0007\"}, \"c\": 0.1}");
    assert_int_equal(json_save(tree, path, true, &error), STATUS_OK);
    file_read(path, &text, NULL, &error);
    assert_string_equal(text,
                        "{\n  \"a\": [1, 2.5],\n  \"b\": {\n    \"tab\": \"x\\ty: \\u0007\"\n  },\n  \"c\": 0.1\n}\n");
    memory_free(text);
    cJSON *loaded = NULL;
    assert_int_equal(json_load(&loaded, path, &error), STATUS_OK);
    assert_true(cJSON_Compare(tree, loaded, true));
    cJSON_Delete(loaded);
    assert_int_equal(json_save(tree, path, false, &error), STATUS_OK);
    file_read(path, &text, NULL, &error);
    assert_string_equal(text, "{\"a\":[1,2.5],\"b\":{\"tab\":\"x\\ty: \\u0007\"},\"c\":0.1}\n");
    memory_free(text);
    cJSON_Delete(tree);
    file_remove(folder, &error);
    assert_int_equal(error.status, STATUS_OK);
    assert_int_equal(json_load(&loaded, path, &missing), STATUS_INPUT);
    memory_free(path);
}

static void test_comments_become_blanks(void **state) {
    (void)state;
    static const struct {
        const char *text, *blanked;
    } cases[] = {
        {"{} // end", "{}       "},
        {"// a\n{}//\n", "    \n{}  \n"},
        {"{/* a\n b */}", "{    \n     }"},
        {"/**/[]/***/", "    []     "},
        {"[1 /* // */, 2]", "[1         , 2]"},
        {"[1 // /*\n, 2]", "[1      \n, 2]"},
        {"[\"// no\", \"/* no */\"]", "[\"// no\", \"/* no */\"]"},
        {"[\"\\\"// no\", 1] // yes", "[\"\\\"// no\", 1]       "},
        {"[\"\\\\\" // yes\n]", "[\"\\\\\"       \n]"},
        {"1 / 2", "1 / 2"},
        {"/", "/"},
        {"\"\\", "\"\\"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        Error error = {0};
        snprintf(text, sizeof text, "%s", cases[i].text);
        assert_int_equal(json_blank_comments(text, strlen(text), "run.json", &error), STATUS_OK);
        assert_string_equal(text, cases[i].blanked);
    }
    static const char *const open[] = {"{\n\n/* a", "\n\n/*/", "\n/*\n*/\n/*"};
    static const char *const lines[] = {"run.json:3: ", "run.json:3: ", "run.json:4: "};
    for (size_t i = 0; i < 3; i++) {
        char text[64];
        Error error = {0};
        snprintf(text, sizeof text, "%s", open[i]);
        assert_int_equal(json_blank_comments(text, strlen(text), "run.json", &error), STATUS_INPUT);
        assert_names(error.message, NAMES(lines[i], "comment"));
    }
}

/** As Python's repr() and every other reader of float64 have them; JSON has no others. */
static void test_real_numbers(void **state) {
    (void)state;
    static const struct {
        double number;
        const char *text;
    } cases[] = {{0.1, "0.1"},      {0.1 + 0.2, "0.30000000000000004"},
                 {5e-05, "5e-05"},  {1.0, "1"},
                 {1e300, "1e+300"}, {-2.5, "-2.5"},
                 {NAN, "null"},     {-INFINITY, "null"}};
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[JSON_REAL_TEXT];
        json_real_text(cases[i].number, text);
        assert_string_equal(text, cases[i].text);
        assert_string_equal(json_add_real(object, "x", cases[i].number)->valuestring, cases[i].text);
    }
    cJSON_Delete(object);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_json_is_accepted),
        cmocka_unit_test(test_errors_name_line_and_column),
        cmocka_unit_test(test_nothing_beyond_the_size_is_read),
        cmocka_unit_test(test_refuses_deep_nesting_and_long_numbers),
        cmocka_unit_test(test_finds_repeated_keys),
        cmocka_unit_test(test_keys_have_lines),
        cmocka_unit_test(test_reads_members),
        cmocka_unit_test(test_refuses_members_of_another_type),
        cmocka_unit_test(test_saves_and_loads),
        cmocka_unit_test(test_comments_become_blanks),
        cmocka_unit_test(test_real_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
