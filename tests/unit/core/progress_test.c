/* Progress: rates, the texts of bars and lines, and what a terminal and a pipe get. */
#include "core/progress_tasks.h"
#include "linnet/core/log.h"
#include "linnet/core/progress.h"
#include "linnet/core/utf8.h"
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#define NEAR 1e-9 /* the clock's values below are exact or nearly so in float64 */

/* --- Rates, on a clock of the test's own --- */

static void test_rate_and_time_left(void **state) {
    (void)state;
    ProgressTasks tasks = {0};
    progress_tasks_begin(&tasks, "train", "updates", 1500, 100.0);
    ProgressTask *task = progress_tasks_top(&tasks);
    assert_true(progress_task_view(task, 0, 105.0).left < 0.0);
    for (int i = 1; i <= 100; i++) progress_task_sample(task, i, i == 7 ? "loss 0.5" : NULL, 100.0 + 2.0 * i);
    ProgressView view = progress_task_view(task, 100, 300.0); /* an update each two seconds */
    assert_float_equal(view.rate, 0.5, NEAR);
    assert_float_equal(view.left, 1400 * 2.0, 1e-6);
    assert_float_equal(view.elapsed, 200.0, NEAR);
    assert_string_equal(view.note, "loss 0.5");
    assert_float_equal(progress_task_view(task, 100, 301.5).left, 1400 * 2.0 - 1.5, 1e-6); /* within an update */
    task->later = 60.0;
    assert_float_equal(progress_task_view(task, 100, 300.0).left, 1400 * 2.0 + 60.0, 1e-6);
}

/* What was done since the last sample counts: a file's first bytes were sampled, its rest came in one burst, and then it
 * is flushed to disk. */
static void test_units_that_are_not_sampled(void **state) {
    (void)state;
    ProgressTasks tasks = {0};
    progress_tasks_begin(&tasks, "save", "bytes", 1200, 10.0);
    ProgressTask *task = progress_tasks_top(&tasks);
    progress_task_sample(task, 1, NULL, 10.5);
    const ProgressView view = progress_task_view(task, 900, 11.0);
    assert_float_equal(view.rate, 900.0, 25.0); /* the older units weigh a little less */
    assert_float_equal(view.left, 300.0F / 900.0F, 0.01F);
    assert_int_equal(task->done, 1);
}

/* A run that becomes four times slower is predicted so after a few times the sixty seconds that the rate remembers. */
static void test_rate_follows_a_change(void **state) {
    (void)state;
    ProgressTasks tasks = {0};
    double now = 0.0;
    progress_tasks_begin(&tasks, "train", "updates", 100000, now);
    ProgressTask *task = progress_tasks_top(&tasks);
    int64_t done = 0;
    for (; done < 1000; progress_task_sample(task, ++done, NULL, now)) now += 1.0;
    assert_float_equal(progress_task_view(task, done, now).rate, 1.0, 1e-6);
    for (; done < 1100; progress_task_sample(task, ++done, NULL, now)) now += 4.0;
    assert_float_equal(progress_task_view(task, done, now).rate, 0.25, 0.005);
}

/* The time of an evaluation within the training does not slow the updates down. */
static void test_inner_task(void **state) {
    (void)state;
    ProgressTasks tasks = {0};
    progress_tasks_begin(&tasks, "train", "updates", 10, 0.0);
    progress_task_sample(progress_tasks_top(&tasks), 1, NULL, 1.0);
    progress_tasks_begin(&tasks, "evaluate", "samples", 50, 1.0);
    assert_ptr_equal(progress_tasks_shown(&tasks, 1.0, 1.5), &tasks.task[0]);
    assert_ptr_equal(progress_tasks_shown(&tasks, 1.0, 2.0), &tasks.task[1]);
    assert_null(progress_tasks_shown(&tasks, 5.0, 4.0));
    progress_tasks_end(&tasks, 41.0);
    progress_task_sample(progress_tasks_top(&tasks), 2, NULL, 42.0);
    assert_float_equal(progress_task_view(progress_tasks_top(&tasks), 2, 42.0).rate, 1.0, NEAR);
    progress_tasks_end(&tasks, 43.0);
    assert_null(progress_tasks_top(&tasks));
    progress_tasks_end(&tasks, 44.0);
    assert_int_equal(tasks.depth, 0);
}

static void test_deep_tasks(void **state) {
    (void)state;
    ProgressTasks tasks = {0};
    for (int i = 0; i < PROGRESS_DEPTH + 3; i++)
        progress_tasks_begin(&tasks, i < PROGRESS_DEPTH ? "in" : "too deep", "", 0, i);
    assert_string_equal(progress_tasks_top(&tasks)->what, "in");
    for (int i = 0; i < PROGRESS_DEPTH + 2; i++) progress_tasks_end(&tasks, 10.0);
    assert_ptr_equal(progress_tasks_top(&tasks), &tasks.task[0]);
}

