/* Cells and numbers of a table with predictions. */
#include "predict/table_output.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What is written for a cell. */
static const char *cell(OutputFormat format, const char *text, size_t size) {
    static char out[256];
    memset(out, 0, sizeof out);
    FILE *file = fmemopen(out, sizeof out, "w");
    assert_non_null(file);
    output_cell(file, format, text, size);
    fclose(file);
    return out;
}

/* RFC 4180, sections 2.5 to 2.7: quotes where they must be, and nowhere else. */
static void test_cells(void **state) {
    (void)state;
    assert_string_equal(cell(OUTPUT_CSV, "a b\tc", 5), "a b\tc");
    assert_string_equal(cell(OUTPUT_TSV, "a, b", 4), "a, b");
    assert_string_equal(cell(OUTPUT_CSV, "a, b", 4), "\"a, b\"");
    assert_string_equal(cell(OUTPUT_TSV, "a\tb", 3), "\"a\tb\"");
    assert_string_equal(cell(OUTPUT_CSV, "say \"no\"", 8), "\"say \"\"no\"\"\"");
    assert_string_equal(cell(OUTPUT_CSV, "a\nb", 3), "\"a\nb\"");
    assert_string_equal(cell(OUTPUT_TSV, "a\rb", 3), "\"a\rb\"");
    assert_string_equal(cell(OUTPUT_CSV, NULL, 0), "");
}

/* Known shortest texts of float32 (1/3, the next number above 1, the least positive one), and numbers of all sizes: they
 * read back as the same float32, and one digit less does not. */
static void test_numbers(void **state) {
    (void)state;
    char text[OUTPUT_REAL_TEXT], shorter[400];
    output_real(1.0 / 3.0, text);
    assert_string_equal(text, "0.33333334");
    output_real(0.5, text);
    assert_string_equal(text, "0.5");
    output_real(1.00000011920928955078125, text);
    assert_string_equal(text, "1.0000001");
    output_real(0x1p-149, text);
    assert_string_equal(text, "1e-45");
    output_real(0.0, text);
    assert_string_equal(text, "0");
    double number = 1.0;
    for (int i = 0; i < 2000; i++, number *= 0.971) {
        const float rounded = (float)number;
        output_real(number, text);
        assert_true(strtof(text, NULL) == rounded);
        int digits = 1;
        for (; digits < 9; digits++) {
            snprintf(shorter, sizeof shorter, "%.*g", digits, (double)rounded);
            if (strtof(shorter, NULL) == rounded) break;
        }
        if (digits < 9) assert_string_equal(text, shorter);
    }
}

static void test_formats(void **state) {
    (void)state;
    static const struct {
        const char *path;
        OutputFormat format;
    } CASES[] = {{"a.csv", OUTPUT_CSV},        {"b/A.CSV", OUTPUT_CSV},   {"a.tsv", OUTPUT_TSV},  {"a.tab", OUTPUT_TSV},
                 {"a.csv.jsonl", OUTPUT_JSON}, {"a.ndjson", OUTPUT_JSON}, {"a.json", OUTPUT_JSON}};
    static const char *const WRONG[] = {"a", "csv", ".csv", "a.csv.gz", "a.parquet", ""};
    OutputFormat format;
    Error error = {0};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        assert_int_equal(output_format(CASES[i].path, &format, &error), STATUS_OK);
        assert_int_equal(format, CASES[i].format);
    }
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        error = (Error){0};
        assert_int_equal(output_format(WRONG[i], &format, &error), STATUS_INPUT);
    }
}

/* The added columns get out of the way of the input's label, and of no other column. */
static void test_names(void **state) {
    (void)state;
    char *names[] = {"good", "bad"};
    static const struct {
        const char *columns[3];
        const char *label; /* NULL: refused */
    } CASES[] = {{{"text", "n"}, "label"},
                 {{"text", "label"}, "predicted_label"},
                 {{"text", "predicted_label"}, "label"},
                 {{"label", "predicted_label"}, NULL},
                 {{"text", "probability_bad"}, NULL},
                 {{"text", "probability_ok"}, "label"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        AnswerColumns answers = {.names = names, .labels = 2};
        Error error = {0};
        answer_columns_choose(&answers, OUTPUT_CSV, CASES[i].columns, 2, "t.csv", &error);
        assert_int_equal(error.status, CASES[i].label ? STATUS_OK : STATUS_INPUT);
        if (CASES[i].label) assert_string_equal(answers.label, CASES[i].label);
        if (CASES[i].label) assert_string_equal(answers.probabilities[1], "probability_bad");
        answer_columns_free(&answers);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cells), cmocka_unit_test(test_numbers),
                                       cmocka_unit_test(test_formats), cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
