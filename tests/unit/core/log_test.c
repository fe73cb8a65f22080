/* Log lines: one write each, with level, rank and host, and colour on a terminal. */
#include "linnet/core/log.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int saved_stderr, reading;

/* Standard error becomes a packet pipe: one read returns the bytes of one write. */
static int catch_stderr(void **state) {
    (void)state;
    int ends[2];
    if (pipe2(ends, O_DIRECT | O_NONBLOCK)) return -1;
    saved_stderr = dup(STDERR_FILENO);
    reading = ends[0];
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    log_setup(0, 1, false);
    return 0;
}

static int restore_stderr(void **state) {
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(reading);
    return 0;
}

/* The bytes of the next write; empty where there is none. */
static const char *one_write(void) {
    static char text[8192];
    ssize_t got = read(reading, text, sizeof text - 1);
    text[got > 0 ? got : 0] = 0;
    return text;
}

/* The next line that the terminal shows; it may come in several parts. */
static const char *one_line(void) {
    static char text[256];
    size_t used = 0;
    while (used < sizeof text - 1 && read(reading, text + used, 1) == 1 && text[used++] != '\n') {
    }
    text[used] = 0;
    return text;
}

static void test_lines(void **state) {
    (void)state;
    log_info("%d rows", 3);
    log_warning("slow %s", "disk");
    log_error("no file");
    assert_string_equal(one_write(), "3 rows\n");
    assert_string_equal(one_write(), "linnet: warning: slow disk\n");
    assert_string_equal(one_write(), "linnet: error: no file\n");
}

static void test_ranks(void **state) {
    (void)state;
    log_setup(2, 4, false);
    log_info("silent");
    log_warning("loud");
    log_error("loud");
    assert_string_equal(one_write(), "linnet: warning: rank 2: loud\n");
    assert_string_equal(one_write(), "linnet: error: rank 2: loud\n");
    log_error_at(3, "node02, while loading", "no %s", "file");
    assert_string_equal(one_write(), "linnet: error: rank 3 on node02, while loading: no file\n");
    assert_string_equal(one_write(), "");
}

static void test_quiet(void **state) {
    (void)state;
    log_setup(0, 1, true);
    log_info("silent");
    log_warning("loud");
    assert_string_equal(one_write(), "linnet: warning: loud\n");
    assert_string_equal(one_write(), "");
}

static void test_one_line_in_one_write(void **state) {
    (void)state;
    char text[10000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    log_info("a\nb\r\nc");
    log_error("%s", text);
    assert_string_equal(one_write(), "a\\nb\\r\\nc\n");
    const char *line = one_write();
    assert_int_equal(strlen(line), 4096);
    assert_int_equal(line[4095], '\n');
    assert_string_equal(one_write(), "");
}

/* Only a terminal gets colour, and only where it is not turned off. */
static void test_colour(void **state) {
    (void)state;
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    int slave = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    dup2(slave, STDERR_FILENO);
    close(slave);
    close(reading);
    reading = terminal;
    unsetenv("NO_COLOR");
    setenv("TERM", "xterm", 1);
    log_error("red");
    assert_string_equal(one_line(), "linnet: \033[1;31merror:\033[0m red\r\n");
    setenv("NO_COLOR", "1", 1);
    log_error("plain");
    assert_string_equal(one_line(), "linnet: error: plain\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, catch_stderr, restore_stderr),
        cmocka_unit_test_setup_teardown(test_ranks, catch_stderr, restore_stderr),
        cmocka_unit_test_setup_teardown(test_quiet, catch_stderr, restore_stderr),
        cmocka_unit_test_setup_teardown(test_one_line_in_one_write, catch_stderr, restore_stderr),
        cmocka_unit_test_setup_teardown(test_colour, catch_stderr, restore_stderr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
