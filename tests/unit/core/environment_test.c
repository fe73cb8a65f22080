/* Environment variables: numbers of seconds and words, and warnings about invalid values. */
#include "linnet/core/environment.h"
#include "linnet/core/log.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NAME "LINNET_TEST_OF_ENVIRONMENT"

/* What a call wrote to standard error. */
static char written[1000];

static void capture(void (*call)(void)) {
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    assert_true(file != NULL && before >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    call();
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    rewind(file);
    written[fread(written, 1, sizeof written - 1, file)] = '\0';
    fclose(file);
}

static double seconds;
static bool tell = true;

static void ask_seconds(void) {
    seconds = environment_seconds(NAME, 7.0, tell);
}

static void test_seconds_are_read(void **state) {
    static const struct {
        const char *value;
        double seconds;
    } GOOD[] = {{"", 7.0}, {"0", 0.0}, {"2.5", 2.5}, {"1e3", 1000.0}, {"120", 120.0}};
    static const char *const BAD[] = {"abc", "2m", "-1", "nan", "inf", "1e999", "9.3e18", "5 "};
    (void)state;
    unsetenv(NAME);
    capture(ask_seconds);
    assert_true(seconds == 7.0);
    assert_string_equal(written, "");
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        setenv(NAME, GOOD[i].value, 1);
        capture(ask_seconds);
        assert_true(seconds == GOOD[i].seconds);
        assert_string_equal(written, "");
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        char line[200];
        snprintf(line, sizeof line, "linnet: warning: %s: expected seconds from 0 to 1e9, got %s; using 7\n", NAME,
                 BAD[i]);
        setenv(NAME, BAD[i], 1);
        capture(ask_seconds);
        assert_true(seconds == 7.0);
        assert_string_equal(written, line);
    }
    tell = false;
    capture(ask_seconds);
    assert_true(seconds == 7.0);
    assert_string_equal(written, "");
    tell = true;
}

static int word;

static void ask_word(void) {
    static const char *const WORDS[] = {"own", "blas", NULL};
    word = environment_word(NAME, WORDS, "using own");
}

static void test_words_are_read(void **state) {
    (void)state;
    unsetenv(NAME);
    capture(ask_word);
    assert_int_equal(word, -1);
    setenv(NAME, "own", 1);
    capture(ask_word);
    assert_int_equal(word, 0);
    setenv(NAME, "blas", 1);
    capture(ask_word);
    assert_int_equal(word, 1);
    setenv(NAME, "", 1);
    capture(ask_word);
    assert_int_equal(word, -1);
    assert_string_equal(written, "");
    setenv(NAME, "Own", 1);
    capture(ask_word);
    assert_int_equal(word, -1);
    assert_string_equal(written, "linnet: warning: " NAME ": expected one of \"own\", \"blas\", got Own; using own\n");
    log_setup(1, 2, false);
    capture(ask_word);
    assert_int_equal(word, -1);
    assert_string_equal(written, ""); /* rank 0 has warned */
    log_setup(0, 1, false);
}

int main(void) {
    setenv("NO_COLOR", "1", 1);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_seconds_are_read), cmocka_unit_test(test_words_are_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
