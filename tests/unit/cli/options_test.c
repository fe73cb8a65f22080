#include "cli/options.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 16

/** What a command line with one option of each kind was parsed into. */
typedef struct {
    bool json, helped, quiet;
    const char *input;
    int64_t count;
    double rate;
    OptionList sets, operands;
    Error error;
} Parsed;

/** Parse the arguments up to NULL. `operands`: what may follow the options, or NULL. */
static Status parse(Parsed *parsed, const char *operands, const char *const *arguments) {
    *parsed = (Parsed){.count = 42, .rate = 0.5};
    const Option options[] = {
        {.name = "input", .kind = OPTION_TEXT, .value = &parsed->input, .help = "the table", .required = true},
        {.name = "count",
         .kind = OPTION_INT,
         .value = &parsed->count,
         .help = "a count",
         .minimum = 1,
         .maximum = 1024},
        {.name = "rate", .kind = OPTION_NUMBER, .value = &parsed->rate, .help = "a rate"},
        {.name = "json", .kind = OPTION_FLAG, .value = &parsed->json, .help = "print JSON"},
        {.name = "set", .kind = OPTION_LIST, .value = &parsed->sets, .help = "key=value"},
    };
    const CommandLine line = {.synopsis = "linnet try --input FILE",
                              .summary = "Try it.",
                              .options = options,
                              .count = sizeof options / sizeof *options,
                              .operands = operands};
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

static void expect_error(Parsed *parsed, const char *message) {
    assert_int_equal(parsed->error.status, STATUS_INPUT);
    assert_string_equal(parsed->error.message, message);
    release(parsed);
}

static void reads_every_kind(void **state) {
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

static void keeps_defaults_and_takes_the_last(void **state) {
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

static void gathers_operands(void **state) {
    (void)state;
    Parsed parsed;
    assert_int_equal(PARSE(&parsed, "TEXT", "good", "--input=a", "-", "", "--", "--json", "-_-"), STATUS_OK);
    assert_int_equal(parsed.operands.count, 5);
    const char *const expected[] = {"good", "-", "", "--json", "-_-"};
    for (size_t i = 0; i < 5; i++) assert_string_equal(parsed.operands.items[i], expected[i]);
    assert_false(parsed.json);
    release(&parsed);
}

static void takes_values_that_look_like_options_after_an_equals_sign(void **state) {
    (void)state;
    Parsed parsed;
    assert_int_equal(PARSE(&parsed, NULL, "--input=--count", "--set", "-1"), STATUS_OK);
    assert_string_equal(parsed.input, "--count");
    assert_string_equal(parsed.sets.items[0], "-1");
    release(&parsed);
}

static void refuses_unknown_options(void **state) {
    (void)state;
    Parsed parsed;
    PARSE(&parsed, NULL, "--inptu", "a");
    expect_error(&parsed, "unknown option --inptu: did you mean --input?");
    PARSE(&parsed, NULL, "--quite=yes");
    expect_error(&parsed, "unknown option --quite: did you mean --quiet?");
    PARSE(&parsed, NULL, "--colour", "red");
    expect_error(&parsed, "unknown option --colour: --help lists the known ones");
    PARSE(&parsed, NULL, "-j");
    expect_error(&parsed, "unknown option -j: options start with two dashes");
    PARSE(&parsed, "TEXT", "-_-");
    expect_error(&parsed,
                 "unknown option -_-: options start with two dashes, and -- goes before an argument that starts "
                 "with one");
}

static void refuses_missing_values(void **state) {
    (void)state;
    Parsed parsed;
    PARSE(&parsed, NULL, "--input");
    expect_error(&parsed, "option --input needs a value");
    PARSE(&parsed, NULL, "--input", "--json");
    expect_error(&parsed,
                 "option --input needs a value, but '--json' follows (write --input=--json if that is the value)");
    PARSE(&parsed, NULL, "--json=yes");
    expect_error(&parsed, "option --json takes no value");
    PARSE(&parsed, NULL, "--quiet=yes");
    expect_error(&parsed, "option --quiet takes no value");
}

static void refuses_bad_numbers(void **state) {
    (void)state;
    static const char *const out_of_range[] = {"0", "1025", "-5", "99999999999999999999"};
    static const char *const not_whole[] = {"", "seven", "7x", "1.5", " 7"};
    Parsed parsed;
    char message[128];
    for (size_t i = 0; i < sizeof out_of_range / sizeof *out_of_range; i++) {
        PARSE(&parsed, NULL, "--input=a", "--count", out_of_range[i]);
        snprintf(message, sizeof message, "option --count must be from 1 to 1024, not %s", out_of_range[i]);
        expect_error(&parsed, message);
    }
    for (size_t i = 0; i < sizeof not_whole / sizeof *not_whole; i++) {
        PARSE(&parsed, NULL, "--input=a", "--count", not_whole[i]);
        snprintf(message, sizeof message, "option --count needs a whole number, not '%s'", not_whole[i]);
        expect_error(&parsed, message);
    }
    static const char *const not_above_zero[] = {"", "fast", "0", "-1", "1e", "inf", "nan", " 1"};
    for (size_t i = 0; i < sizeof not_above_zero / sizeof *not_above_zero; i++) {
        PARSE(&parsed, NULL, "--input=a", "--rate", not_above_zero[i]);
        snprintf(message, sizeof message, "option --rate needs a number above 0, not '%s'", not_above_zero[i]);
        expect_error(&parsed, message);
    }
    assert_int_equal(PARSE(&parsed, NULL, "--input=a", "--count=1024"), STATUS_OK);
    assert_int_equal(parsed.count, 1024);
}

static void refuses_what_is_missing_or_too_much(void **state) {
    (void)state;
    Parsed parsed;
    PARSE(&parsed, NULL, "--json");
    expect_error(&parsed, "option --input is missing: it must be given");
    PARSE(&parsed, NULL, "--set=x", "--input=a", "b");
    expect_error(&parsed, "unexpected argument 'b': only options may follow");
}

/** Run options_parse with standard output in a file; text [size] gets what it printed. */
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

static void prints_help(void **state) {
    (void)state;
    Parsed parsed;
    char text[2048];
    capture_help(&parsed, text, sizeof text);
    assert_true(parsed.helped);
    assert_int_equal(parsed.error.status, STATUS_OK);
    assert_string_equal(text, "usage: linnet try --input FILE\n\nTry it.\n\noptions:\n"
                              "  --input VALUE             the table (required)\n"
                              "  --count N                 a count\n"
                              "  --rate N                  a rate\n"
                              "  --json                    print JSON\n"
                              "  --set VALUE               key=value (may be repeated)\n"
                              "  --quiet                   only warnings and errors on standard error\n"
                              "  --help                    print this text\n");
}

static void takes_help_behind_two_dashes_as_an_operand(void **state) {
    (void)state;
    Parsed parsed;
    assert_int_equal(PARSE(&parsed, "TEXT", "--input=a", "--", "--help"), STATUS_OK);
    assert_false(parsed.helped);
    assert_string_equal(parsed.operands.items[0], "--help");
    release(&parsed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_kind),
        cmocka_unit_test(keeps_defaults_and_takes_the_last),
        cmocka_unit_test(gathers_operands),
        cmocka_unit_test(takes_values_that_look_like_options_after_an_equals_sign),
        cmocka_unit_test(refuses_unknown_options),
        cmocka_unit_test(refuses_missing_values),
        cmocka_unit_test(refuses_bad_numbers),
        cmocka_unit_test(refuses_what_is_missing_or_too_much),
        cmocka_unit_test(prints_help),
        cmocka_unit_test(takes_help_behind_two_dashes_as_an_operand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
