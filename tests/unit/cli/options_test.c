/* The parser of command lines, and --help. */
#include "cli/options.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/message.h"

#define ARGUMENTS_MAX 32

/** What a command line with one option of each kind was parsed into. */
typedef struct {
    bool json, helped, quiet;
    const char *input;
    int64_t count, rows;
    double rate;
    OptionList sets, operands;
    Error error;
} Parsed;

/** Parse the arguments up to NULL. `operands`: what may follow the options, or NULL. */
static Status parse(Parsed *parsed, const char *operands, const char *const *arguments) {
    *parsed = (Parsed){.count = 42, .rate = 0.5};
    const Option options[] = {
        {.name = "input",
         .kind = OPTION_TEXT,
         .value = &parsed->input,
         .help = "FILE.csv: the table",
         .required = true},
        {.name = "count",
         .kind = OPTION_INT,
         .value = &parsed->count,
         .help = "a count",
         .minimum = 1,
         .maximum = 1024},
        {.name = "rows",
         .kind = OPTION_INT,
         .value = &parsed->rows,
         .help = "a number",
         .minimum = 1,
         .maximum = INT64_MAX},
        {.name = "rate", .kind = OPTION_NUMBER, .value = &parsed->rate, .help = "a rate"},
        {.name = "json", .kind = OPTION_FLAG, .value = &parsed->json, .help = "print JSON"},
        {.name = "set", .kind = OPTION_LIST, .value = &parsed->sets, .help = "KEY=VALUE: set a key"},
    };
    const CommandLine line = {.synopsis = "linnet try --input FILE",
                              .summary = "Try it.",
                              .options = options,
                              .count = sizeof options / sizeof *options,
                              .operands = operands,
                              .settings = &parsed->sets};
    char *argv[ARGUMENTS_MAX];
    int argc = 0;
    for (; arguments[argc]; argc++) argv[argc] = (char *)(uintptr_t)arguments[argc];
    return options_parse(&line, argc, argv, &parsed->helped, &parsed->quiet, operands ? &parsed->operands : NULL,
                         &parsed->error);
}
#define PARSE(parsed, operands, ...) parse(parsed, operands, (const char *const[]){__VA_ARGS__, NULL})

static void release(Parsed *parsed) {
    options_free_list(&parsed->sets);
    options_free_list(&parsed->operands);
}

static void expect_error(Parsed *parsed, const char *const *names) {
    assert_int_equal(parsed->error.status, STATUS_INPUT);
    assert_names(parsed->error.message, names);
    release(parsed);
}
#define EXPECT_ERROR(parsed, ...) expect_error(parsed, NAMES(__VA_ARGS__))

static void test_reads_every_kind(void **state) {
    (void)state;
    Parsed parsed;
    assert_int_equal(PARSE(&parsed, NULL, "--input", "a.csv", "--count=7", "--json", "--set", "seed=1",
                           "--set=bf16=true", "--rate=2.5e1", "--quiet"),
                     STATUS_OK);
    assert_string_equal(parsed.input, "a.csv");
    assert_int_equal(parsed.count, 7);
    assert_true(parsed.rate == 25.0);
    assert_true(parsed.json);
    assert_true(parsed.quiet);
    assert_false(parsed.helped);
    assert_int_equal(parsed.sets.count, 2);
    assert_string_equal(parsed.sets.items[0], "seed=1");
    assert_string_equal(parsed.sets.items[1], "bf16=true");
    release(&parsed);
}

static void test_keeps_defaults_and_takes_the_last(void **state) {
    (void)state;
    Parsed parsed;
    assert_int_equal(PARSE(&parsed, NULL, "--input", "a.csv", "--input=b.csv"), STATUS_OK);
    assert_string_equal(parsed.input, "b.csv");
    assert_int_equal(parsed.count, 42);
    assert_false(parsed.json);
    assert_false(parsed.quiet);
    assert_int_equal(parsed.sets.count, 0);
    release(&parsed);
}

