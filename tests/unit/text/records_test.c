#include "linnet/text/records.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/message.h"

static char folder[] = "/tmp/linnet-records-XXXXXX";
static char path[256];

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder);
}

/** Make `folder`/t`ending` the file at hand. */
static void write_table(const char *ending, const char *bytes, size_t size) {
    snprintf(path, sizeof path, "%s/t%s", folder, ending);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/** Read columns `b` and `a` of the table and write them as `b|a;` row by row; or `!message` of an error. */
static const char *read_bytes(const char *ending, const char *bytes, size_t size) {
    static char out[4096];
    static const char *const columns[] = {"b", "a"};
    Error error = {0};
    Records *records = NULL;
    Field fields[2];
    size_t used = 0;
    bool more = true;
    out[0] = 0;
    write_table(ending, bytes, size);
    if (!records_open(&records, path, columns, 2, &error))
        while (!records_next(records, fields, &more, &error) && more)
            used += (size_t)snprintf(out + used, sizeof out - used, "%.*s|%.*s;", (int)fields[0].size, fields[0].text,
                                     (int)fields[1].size, fields[1].text);
    if (error.status) {
        assert_int_equal(error.status, STATUS_INPUT);
        assert_memory_equal(error.message, path, strlen(path)); /* every error starts with the file's name */
        snprintf(out, sizeof out, "!%s", error.message + strlen(path));
    }
    records_close(records);
    unlink(path);
    return out;
}

static const char *read_table(const char *ending, const char *text) {
    return read_bytes(ending, text, strlen(text));
}

static void test_csv(void **state) {
    (void)state;
    assert_string_equal(read_table(".csv", "a,b,c\n1,2,3\n4,5,6\n"), "2|1;5|4;");
    assert_string_equal(read_table(".csv", "a,b\r\n1,2\r\n3,4"), "2|1;4|3;");
    assert_string_equal(read_table(".csv", "\xEF\xBB\xBF"
                                           "a,b\n1,2\n"),
                        "2|1;");
    assert_string_equal(read_table(".csv", "\"a\",\"b\"\n\"x,y\",\"say \"\"hi\"\"\"\n"), "say \"hi\"|x,y;");
    assert_string_equal(read_table(".csv", "a,b\n\"1\n2\r\n3\",\"\"\"\"\n"), "\"|1\n2\r\n3;");
    assert_string_equal(read_table(".csv", "a,b\n,\n\"\",\"\""), "|;|;");
    assert_string_equal(read_table(".csv", "\n\na,b\n\n\r\n1,2\n\n3,4\n\n\n"), "2|1;4|3;");
    assert_string_equal(read_table(".csv", "a,b\n5\" disk,x\ry\n"), "x\ry|5\" disk;");
    assert_string_equal(read_table(".CSV", "b,a\n\xC3\xA9,\xF0\x9F\x98\x80\n"), "\xC3\xA9|\xF0\x9F\x98\x80;");
    assert_string_equal(read_table(".csv", "a,b\n"), "");
    assert_string_equal(read_table(".csv", "a,b"), "");
}

static void test_tsv(void **state) {
    (void)state;
    assert_string_equal(read_table(".tsv", "a\tb\n1,5\t2\n\"x\ty\"\tz\n"), "2|1,5;z|x\ty;");
}

static void test_jsonl(void **state) {
    (void)state;
    assert_string_equal(read_table(".jsonl", "{\"a\": \"1\", \"b\": 2}\n\n  \n{\"b\":-30,\"a\":null}\r\n"),
                        "2|1;-30|;");
    assert_string_equal(
        read_table(".ndjson", "{\"c\": [1.5e3, {\"a\": [true, false, []]}, {}], \"a\": \"x\", \"b\": \"\"}"), "|x;");
    assert_string_equal(
        read_table(".jsonl", "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"b\":\"\\u0041\\u00e9\\u4E2D\\uD83D\\uDE00\"}"),
        "A\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80|\"\\/\b\f\n\r\t;");
    assert_string_equal(read_table(".jsonl", "{\"\\u0061\":\"key\",\"b\":0}"), "0|key;");
}

static void test_zero_bytes_are_kept(void **state) {
    (void)state;
    static const char *const column[] = {"a"};
    static const char *const tables[][2] = {{".jsonl", "{\"a\":\"x\\u0000y\"}"}, {".csv", "a\nx@y"}};
    for (size_t i = 0; i < 2; i++) {
        char text[32];
        size_t size = strlen(tables[i][1]);
        memcpy(text, tables[i][1], size);
        for (size_t k = 0; k < size; k++)
            if (text[k] == '@') text[k] = 0;
        write_table(tables[i][0], text, size);
        Error error = {0};
        Records *records = NULL;
        Field field;
        bool more;
        assert_int_equal(records_open(&records, path, column, 1, &error), STATUS_OK);
        assert_int_equal(records_next(records, &field, &more, &error), STATUS_OK);
        assert_int_equal(field.size, 3);
        assert_memory_equal(field.text, "x\0y", 3);
        records_close(records);
        unlink(path);
    }
}

static void test_positions(void **state) {
    (void)state;
    static const char *const columns[] = {"a", "b"};
    const char *text = "a,b\n1,22\n\n\"x\ny\"\"z\",3\n4,\"5\"\n";
    static const int64_t expected[3][4] = {{2, 1, 2, 3}, {4, 1, 5, 7}, {6, 1, 6, 3}};
    write_table(".csv", text, strlen(text));
    Error error = {0};
    Records *records = NULL;
    Field fields[2];
    bool more;
    assert_int_equal(records_open(&records, path, columns, 2, &error), STATUS_OK);
    for (size_t row = 0; row < 3; row++) {
        assert_int_equal(records_next(records, fields, &more, &error), STATUS_OK);
        assert_true(more);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(fields[i].line, expected[row][2 * i]);
            assert_int_equal(fields[i].column, expected[row][2 * i + 1]);
        }
    }
    for (int i = 0; i < 2; i++) { /* the end stays the end */
        assert_int_equal(records_next(records, fields, &more, &error), STATUS_OK);
        assert_false(more);
    }
    records_close(records);
    unlink(path);
}