/* --- Texts --- */

static const ProgressView TRAIN = {.what = "train",
                                   .unit = "updates",
                                   .note = "loss 0.93",
                                   .done = 120,
                                   .total = 1500,
                                   .elapsed = 164.4,
                                   .rate = 1.0 / 1.37,
                                   .left = 2041.0};

static const char *bar(const ProgressView *view, size_t columns, bool utf8) {
    static char text[1024];
    progress_bar_text(view, columns, utf8, text, sizeof text);
    return text;
}

static size_t columns_of(const char *text) {
    size_t columns = 0;
    for (size_t at = 0, size = strlen(text); at < size; at += utf8_character_length(text + at, size - at)) columns++;
    return columns;
}

/* 8 % of 20 cells are 1.6 cells: one full one and, of the next, six tenths or four eighths. */
static void test_bar(void **state) {
    (void)state;
    const char *right = "| 120/1500 [02:44<34:01, 1.37 s/update, loss 0.93]";
    char ascii[128], utf8[128];
    snprintf(ascii, sizeof ascii, "train:   8%%|#6                  %s", right);
    snprintf(utf8, sizeof utf8, "train:   8%%|█▌                  %s", right);
    const size_t columns = strlen(ascii) + 1; /* the last column stays empty */
    assert_string_equal(bar(&TRAIN, columns, false), ascii);
    assert_string_equal(bar(&TRAIN, columns, true), utf8);
    ProgressView done = TRAIN;
    done.done = 1500;
    assert_non_null(strstr(bar(&done, 80, false), "train: 100%|####"));
}

static void test_bar_fits_every_width(void **state) {
    (void)state;
    ProgressView unknown = TRAIN, first = TRAIN;
    unknown.total = 0;
    first.rate = 0.0;
    first.left = -1.0;
    for (size_t columns = 1; columns < 320; columns++) {
        assert_true(columns_of(bar(&TRAIN, columns, true)) < columns);
        assert_true(columns_of(bar(&unknown, columns, true)) < columns);
        assert_true(columns_of(bar(&first, columns, false)) < columns);
    }
    assert_string_equal(bar(&TRAIN, 16, true), "train:   8% 120"); /* no room for a bar */
    assert_null(strstr(bar(&TRAIN, 60, true), "loss"));            /* nor, here, for the note */
    assert_non_null(strchr(bar(&TRAIN, 60, true), '|'));
    ProgressView notes = TRAIN;
    notes.note = "loss 0.93, learning rate 4.6e-05, 251 tokens/s";
    assert_non_null(strstr(bar(&notes, 80, true), "| 120/1500 [02:44<34:01, 1.37 s/update, loss 0.93]"));
    assert_non_null(strstr(bar(&notes, 100, true), "s/update, loss 0.93, learning rate 4.6e-05]"));
    assert_non_null(strstr(bar(&notes, 120, true), ", 251 tokens/s]"));
}

static void test_bar_without_a_total(void **state) {
    (void)state;
    const ProgressView bytes = {
        .what = "prepare", .unit = "bytes", .note = "", .done = 12340000, .elapsed = 12.0, .rate = 9.8e5, .left = -1};
    const ProgressView nothing = {.what = "save", .unit = "", .note = "", .elapsed = 3725.0, .left = -1};
    assert_string_equal(bar(&bytes, 80, true), "prepare: 12.3 MB [00:12, 980 kB/s]");
    assert_string_equal(bar(&nothing, 80, true), "save: [1:02:05]");
}

static const char *line(const ProgressView *view, time_t now) {
    static char text[1024];
    progress_line_text(view, now, text, sizeof text);
    return text;
}

/* 1,700,000,000 is 14 November 2023, a Tuesday, 22:13:20 UTC (date -u -d @1700000000). */
#define TUESDAY 1700000000

static void test_line(void **state) {
    (void)state;
    const ProgressView bytes = {.what = "prepare",
                                .unit = "bytes",
                                .note = "",
                                .done = 1500000,
                                .total = 3000000000,
                                .elapsed = 1.0,
                                .rate = 1.5e6,
                                .left = 1999};
    const ProgressView nothing = {.what = "save", .unit = "", .note = "", .elapsed = 31.0, .left = -1};
    assert_string_equal(line(&TRAIN, TUESDAY),
                        "train     120/1500 updates (8 %)  1.37 s/update  loss 0.93  34 min left (about 22:47)");
    assert_string_equal(line(&bytes, TUESDAY), "prepare   0.0/3.0 GB (0 %)  1.50 MB/s  33 min left (about 22:46)");
    assert_string_equal(line(&nothing, TUESDAY), "save      31 s so far");
}

