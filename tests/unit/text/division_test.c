/* Dividing tables by bytes: for every length of the parts, each starts at the row that is known to be the first one at
 * or after its place, on the line that is known. */
#include "linnet/text/division.h"
#include "linnet/text/records.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/folder.h"

enum { SIZE_MAX_BYTES = 4096, STARTS_MAX = 512, PARTS_MAX = SIZE_MAX_BYTES };

/* A table that is made up, with the place and the line of each row. */
typedef struct {
    char bytes[DIVISION_BEFORE + SIZE_MAX_BYTES]; /* with zeros before */
    int64_t size, lines;
    int64_t starts[STARTS_MAX], start_lines[STARTS_MAX];
    int count;
} Table;

static uint32_t draws = 1;

/* A number below `bound`; xorshift (Marsaglia 2003), so that every run makes the same tables. */
static uint32_t draw(uint32_t bound) {
    draws ^= draws << 13;
    draws ^= draws >> 17;
    draws ^= draws << 5;
    return draws % bound;
}

static void put(Table *table, const char *text) {
    for (; *text; text++) {
        assert_true(table->size < SIZE_MAX_BYTES);
        table->bytes[DIVISION_BEFORE + table->size++] = *text;
        table->lines += *text == '\n';
    }
}

static void begin_row(Table *table) {
    assert_true(table->count < STARTS_MAX);
    table->starts[table->count] = table->size;
    table->start_lines[table->count++] = table->lines + 1;
}

/* Scan parts of `length` bytes, in blocks of up to `block` bytes, and compare with the known rows. */
static void check_cut(const Division *division, const Table *table, int64_t length, int64_t block) {
    static DivisionScan scans[PARTS_MAX];
    static DivisionPart parts[PARTS_MAX];
    const int64_t count = (table->size + length - 1) / length;
    const char *bytes = table->bytes + DIVISION_BEFORE;
    for (int64_t k = 0; k < count; k++) {
        const int64_t end = (k + 1) * length < table->size ? (k + 1) * length : table->size;
        division_begin(division, &scans[k]);
        for (int64_t at = k * length; at < end; at += block)
            division_scan(division, &scans[k], bytes + at, (size_t)(at + block < end ? block : end - at),
                          at - k * length);
    }
    division_combine(scans, count, length, table->size, parts);
    int row = 0;
    for (int64_t k = 0; k < count; k++) {
        while (row < table->count && table->starts[row] < k * length) row++;
        const bool some = row < table->count && table->starts[row] < (k + 1) * length;
        assert_int_equal(parts[k].start, row < table->count ? table->starts[row] : table->size);
        if (some) assert_int_equal(parts[k].line, table->start_lines[row]);
        assert_int_equal(parts[k].end, k + 1 < count ? parts[k + 1].start : table->size);
    }
}

static void check_cuts(const Division *division, const Table *table) {
    for (int64_t length = 1; length <= table->size + 1; length++) {
        check_cut(division, table, length, SIZE_MAX_BYTES);
        check_cut(division, table, length, 1 + draw(7));
    }
}

/* A cell of characters that matter: in quotes, where all but the quote itself may stand, or not. */
static void put_cell(Table *table, const Division *division, const char *separator) {
    static const char *const PLAIN[] = {"a", "\xC3\xA9", "\r", "\"", " ", "\xE2\x80"};
    const char *const quoted[] = {"a", "\n", "\r\n", "\"\"", separator, "\"\"\n", "\xE2\x80\x97"};
    if (division->quote >= 0 && draw(2)) {
        put(table, "\"");
        for (uint32_t n = draw(6); n > 0; n--) put(table, quoted[draw(7)]);
        put(table, "\"");
        return;
    }
    if (draw(4))
        put(table, "b"); /* a quote at the start would open a cell in quotes; without one, a cell may be empty */
    else
        return;
    for (uint32_t n = draw(6); n > 0; n--) put(table, PLAIN[draw(6)]);
}

static void make_cells(Table *table, const Division *division, const char *separator) {
    *table = (Table){0};
    while (table->size < 120) {
        begin_row(table); /* that of a blank line, too */
        for (uint32_t n = draw(4); n > 0; n--) {
            put_cell(table, division, separator);
            if (n > 1) put(table, separator);
        }
        put(table, draw(2) ? "\r\n" : "\n");
    }
    begin_row(table);
    put(table, "c"); /* the last line has no end */
}