/** Rows of every length around the window's first size, so that each kind of byte once falls on its edge. */
static void test_rows_across_the_window(void **state) {
    (void)state;
    static const char *const columns[] = {"a", "b"};
    const char *tail = "\xC3\xA9\"\"\r\n\",\"\"\"z\"\"\"\r\n\r\n1,2";
    for (size_t length = 65536 - 40; length < 65536 + 10; length++) {
        Error error = {0};
        static char text[65536 + 128];
        int head = sprintf(text, "a,b\r\n\"");
        memset(text + head, 'x', length - (size_t)head);
        strcpy(text + length, tail);
        write_table(".csv", text, strlen(text));
        Records *records = NULL;
        Field fields[2];
        bool more;
        assert_int_equal(records_open(&records, path, columns, 2, &error), STATUS_OK);
        assert_int_equal(records_next(records, fields, &more, &error), STATUS_OK);
        assert_int_equal(fields[0].size, length - (size_t)head + 5);
        assert_memory_equal(fields[0].text + fields[0].size - 6, "x\xC3\xA9\"\r\n", 6);
        assert_int_equal(fields[1].size, 3);
        assert_memory_equal(fields[1].text, "\"z\"", 3);
        assert_int_equal(records_next(records, fields, &more, &error), STATUS_OK);
        assert_true(more && fields[0].size == 1 && fields[0].text[0] == '1' && fields[1].text[0] == '2');
        assert_int_equal(fields[1].line, 5);
        assert_int_equal(records_next(records, fields, &more, &error), STATUS_OK);
        assert_false(more);
        records_close(records);
        unlink(path);
    }
}

static void test_long_json_line(void **state) {
    (void)state;
    static const char *const column[] = {"a"};
    Error error = {0};
    static char text[300000 + 64];
    const size_t length = 300000;
    int head = sprintf(text, "{\"a\":\"1\"}\n{\"a\":\"");
    memset(text + head, 'x', length);
    strcpy(text + (size_t)head + length, "\"}\n{\"a\":\"3\"}");
    write_table(".jsonl", text, strlen(text));
    Records *records = NULL;
    Field field;
    bool more;
    assert_int_equal(records_open(&records, path, column, 1, &error), STATUS_OK);
    for (int row = 0; row < 3; row++) {
        assert_int_equal(records_next(records, &field, &more, &error), STATUS_OK);
        assert_int_equal(field.size, row == 1 ? length : 1);
        assert_int_equal(field.line, row + 1);
    }
    records_close(records);
    unlink(path);
}