static void test_gathers_operands(void **state) {
    (void)state;
    Parsed parsed;
    assert_int_equal(PARSE(&parsed, "TEXT", "good", "--input=a", "-", "", "--", "--json", "-_-"), STATUS_OK);
    assert_int_equal(parsed.operands.count, 5);
    const char *const expected[] = {"good", "-", "", "--json", "-_-"};
    for (size_t i = 0; i < 5; i++) assert_string_equal(parsed.operands.items[i], expected[i]);
    assert_false(parsed.json);
    release(&parsed);
}

static void test_takes_values_that_look_like_options_after_an_equals_sign(void **state) {
    (void)state;
    Parsed parsed;
    assert_int_equal(PARSE(&parsed, NULL, "--input=--count", "--set", "-1"), STATUS_OK);
    assert_string_equal(parsed.input, "--count");
    assert_string_equal(parsed.sets.items[0], "-1");
    release(&parsed);
}

/** As HfArgumentParser of Transformers 5.24 reads them: nargs="?" for bool, --no_KEY, dashes for underscores. */
static void test_takes_settings_as_options(void **state) {
    (void)state;
    Parsed parsed;
    assert_int_equal(PARSE(&parsed, "FILE", "--learning_rate", "3e-5", "--max-steps", "-1", "--output_dir=a=b",
                           "--bf16", "run.json", "--bf16", "False", "--no_load_best_model_at_end", "--no-bf16",
                           "--do_train", "--input", "x", "--set", "seed=1", "--seed", "2", "--report_to", "none"),
                     STATUS_OK);
    static const char *const expected[] = {"--learning_rate=3e-5",
                                           "--max_steps=-1",
                                           "--output_dir=a=b",
                                           "--bf16=true",
                                           "--bf16=False",
                                           "--load_best_model_at_end=false",
                                           "--bf16=false",
                                           "--do_train=true",
                                           "seed=1",
                                           "--seed=2",
                                           "--report_to=none"};
    assert_int_equal(parsed.sets.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < parsed.sets.count; i++) assert_string_equal(parsed.sets.items[i], expected[i]);
    assert_int_equal(parsed.operands.count, 1);
    assert_string_equal(parsed.operands.items[0], "run.json");
    assert_string_equal(parsed.input, "x");
    release(&parsed);
}

/** As HfArgumentParser reads nargs="+"; but a configuration file is no value. */
static void test_takes_several_values_of_a_list(void **state) {
    (void)state;
    Parsed parsed;
    assert_int_equal(PARSE(&parsed, "FILE", "--input", "x", "--label_names", "a", "b \"c\"", "--report_to", "none",
                           "run.json", "--debug=x", "y.json", "--include_for_metrics", "inputs", "loss", "--report_to",
                           "one", "two", "three"),
                     STATUS_OK);
    static const char *const expected[] = {"--label_names=[\"a\",\"b \\\"c\\\"\"]", "--report_to=none", "--debug=x",
                                           "--include_for_metrics=[\"inputs\",\"loss\"]",
                                           "--report_to=[\"one\",\"two\",\"three\"]"};
    assert_int_equal(parsed.sets.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < parsed.sets.count; i++) assert_string_equal(parsed.sets.items[i], expected[i]);
    assert_int_equal(parsed.operands.count, 2);
    release(&parsed);
}

static void test_refuses_wrong_settings_as_options(void **state) {
    (void)state;
    Parsed parsed;
    PARSE(&parsed, NULL, "--learning_rat", "1");
    EXPECT_ERROR(&parsed, "--learning_rat", "--learning_rate?");
    PARSE(&parsed, NULL, "--learning_rate");
    EXPECT_ERROR(&parsed, "--learning_rate needs a value");
    PARSE(&parsed, NULL, "--learning_rate", "--bf16");
    EXPECT_ERROR(&parsed, "--learning_rate needs a value", "--bf16", "--learning_rate=--bf16");
    PARSE(&parsed, NULL, "--no_learning_rate");
    EXPECT_ERROR(&parsed, "unknown option --no_learning_rate");
    PARSE(&parsed, NULL, "--no_bf16=1");
    EXPECT_ERROR(&parsed, "--no_bf16", "no value");
}