static void check_random_cells(const char *separator, int quote) {
    static Table table;
    Division division = {.kind = DIVISION_CELLS, .separator_size = strlen(separator), .quote = quote};
    memcpy(division.separator, separator, strlen(separator));
    for (int i = 0; i < 60; i++) {
        make_cells(&table, &division, separator);
        check_cuts(&division, &table);
    }
}

static void test_cells_are_divided(void **state) {
    (void)state;
    check_random_cells(",", '"');
    check_random_cells("\t", '"');
    check_random_cells(",", -1);
    check_random_cells("\xE2\x80\x96", '"'); /* U+2016, of three bytes */
}

/* A value with what may mislead: brackets, quotes and backslashes in strings, line ends between tokens. */
static void put_value(Table *table, int depth) {
    static const char *const STRINGS[] = {"a", "\\\"", "\\\\", "{", "}", "[", "]", "\\n", "\xC3\xA9"};
    static const char *const SPACES[] = {"", " ", "\n", "\r\n  "};
    const uint32_t kind = depth > 3 ? 2 : draw(4);
    if (kind > 1) {
        put(table, "\"");
        for (uint32_t n = draw(5); n > 0; n--) put(table, STRINGS[draw(9)]);
        put(table, "\"");
        return;
    }
    put(table, kind ? "[" : "{");
    for (uint32_t n = draw(3), i = 0; i < n; i++) {
        put(table, i > 0 ? "," : "");
        put(table, SPACES[draw(4)]);
        put(table, kind ? "" : "\"k\":");
        put(table, SPACES[draw(4)]);
        put_value(table, depth + 1);
    }
    put(table, SPACES[draw(4)]);
    put(table, kind ? "]" : "}");
}

static void test_objects_are_divided(void **state) {
    (void)state;
    static Table table;
    const Division division = {.kind = DIVISION_OBJECTS};
    for (int i = 0; i < 100; i++) {
        table = (Table){0};
        while (table.size < 150) {
            begin_row(&table); /* every line that starts between two objects */
            if (draw(8) == 0) put(&table, " ");
            for (uint32_t n = draw(3); n > 0; n--) {
                put(&table, "{\"text\":");
                put_value(&table, 1);
                put(&table, "} ");
            }
            put(&table, "\n");
        }
        begin_row(&table);
        put(&table, "{}");
        check_cuts(&division, &table);
    }
}

/* The rows of a table are those of its parts, with their lines. */
static void check_parts(const char *name, const TableOptions *options, const char *text, const char *column) {
    static Table table;
    static DivisionScan scans[PARTS_MAX];
    static DivisionPart parts[PARTS_MAX];
    static char all[SIZE_MAX_BYTES], divided[SIZE_MAX_BYTES];
    Error error = {0};
    Records *records;
    Field field;
    int64_t size;
    table = (Table){0};
    put(&table, text);
    assert_int_equal(file_replace(in_folder(name), text, strlen(text), &error), STATUS_OK);
    assert_int_equal(records_open(&records, in_folder(name), options, &column, 1, true, &error), STATUS_OK);
    size_t used = 0;
    for (bool more; !records_next(records, &field, &more, &error) && more;)
        used += (size_t)sprintf(all + used, "%d:%.*s;", (int)field.line, (int)field.size, field.text);
    assert_int_equal(error.status, STATUS_OK);
    const Division division = records_division(records, &size);
    assert_int_not_equal(division.kind, DIVISION_NONE);
    assert_int_equal(size, table.size);
    for (int64_t length = 16; length < size + 2; length++) { /* the header row starts in the first part */
        const int64_t count = (size + length - 1) / length;
        for (int64_t k = 0; k < count; k++) {
            const int64_t end = (k + 1) * length < size ? (k + 1) * length : size;
            division_begin(&division, &scans[k]);
            division_scan(&division, &scans[k], table.bytes + DIVISION_BEFORE + k * length, (size_t)(end - k * length),
                          0);
        }
        division_combine(scans, count, length, size, parts);
        used = 0;
        *divided = '\0';
        for (int64_t k = count - 1; k >= 0; k--) { /* in any order */
            char here[SIZE_MAX_BYTES] = "";
            size_t length_here = 0;
            if (parts[k].start == parts[k].end) continue;
            assert_int_equal(records_part(records, &parts[k], &error), STATUS_OK);
            for (bool more; !records_next(records, &field, &more, &error) && more;)
                length_here +=
                    (size_t)sprintf(here + length_here, "%d:%.*s;", (int)field.line, (int)field.size, field.text);
            assert_string_equal(error.message, "");
            memmove(divided + length_here, divided, used + 1);
            memcpy(divided, here, length_here);
            used += length_here;
        }
        assert_string_equal(divided, all);
    }
    records_close(records);
}

