/* CSV, TSV and JSON Lines: fields with their places, and errors that name the place. */
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

static char folder[] = "/tmp/linnet-records-XXXXXX";
static char path[256];
static TableOptions options; /* for all readers; zeros unless a test sets them */

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder);
}

/* Write `folder`/t`ending`. */
static void write_table(const char *ending, const char *bytes, size_t size) {
    snprintf(path, sizeof path, "%s/t%s", folder, ending);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* Read columns `b` and `a` of the table and write them as `b|a;` row by row; or `!message` of an error. */
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
    if (!records_open(&records, path, &options, columns, 2, false, &error))
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

static void test_csv_is_read(void **state) {
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

static void test_tsv_is_read(void **state) {
    (void)state;
    assert_string_equal(read_table(".tsv", "a\tb\n1,5\t2\n\"x\ty\"\tz\n"), "2|1,5;z|x\ty;");
}

static void test_jsonl_is_read(void **state) {
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
        assert_int_equal(records_open(&records, path, &options, column, 1, false, &error), STATUS_OK);
        assert_int_equal(records_next(records, &field, &more, &error), STATUS_OK);
        assert_int_equal(field.size, 3);
        assert_memory_equal(field.text, "x\0y", 3);
        records_close(records);
        unlink(path);
    }
}

static void test_fields_have_positions(void **state) {
    (void)state;
    static const char *const columns[] = {"a", "b"};
    const char *text = "a,b\n1,22\n\n\"x\ny\"\"z\",3\n4,\"5\"\n";
    static const int64_t expected[3][4] = {{2, 1, 2, 3}, {4, 1, 5, 7}, {6, 1, 6, 3}};
    write_table(".csv", text, strlen(text));
    Error error = {0};
    Records *records = NULL;
    Field fields[2];
    bool more;
    assert_int_equal(records_open(&records, path, &options, columns, 2, false, &error), STATUS_OK);
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

/* Rows of every length around the buffer's first size, so that each kind of byte once falls on its edge. */
static void test_rows_may_cross_the_buffer(void **state) {
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
        assert_int_equal(records_open(&records, path, &options, columns, 2, false, &error), STATUS_OK);
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

static void test_json_lines_may_be_long(void **state) {
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
    assert_int_equal(records_open(&records, path, &options, column, 1, false, &error), STATUS_OK);
    for (int row = 0; row < 3; row++) {
        assert_int_equal(records_next(records, &field, &more, &error), STATUS_OK);
        assert_int_equal(field.size, row == 1 ? length : 1);
        assert_int_equal(field.line, row + 1);
    }
    records_close(records);
    unlink(path);
}

static void assert_starts_with(const char *text, const char *start) {
    if (strncmp(text, start, strlen(start)) != 0) fail_msg("`%s` does not start with `%s`", text, start);
}

static void test_csv_errors_name_the_place(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", "!: the file is empty; its first row must name the columns"},
        {"\n\n", "!: the file is empty; its first row must name the columns"},
        {"a,c,d\n", "!:1: no column \"b\"; the columns are: \"a\", \"c\", \"d\""},
        {"a,b,b\n", "!:1:5: column \"b\" appears twice"},
        {"a,b\n1,2\n1\n", "!:3:1: the row has 1 field, but the header row has 2"},
        {"a,b\n1,2,3,4\n", "!:2:5: the row has 4 fields, but the header row has 2"},
        {"a,b\n1,\"2\n3\n", "!:2:3: the closing quote is missing"},
        {"a,b\n1,\"2\"\"", "!:2:3: the closing quote is missing"},
        {"a,b\n\"1\n\"x,2\n", "!:3:2: expected a separator or a line end after the closing quote"},
        {"a,b\n\"1\"\rx,2\n", "!:2:4: expected a separator or a line end after the closing quote"},
        {"a,b\n1,x\xFF\n", "!:2:4: byte 0xFF is not UTF-8: name the encoding, such as --encoding cp1252"},
        {"a,b\n1,\"x\n\xC3\"\n", "!:3:1: byte 0xC3 is not UTF-8: name the encoding, such as --encoding cp1252"},
        {"a,b\n1,\xED\xA0\x80\n", "!:2:3: byte 0xED is not UTF-8: name the encoding, such as --encoding cp1252"},
        {"a,b\n1,\xC0\x80\n", "!:2:3: byte 0xC0 is not UTF-8: name the encoding, such as --encoding cp1252"},
        {"a,b\n1,\xF4\x90\x80\x80\n", "!:2:3: byte 0xF4 is not UTF-8: name the encoding, such as --encoding cp1252"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_starts_with(read_table(".csv", cases[i][0]), cases[i][1]);
}

static void test_jsonl_errors_name_the_place(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{\"a\":1,\"b\":2}\n{\"a\":1,\"x\":2}", "!:2: no member \"b\"; the members are: \"a\", \"x\""},
        {"{\"a\":1,\"b\":2,\"a\":3}", "!:1:14: member \"a\" appears twice"},
        {"{\"a\":[1],\"b\":2}", "!:1:6: member \"a\" must be a string, a number, true, false or null, not an array"},
        {"{\"a\":{},\"b\":2}", "!:1:6: member \"a\" must be a string, a number, true, false or null, not an array"},
        {"[1]", "!:1:2: expected a JSON object"},
        {"[[1]]", "!:1:2: expected a JSON object (pandas writes a row an object with to_json(orient=\"records\"))"},
        {"{\"x\":[1],\"y\":{}}", "!:1: no member \"b\"; the members are: \"x\", \"y\" (pandas writes a row an object"},
        {"[]x", "!:1:3: expected nothing after the array"},
        {"a,b\n1,2\n", "!:1:1: expected a JSON object (for a table of another format add --format csv)"},
        {"{\"a\":1 \"b\":2}", "!:1:8: expected ',' or '}'"},
        {"{\"a\" 1}", "!:1:6: expected ':'"},
        {"{\"a\":}", "!:1:6: expected a JSON value"},
        {"\n{\"a\":\"x", "!:2:8: the text ends inside a JSON value"},
        {"{\"a\":\"\\ud800x\"}", "!:1:13: half of a surrogate pair"},
        {"{\"a\":1,\"b\":2} x", "!:1:15: expected a JSON object"},
        {"{\"a\":1,\"b\":\"\xFF\"}", "!:1:13: byte 0xFF is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_starts_with(read_table(".jsonl", cases[i][0]), cases[i][1]);
}

static bool is_ready(Records *records) {
    bool ready;
    Error error = {0};
    records_ready(records, &ready, &error);
    assert_int_equal(error.status, STATUS_OK);
    return ready;
}

static void assert_next(Records *records, const char *text) {
    Field field;
    bool more;
    Error error = {0};
    assert_int_equal(records_next(records, &field, &more, &error), STATUS_OK);
    assert_int_equal(more, text != NULL);
    if (!text) return;
    assert_int_equal(field.size, strlen(text));
    assert_memory_equal(field.text, text, field.size);
}

static void send(int pipe_end, const char *text) {
    const size_t size = strlen(text);
    assert_int_equal(write(pipe_end, text, size), size);
}

/** A row of a pipe is there when its line end is; the end of the table is there, too. */
static void test_rows_of_a_pipe_are_ready(void **state) {
    (void)state;
    int ends[2];
    char name[32];
    Records *records = NULL;
    Error error = {0};
    static const char *const columns[] = {"text"};
    const TableOptions csv = {.format = "csv"};
    assert_int_equal(pipe(ends), 0);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    send(ends[1], "id,text\n0,one\n1,two\n2,th");
    records_open(&records, name, &csv, columns, 1, false, &error);
    assert_int_equal(error.status, STATUS_OK);
    assert_true(is_ready(records));
    assert_next(records, "one");
    assert_true(is_ready(records));
    assert_next(records, "two");
    assert_false(is_ready(records));
    send(ends[1], "r");
    assert_false(is_ready(records));
    send(ends[1], "ee\n3,four");
    assert_true(is_ready(records));
    assert_next(records, "three");
    assert_false(is_ready(records));
    close(ends[1]);
    assert_true(is_ready(records));
    assert_next(records, "four");
    assert_true(is_ready(records));
    assert_next(records, NULL);
    records_close(records);
    close(ends[0]);
}

static void test_unreadable_files_are_named(void **state) {
    (void)state;
    static const char *const column[] = {"a"};
    static const char *const names[] = {"/tmp/nowhere/x.csv", "tests/fault/errors.py", "LICENSE"};
    static const char *const reasons[] = {"cannot open: No such file", "add --format csv", "add --format csv"};
    for (size_t i = 0; i < 3; i++) {
        Error error = {0};
        Records *records = NULL;
        assert_int_equal(records_open(&records, names[i], &options, column, 1, false, &error), STATUS_INPUT);
        assert_null(records);
        assert_non_null(strstr(error.message, names[i]));
        assert_non_null(strstr(error.message, reasons[i]));
    }
    char name[256];
    snprintf(name, sizeof name, "%s/folder.csv", folder);
    assert_int_equal(mkdir(name, 0700), 0);
    Error error = {0};
    Records *records = NULL;
    assert_int_equal(records_open(&records, name, &options, column, 1, false, &error), STATUS_INPUT);
    assert_non_null(strstr(error.message, "is a folder: name its files"));
    rmdir(name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_is_read),
        cmocka_unit_test(test_tsv_is_read),
        cmocka_unit_test(test_jsonl_is_read),
        cmocka_unit_test(test_zero_bytes_are_kept),
        cmocka_unit_test(test_fields_have_positions),
        cmocka_unit_test(test_rows_may_cross_the_buffer),
        cmocka_unit_test(test_json_lines_may_be_long),
        cmocka_unit_test(test_csv_errors_name_the_place),
        cmocka_unit_test(test_jsonl_errors_name_the_place),
        cmocka_unit_test(test_rows_of_a_pipe_are_ready),
        cmocka_unit_test(test_unreadable_files_are_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