static void test_refuses_unknown_options(void **state) {
    (void)state;
    Parsed parsed;
    PARSE(&parsed, NULL, "--inptu", "a");
    EXPECT_ERROR(&parsed, "--inptu", "--input?");
    PARSE(&parsed, NULL, "--quite=yes");
    EXPECT_ERROR(&parsed, "--quite", "--quiet?");
    PARSE(&parsed, NULL, "--colour", "red");
    EXPECT_ERROR(&parsed, "--colour", "--help");
    PARSE(&parsed, NULL, "-j");
    EXPECT_ERROR(&parsed, "-j", "two dashes");
    assert_null(strstr(parsed.error.message, "-- before"));
    PARSE(&parsed, "TEXT", "-_-");
    EXPECT_ERROR(&parsed, "-_-", "two dashes", "-- before");
}

/** Each message ends with the command line that would have been right. */
static void test_ends_errors_with_the_right_command(void **state) {
    (void)state;
    static const struct {
        const char *operands, *arguments[6], *right;
    } cases[] = {
        {NULL, {"--inptu", "a b"}, ": did you mean --input? linnet try --input 'a b'"},
        {NULL, {"--inptu=it's"}, ": did you mean --input? linnet try '--input=it'\\''s'"},
        {NULL, {"--jsno", "--count", "2"}, ": did you mean --json? linnet try --json --count 2 --input FILE.csv"},
        {NULL, {"-input", "a"}, ": did you mean --input? linnet try --input a"},
        {NULL, {"--zzzzzz", "a"}, ": linnet try --help lists the options"},
        {NULL, {"--input", "a", "--bf61"}, ": did you mean --bf16? linnet try --input a --bf16"},
        {NULL, {"--count", "2"}, "--input is required: linnet try --count 2 --input FILE.csv"},
        {NULL, {"--input"}, "--input needs a value: linnet try --input FILE.csv"},
        {NULL, {"--input=a", "--count"}, "--count needs a value: linnet try --input=a --count N"},
        {NULL, {"--input", "--json"}, "--input=--json): linnet try --input FILE.csv --json"},
        {NULL, {"--input=a", "--json=1"}, "got 1: linnet try --input=a --json"},
        {NULL, {"a.csv", "--json"}, ": linnet try --json --input a.csv"},
        {NULL, {"--input", "a", "b"}, ": linnet try --input a"},
        {"TEXT", {"-q", "b"}, ": linnet try --input FILE.csv -- -q b"},
        {"TEXT", {"one", "--json", "two"}, "--input is required: linnet try --json --input FILE.csv one two"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Parsed parsed;
        assert_int_equal(parse(&parsed, cases[i].operands, cases[i].arguments), STATUS_INPUT);
        const size_t size = strlen(parsed.error.message), end = strlen(cases[i].right);
        assert_true(size >= end);
        assert_string_equal(parsed.error.message + size - end, cases[i].right);
        release(&parsed);
    }
}

/** A command line without room ends the message with --help. */
static void test_ends_errors_of_long_lines_with_help(void **state) {
    (void)state;
    static char many[300][16];
    const char *arguments[302] = {"--inptu"};
    char *argv[301];
    for (int i = 0; i < 300; i++) {
        snprintf(many[i], sizeof many[i], "word%03d", i);
        arguments[i + 1] = many[i];
    }
    for (int i = 0; i < 301; i++) argv[i] = (char *)(uintptr_t)arguments[i];
    const char *input = NULL;
    const Option option = {.name = "input", .kind = OPTION_TEXT, .value = &input, .help = "FILE: a table"};
    const CommandLine line = {.synopsis = "linnet try", .summary = "Try it.", .options = &option, .count = 1};
    bool helped, quiet = false;
    Error error = {0};
    assert_int_equal(options_parse(&line, 301, argv, &helped, &quiet, NULL, &error), STATUS_INPUT);
    assert_string_equal(error.message, "unknown option --inptu: did you mean --input? linnet try --help");
}

static void test_refuses_missing_values(void **state) {
    (void)state;
    Parsed parsed;
    PARSE(&parsed, NULL, "--input");
    EXPECT_ERROR(&parsed, "--input", "value");
    PARSE(&parsed, NULL, "--input", "--json");
    EXPECT_ERROR(&parsed, "--input", "value", "--input=--json");
    PARSE(&parsed, NULL, "--json=yes");
    EXPECT_ERROR(&parsed, "--json", "no value", "yes");
    PARSE(&parsed, NULL, "--quiet=yes");
    EXPECT_ERROR(&parsed, "--quiet", "no value", "yes");
}

static void test_refuses_bad_numbers(void **state) {
    (void)state;
    static const char *const not_integers[] = {"",  "seven", "7x",   "1.5", " 7",
                                               "0", "1025",  "1e30", "-5",  "99999999999999999999"};
    static const char *const not_above_zero[] = {"", "fast", "0", "-1", "1e", "inf", "nan", " 1"};
    Parsed parsed;
    for (size_t i = 0; i < sizeof not_integers / sizeof *not_integers; i++) {
        PARSE(&parsed, NULL, "--input=a", "--count", not_integers[i]);
        EXPECT_ERROR(&parsed, "--count: ", "integer from 1 to 1024", not_integers[i]);
    }
    for (size_t i = 0; i < sizeof not_above_zero / sizeof *not_above_zero; i++) {
        PARSE(&parsed, NULL, "--input=a", "--rate", not_above_zero[i]);
        EXPECT_ERROR(&parsed, "--rate: ", "above 0", not_above_zero[i]);
    }
    PARSE(&parsed, NULL, "--input=a", "--rows", "0");
    EXPECT_ERROR(&parsed, "--rows: ", "integer of at least 1", "0");
    assert_int_equal(PARSE(&parsed, NULL, "--input=a", "--count=1024"), STATUS_OK);
    assert_int_equal(parsed.count, 1024);
}

static void test_refuses_missing_options_and_extra_arguments(void **state) {
    (void)state;
    Parsed parsed;
    PARSE(&parsed, NULL, "--json");
    EXPECT_ERROR(&parsed, "--input", "required");
    PARSE(&parsed, NULL, "--set=x", "--input=a", "b");
    EXPECT_ERROR(&parsed, "argument b");
}

/** Parse --help; text [size] gets what that prints to standard output. */
static void capture_help(Parsed *parsed, char *text, size_t size) {
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    int old = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    PARSE(parsed, NULL, "--nonsense", "--help");
    fflush(stdout);
    dup2(old, STDOUT_FILENO);
    close(old);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void test_prints_help(void **state) {
    (void)state;
    Parsed parsed;
    char text[2048];
    capture_help(&parsed, text, sizeof text);
    assert_true(parsed.helped);
    assert_int_equal(parsed.error.status, STATUS_OK);
    assert_names(text, NAMES("usage: linnet try --input FILE\n\nTry it.\n\noptions:\n", "--input FILE.csv ",
                             " the table (required)\n", "--count N ", " a count\n", "--rate N ", "--json ",
                             "--set KEY=VALUE ", " set a key (may be repeated)\n", "--quiet ", "--help ",
                             "\n\nexample: linnet try --input FILE.csv\n"));
}

static void test_takes_help_behind_two_dashes_as_an_operand(void **state) {
    (void)state;
    Parsed parsed;
    assert_int_equal(PARSE(&parsed, "TEXT", "--input=a", "--", "--help"), STATUS_OK);
    assert_false(parsed.helped);
    assert_string_equal(parsed.operands.items[0], "--help");
    release(&parsed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_every_kind),
        cmocka_unit_test(test_keeps_defaults_and_takes_the_last),
        cmocka_unit_test(test_gathers_operands),
        cmocka_unit_test(test_takes_values_that_look_like_options_after_an_equals_sign),
        cmocka_unit_test(test_takes_settings_as_options),
        cmocka_unit_test(test_refuses_wrong_settings_as_options),
        cmocka_unit_test(test_takes_several_values_of_a_list),
        cmocka_unit_test(test_refuses_unknown_options),
        cmocka_unit_test(test_ends_errors_with_the_right_command),
        cmocka_unit_test(test_ends_errors_of_long_lines_with_help),
        cmocka_unit_test(test_refuses_missing_values),
        cmocka_unit_test(test_refuses_bad_numbers),
        cmocka_unit_test(test_refuses_missing_options_and_extra_arguments),
        cmocka_unit_test(test_prints_help),
        cmocka_unit_test(test_takes_help_behind_two_dashes_as_an_operand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