static void test_parts_have_the_rows(void **state) {
    (void)state;
    const TableOptions none = {0};
    check_parts("a.csv", &none,
                "text,n\na,1\n\"b\nb\",2\n\n\"\"\"c\"\"\",3\r\n\xEF\xBB\xBF"
                "d,4\ne\rf,5",
                "text");
    check_parts("b.csv", &none, "\xEF\xBB\xBFsep=;\ntext;n\n\"x;\n\";1\ny;2\nz;3\n", "text");
    check_parts("c.tsv", &none, "n\ttext\n1\tq\"\n2\t\"r\ts\n\"\n3\t\xC3\xA9\n", "text");
    check_parts("d.txt", &none, "one\n\ntwo \"\n\"\nthree\n\nfour", "text");
    check_parts("e.jsonl", &none,
                "{\"text\":\"a\"}\n{\"n\":1,\n\"text\":\"b\\\"}\"}\n\n {\"text\":\"c\",\"m\":[1,\n{\"text\":2}]} "
                "{\"text\":\"d\"}\n{\"text\":null}\n",
                "text");
    check_parts("f.csv", &(TableOptions){.no_header = true}, "a,1\n\"b\n\",2\nc,3\nd,4\ne,5\nf,6\n", "0");
    check_parts("g.csv", &(TableOptions){.encoding = "latin-1"}, "text\n\xE9t\xE9\n\"na\xEFve\n\"\n\xFC\n\xE4\n",
                "text");
    check_parts("h.csv", &(TableOptions){.encoding_errors = "replace"},
                "text\n\xE9t\xE9\n\"na\xEFve\n\"\n\xC3\xBC\nb\n", "text");
    check_parts("i.csv", &(TableOptions){.quote = "none"}, "text\n\"a\nb\"\n\"c\"\nd\ne\nf\n", "text");
}

/* What cannot be read from the middle. */
static void test_other_tables_are_not_divided(void **state) {
    (void)state;
    static const struct {
        const char *name, *text, *encoding, *field;
    } CASES[] = {{"a.csv", "text\ra\rb\r", NULL, NULL},
                 {"b.json", "[{\"text\":\"a\"},\n{\"text\":\"b\"}]", NULL, NULL},
                 {"c.json", "{\"rows\":[{\"text\":\"a\"}]}", NULL, "rows"},
                 {"d.csv", "text\na\n", "shift_jis", NULL},
                 {"e.csv", "text\na\n", "utf-7", NULL},
                 {"f.csv", "\n\n\ntext\na\n", NULL, NULL}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const TableOptions options = {.encoding = CASES[i].encoding, .field = CASES[i].field};
        const char *path = in_folder(CASES[i].name), *column = "text";
        Error error = {0};
        Records *records;
        Field field;
        bool more;
        int64_t size;
        assert_int_equal(file_replace(path, CASES[i].text, strlen(CASES[i].text), &error), STATUS_OK);
        assert_int_equal(records_open(&records, path, &options, &column, 1, true, &error), STATUS_OK);
        assert_int_equal(records_next(records, &field, &more, &error), STATUS_OK);
        assert_int_equal(records_division(records, &size).kind, DIVISION_NONE);
        records_close(records);
    }
}

/* 64 parts of a small file, thousands of a large one, and no part above 4 MiB. */
static void test_part_bytes(void **state) {
    (void)state;
    assert_int_equal(division_part_bytes(0), DIVISION_PART_MIN);
    assert_int_equal(division_part_bytes(100000), DIVISION_PART_MIN);
    assert_int_equal(division_part_bytes(3200000), 50000);
    assert_int_equal(division_part_bytes(INT64_C(100) << 20), 65536);
    assert_int_equal(division_part_bytes(INT64_C(10) << 30), INT64_C(10) << 18);
    assert_int_equal(division_part_bytes(INT64_C(1) << 40), INT64_C(4) << 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_are_divided), cmocka_unit_test(test_objects_are_divided),
        cmocka_unit_test(test_parts_have_the_rows), cmocka_unit_test(test_other_tables_are_not_divided),
        cmocka_unit_test(test_part_bytes)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