static void test_csv_errors(void **state) {
    (void)state;
    static const struct {
        const char *text, *names[4];
    } cases[] = {
        {"", {"!: ", "empty"}},
        {"\n\n", {"!: ", "empty"}},
        {"a,c,d\n", {"!:1: ", "`b`", "a, c, d"}},
        {"a,b,b\n", {"!:1:5: ", "`b`", "twice"}},
        {"a,b\n1,2\n1\n", {"!:3:1: ", "1 field", "header row"}},
        {"a,b\n1,2,3,4\n", {"!:2:5: ", "4 fields", "header row"}},
        {"a,b\n1,\"2\n3\n", {"!:2:3: ", "quote", "never closed"}},
        {"a,b\n1,\"2\"\"", {"!:2:3: ", "quote", "never closed"}},
        {"a,b\n\"1\n\"x,2\n", {"!:3:2: ", "after a closing quote", "doubled"}},
        {"a,b\n\"1\"\rx,2\n", {"!:2:4: ", "after a closing quote", "doubled"}},
        {"a,b\n1,x\xFF\n", {"!:2:4: ", "0xFF", "UTF-8"}},
        {"a,b\n1,\"x\n\xC3\"\n", {"!:3:1: ", "0xC3", "UTF-8"}},
        {"a,b\n1,\xED\xA0\x80\n", {"!:2:3: ", "0xED", "UTF-8"}},
        {"a,b\n1,\xC0\x80\n", {"!:2:3: ", "0xC0", "UTF-8"}},
        {"a,b\n1,\xF4\x90\x80\x80\n", {"!:2:3: ", "0xF4", "UTF-8"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_names(read_table(".csv", cases[i].text), cases[i].names);
}

static void test_jsonl_errors(void **state) {
    (void)state;
    static const struct {
        const char *text, *names[4];
    } cases[] = {
        {"{\"a\":1,\"b\":2}\n{\"a\":1,\"x\":2}", {"!:2: ", "`b`", "a, x"}},
        {"{\"a\":1,\"b\":2,\"a\":3}", {"!:1:14: ", "`a`", "twice"}},
        {"{\"a\":1.5,\"b\":2}", {"!:1:6: ", "`a`"}},
        {"{\"a\":true,\"b\":2}", {"!:1:6: ", "`a`"}},
        {"{\"a\":[1],\"b\":2}", {"!:1:6: ", "`a`"}},
        {"[1]", {"!:1:1: ", "JSON", "`{`"}},
        {"{\"a\":1 \"b\":2}", {"!:1:8: ", "JSON", "`}`"}},
        {"{\"a\" 1}", {"!:1:6: ", "JSON", "`:`"}},
        {"{\"a\":}", {"!:1:6: ", "JSON", "value"}},
        {"{\"a\":nul}", {"!:1:6: ", "JSON", "value"}},
        {"{\"a\":\"x", {"!:1:6: ", "JSON", "never closed"}},
        {"{\"a\":\"x\ty\"}", {"!:1:8: ", "JSON", "control character"}},
        {"{\"a\":\"\\x\"}", {"!:1:8: ", "JSON", "escape"}},
        {"{\"a\":\"\\u12g4\"}", {"!:1:11: ", "\\u", "digits"}},
        {"{\"a\":\"\\ud800x\"}", {"!:1:7: ", "surrogate"}},
        {"{\"a\":\"\\udc00\"}", {"!:1:7: ", "surrogate"}},
        {"{\"a\":01}", {"!:1:6: ", "JSON", "0"}},
        {"{\"a\":1.}", {"!:1:8: ", "JSON", "digit"}},
        {"{\"a\":1e}", {"!:1:8: ", "JSON", "digit"}},
        {"{\"a\":1,\"b\":2} x", {"!:1:15: ", "JSON", "after the object"}},
        {"{\"a\":1,\"b\":\"\xFF\"}", {"!:1:13: ", "0xFF", "UTF-8"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_names(read_table(".jsonl", cases[i].text), cases[i].names);
    char deep[256] = "{\"a\":";
    memset(deep + 5, '[', 200);
    assert_names(read_table(".jsonl", deep), NAMES("!:1:105: ", "JSON", "nest"));
}

static void test_files_that_cannot_be_read(void **state) {
    (void)state;
    static const char *const column[] = {"a"};
    static const char *const names[] = {"/tmp/nowhere/x.csv", "/tmp/x.txt", "/tmp/x"};
    static const char *const reasons[] = {"No such file", ".csv", ".csv"};
    for (size_t i = 0; i < 3; i++) {
        Error error = {0};
        Records *records = NULL;
        assert_int_equal(records_open(&records, names[i], column, 1, &error), STATUS_INPUT);
        assert_null(records);
        assert_names(error.message, NAMES(names[i], reasons[i]));
    }
    char name[256];
    snprintf(name, sizeof name, "%s/folder.csv", folder);
    assert_int_equal(mkdir(name, 0700), 0);
    Error error = {0};
    Records *records = NULL;
    assert_int_equal(records_open(&records, name, column, 1, &error), STATUS_INPUT);
    assert_names(error.message, NAMES(name, "folder"));
    rmdir(name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_tsv),
        cmocka_unit_test(test_jsonl),
        cmocka_unit_test(test_zero_bytes_are_kept),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_rows_across_the_window),
        cmocka_unit_test(test_long_json_line),
        cmocka_unit_test(test_csv_errors),
        cmocka_unit_test(test_jsonl_errors),
        cmocka_unit_test(test_files_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