static void test_time_left(void **state) {
    (void)state;
    const struct {
        double seconds;
        const char *text;
    } cases[] = {{0.2, "0 s left"},
                 {59.0, "59 s left"},
                 {90.0, "90 s left (about 22:14)"},
                 {3600.0, "60 min left (about 23:13)"},
                 {7200.0, "2.0 h left (about Wed 00:13)"},
                 {3 * 86400.0, "3.0 days left (about Fri 22:13)"},
                 {30 * 86400.0, "30.0 days left (about 14 Dec 22:13)"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        progress_left_text(cases[i].seconds, TUESDAY, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

/* --- What standard error gets --- */

static int saved_stderr, reading;

static void replace_stderr(int file) {
    saved_stderr = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    close(file);
}

static int restore_stderr(void **state) {
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(reading);
    return 0;
}

static int make_terminal(void **state) {
    (void)state;
    struct winsize size = {.ws_row = 24, .ws_col = 60};
    reading = posix_openpt(O_RDWR | O_NOCTTY);
    if (reading < 0 || grantpt(reading) || unlockpt(reading)) return -1;
    const int terminal = open(ptsname(reading), O_RDWR | O_NOCTTY);
    if (terminal < 0 || ioctl(terminal, TIOCSWINSZ, &size)) return -1;
    replace_stderr(terminal);
    return 0;
}

static int make_pipe(void **state) {
    (void)state;
    int ends[2];
    if (pipe(ends)) return -1;
    reading = ends[0];
    replace_stderr(ends[1]);
    return 0;
}

/* Read until the text ends with `end`, for half a minute at most, which only a failure takes. */
static const char *read_until(const char *end) {
    static char text[1 << 16];
    size_t used = 0;
    struct pollfd file = {.fd = reading, .events = POLLIN};
    text[0] = 0;
    while (used < sizeof text - 1 && poll(&file, 1, 30000) == 1 && read(reading, text + used, 1) == 1) {
        text[++used] = 0;
        if (used >= strlen(end) && strcmp(text + used - strlen(end), end) == 0) break;
    }
    return text;
}

static void test_terminal(void **state) {
    (void)state;
    progress_begin("read", "files", 4);
    progress_set(3, NULL);
    const char *first = read_until("\033[K");
    assert_memory_equal(first, "\rread:  75%|", 12);
    assert_null(strchr(first, '\n'));
    log_info("a line"); /* takes the bar's place; the bar comes back below it */
    assert_non_null(strstr(read_until("a line\r\n"), "\r\033[Ka line\r\n"));
    assert_memory_equal(read_until("\033[K"), "\rread:  75%|", 12);
    progress_end();
    log_info("end");
    const char *last = read_until("end\r\n");
    assert_true(strlen(last) >= 9 && strcmp(last + strlen(last) - 9, "\r\033[Kend\r\n") == 0);
}

static void test_no_bar_when_unwanted(void **state) {
    (void)state;
    progress_use_bar(false);
    progress_begin("read", "files", 4);
    const char *got = read_until("\n");
    progress_end();
    progress_use_bar(true);
    assert_memory_equal(got, "read      0/4 files (0 %)", 25);
    assert_null(strchr(got, '\033'));
}

static void test_pipe(void **state) {
    (void)state;
    progress_begin("read", "files", 4);
    progress_set(2, "of this folder");
    const char *got = read_until("\n");
    progress_end();
    assert_memory_equal(got, "read      2/4 files (50 %)", 26);
    assert_non_null(strstr(got, "  of this folder  "));
    assert_null(strpbrk(got, "\r\033"));
}

/* Neither with --quiet nor on another rank: no thread runs that could print. */
static void test_silent(void **state) {
    (void)state;
    for (int rank = 0; rank < 2; rank++) {
        log_setup(rank, 2, rank == 0);
        progress_begin("read", "files", 4);
        progress_set(1, "note");
        progress_end();
    }
    log_setup(0, 1, false);
    log_info("end");
    assert_string_equal(read_until("\n"), "end\n");
}

int main(void) {
    setenv("TZ", "UTC0", 1);
    setenv("TERM", "xterm", 1);
    setenv("LC_ALL", "C", 1);
    setenv("LINNET_PROGRESS_SECONDS", "0.2", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate_and_time_left),
        cmocka_unit_test(test_units_that_are_not_sampled),
        cmocka_unit_test(test_rate_follows_a_change),
        cmocka_unit_test(test_inner_task),
        cmocka_unit_test(test_deep_tasks),
        cmocka_unit_test(test_bar),
        cmocka_unit_test(test_bar_fits_every_width),
        cmocka_unit_test(test_bar_without_a_total),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_time_left),
        cmocka_unit_test_setup_teardown(test_terminal, make_terminal, restore_stderr),
        cmocka_unit_test_setup_teardown(test_no_bar_when_unwanted, make_terminal, restore_stderr),
        cmocka_unit_test_setup_teardown(test_pipe, make_pipe, restore_stderr),
        cmocka_unit_test_setup_teardown(test_silent, make_pipe, restore_stderr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
