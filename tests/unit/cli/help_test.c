/* The layout of --help. */
#include "cli/help.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_ROOM 16384
enum { MANY = 50 };

/** What a call prints to standard output. */
static void capture(void (*print)(const void *what), const void *what, char text[TEXT_ROOM]) {
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    int old = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    print(what);
    fflush(stdout);
    dup2(old, STDOUT_FILENO);
    close(old);
    rewind(file);
    text[fread(text, 1, TEXT_ROOM - 1, file)] = '\0';
    fclose(file);
}

static void print_short(const void *line) {
    help_print(line, false);
}

static void print_all(const void *line) {
    help_print(line, true);
}

/** The longest line's bytes, and the number of lines. */
static size_t longest(const char *text, size_t *lines) {
    size_t most = 0;
    for (*lines = 0; *text; ++*lines) {
        const size_t size = strcspn(text, "\n");
        if (size > most) most = size;
        text += size + (text[size] == '\n');
    }
    return most;
}

/** Fill a table with so many options, the first of which is required; a group starts at row `group`. */
static CommandLine many_options(Option options[MANY], size_t count, size_t group) {
    static char names[MANY][32];
    static bool flag;
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "option-%zu", i);
        options[i] = (Option){.name = names[i],
                              .kind = i == group ? OPTION_GROUP : OPTION_FLAG,
                              .value = &flag,
                              .help = "what this option does, in words that need more than the one line of a screen",
                              .required = i == 0};
    }
    return (CommandLine){.synopsis = "linnet try --option-0 [OPTIONS]",
                         .summary = "Try it.",
                         .options = options,
                         .count = count,
                         .example = "linnet try --option-0"};
}

static void test_fits_a_screen_whatever_the_table_holds(void **state) {
    (void)state;
    Option options[MANY];
    char text[TEXT_ROOM];
    for (size_t count = 1; count <= MANY; count++) {
        const CommandLine line = many_options(options, count, MANY);
        size_t lines;
        capture(print_short, &line, text);
        assert_true(longest(text, &lines) <= HELP_COLUMNS);
        assert_true(lines <= HELP_LINES);
        for (size_t i = 0; i < count; i++) assert_non_null(strstr(text, options[i].name));
        assert_non_null(strstr(text, "\n\nexample: linnet try --option-0\n"));
        capture(print_all, &line, text);
        assert_true(longest(text, &lines) <= HELP_COLUMNS);
        assert_null(strstr(text, "also:"));
    }
}

static void test_names_options_of_a_group_only_where_there_is_no_room(void **state) {
    (void)state;
    Option options[MANY];
    char text[TEXT_ROOM];
    CommandLine line = many_options(options, 5, 2);
    capture(print_short, &line, text);
    assert_null(strstr(text, "also:"));
    line = many_options(options, 12, 2);
    capture(print_short, &line, text);
    assert_non_null(strstr(text, "  --option-1  what"));
    assert_null(strstr(text, "  --option-3  what"));
    assert_non_null(strstr(text, "  also: --option-3 --option-4"));
    assert_non_null(strstr(text, "linnet try --help all)"));
}

static void test_ends_a_group(void **state) {
    (void)state;
    Option options[MANY];
    char text[TEXT_ROOM];
    const CommandLine line = many_options(options, 10, 2);
    options[8] = (Option){.name = "", .kind = OPTION_GROUP, .help = ""};
    capture(print_short, &line, text);
    assert_non_null(strstr(text, "  --option-9  what"));
    assert_null(strstr(text, "  --option-7  what"));
    assert_non_null(strstr(text, "  also: --option-3 --option-4 --option-5 --option-6 --option-7 (see"));
}

/** A command without an example of its own has one with what it requires: options, and an operand that is in the
 *  synopsis without brackets. */
static void test_makes_an_example(void **state) {
    (void)state;
    const char *value = NULL;
    const Option options[] = {
        {.name = "model", .kind = OPTION_TEXT, .value = &value, .help = "DIR: a model", .required = true},
        {.name = "input", .kind = OPTION_TEXT, .value = &value, .help = "FILE: a table"},
    };
    CommandLine line = {.synopsis = "linnet try RUN [RUN ...] --model DIR [--input FILE]",
                        .summary = "Try it.",
                        .options = options,
                        .count = 2,
                        .operands = "RUN"};
    char text[128];
    help_example(&line, text, sizeof text);
    assert_string_equal(text, "linnet try --model DIR RUN");
    line.synopsis = "linnet try --model DIR [RUN ...]";
    help_example(&line, text, sizeof text);
    assert_string_equal(text, "linnet try --model DIR");
    line.example = "linnet try --model gpt2";
    help_example(&line, text, sizeof text);
    assert_string_equal(text, "linnet try --model gpt2");
}

static void print_paragraph(const void *text) {
    assert_int_equal(help_paragraph(stdout, "  --a ", 8, text), help_paragraph(NULL, "  --a ", 8, text));
}

static void test_breaks_lines_between_words(void **state) {
    (void)state;
    char text[TEXT_ROOM];
    /* 72 columns behind the indent of 8 are 80; one more begins a line. */
    capture(print_paragraph, "123456789 123456789 123456789 123456789 123456789 123456789 123456789 12", text);
    assert_string_equal(text, "  --a   123456789 123456789 123456789 123456789 123456789 123456789 123456789 12\n");
    capture(print_paragraph, "123456789 123456789 123456789 123456789 123456789 123456789 123456789 123", text);
    assert_string_equal(text, "  --a   123456789 123456789 123456789 123456789 123456789 123456789 123456789\n"
                              "        123\n");
    /* Characters count, not bytes. */
    capture(print_paragraph, "äöü456789 123456789 123456789 123456789 123456789 123456789 123456789 12", text);
    assert_string_equal(text, "  --a   äöü456789 123456789 123456789 123456789 123456789 123456789 123456789 12\n");
}

static void test_names_values(void **state) {
    (void)state;
    static const struct {
        OptionKind kind;
        const char *help, *value, *rest;
    } cases[] = {
        {OPTION_TEXT, "FILE.h5: a token file", "FILE.h5", "a token file"},
        {OPTION_TEXT, "a|b: one of two", "a|b", "one of two"},
        {OPTION_TEXT, "no name: of the value", "VALUE", "no name: of the value"},
        {OPTION_INT, "a count", "N", "a count"},
        {OPTION_FLAG, "Print: nothing", "Print", "nothing"},
        {OPTION_FLAG, "print", "", "print"},
        {OPTION_TEXT, "FILE:", "FILE", ""},
        {OPTION_TEXT, "", "VALUE", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char value[OPTION_VALUE_TEXT];
        const Option option = {.name = "x", .kind = cases[i].kind, .help = cases[i].help};
        assert_string_equal(option_help(&option, value), cases[i].rest);
        assert_string_equal(value, cases[i].value);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fits_a_screen_whatever_the_table_holds),
        cmocka_unit_test(test_names_options_of_a_group_only_where_there_is_no_room),
        cmocka_unit_test(test_ends_a_group),
        cmocka_unit_test(test_makes_an_example),
        cmocka_unit_test(test_breaks_lines_between_words),
        cmocka_unit_test(test_names_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
