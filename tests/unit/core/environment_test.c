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

/* What standard error was told, one call after the other. */
static char told[1000];

static void hear(void (*call)(void)) {
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    assert_true(file != NULL && before >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    call();
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    rewind(file);
    told[fread(told, 1, sizeof told - 1, file)] = '\0';
    fclose(file);
}

static double seconds;
static bool aloud = true;

static void ask_seconds(void) {
    seconds = environment_seconds(NAME, 7.0, aloud);
}

static void test_seconds_are_read(void **state) {
    static const struct {
        const char *value;
        double seconds;
    } GOOD[] = {{"", 7.0}, {"0", 0.0}, {"2.5", 2.5}, {"1e3", 1000.0}, {"120", 120.0}};
    static const char *const BAD[] = {"abc", "2m", "-1", "nan", "inf", "1e999", "9.3e18", "5 "};
    (void)state;
    unsetenv(NAME);
    hear(ask_seconds);
    assert_true(seconds == 7.0);
    assert_string_equal(told, "");
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        setenv(NAME, GOOD[i].value, 1);
        hear(ask_seconds);
        assert_true(seconds == GOOD[i].seconds);
        assert_string_equal(told, "");
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        char line[200];
        snprintf(line, sizeof line, "linnet: warning: %s: expected seconds from 0 to 1e9, got %s; using 7\n", NAME,
                 BAD[i]);
        setenv(NAME, BAD[i], 1);
        hear(ask_seconds);
        assert_true(seconds == 7.0);
        assert_string_equal(told, line);
    }
    aloud = false;
    hear(ask_seconds);
    assert_true(seconds == 7.0);
    assert_string_equal(told, "");
    aloud = true;
}

static int word;

static void ask_word(void) {
    static const char *const WORDS[] = {"own", "blas", NULL};
    word = environment_word(NAME, WORDS, "using own");
}

static void test_words_are_read(void **state) {
    (void)state;
    unsetenv(NAME);
    hear(ask_word);
    assert_int_equal(word, -1);
    setenv(NAME, "own", 1);
    hear(ask_word);
    assert_int_equal(word, 0);
    setenv(NAME, "blas", 1);
    hear(ask_word);
    assert_int_equal(word, 1);
    setenv(NAME, "", 1);
    hear(ask_word);
    assert_int_equal(word, -1);
    assert_string_equal(told, "");
    setenv(NAME, "Own", 1);
    hear(ask_word);
    assert_int_equal(word, -1);
    assert_string_equal(told, "linnet: warning: " NAME ": expected one of own, blas, got Own; using own\n");
    log_setup(1, 2, false);
    hear(ask_word);
    assert_int_equal(word, -1);
    assert_string_equal(told, ""); /* rank 0 has said it */
    log_setup(0, 1, false);
}

int main(void) {
    setenv("NO_COLOR", "1", 1);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_seconds_are_read), cmocka_unit_test(test_words_are_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
