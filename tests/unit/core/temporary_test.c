/* Temporary names: unique, and what killed processes left under them is removed, and nothing else. */
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/core/temporary.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/folder.h"

static char target[64];

static void fill(const char *path) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("part", file);
    fclose(file);
}

/* How many entries of the folder are temporary. */
static int left(void) {
    DIR *list = opendir(folder);
    int count = 0;
    assert_non_null(list);
    for (const struct dirent *entry; (entry = readdir(list));) count += strstr(entry->d_name, ".tmp") != NULL;
    closedir(list);
    return count;
}

static void begin_and_end(void) {
    Error error = {0};
    temporary_end(temporary_begin(target, &error));
    assert_int_equal(error.status, STATUS_OK);
}

typedef enum { A_FILE, A_FOLDER } Kind;

/* A child begins the target, then `number` ends it: a signal, or 0 for a child that goes on until it is killed. The
 * read end of *ready gets a byte when it has begun. */
static pid_t child_begins(Kind kind, int number) {
    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        Error error = {0};
        char *temporary = temporary_begin(target, &error), inside[PATH_MAX];
        temporary_catch_signals();
        if (kind == A_FOLDER) mkdir(temporary, 0777);
        for (int i = 0; i < (kind == A_FOLDER ? 300 : 1); i++) { /* more names than one system call gives */
            snprintf(inside, sizeof inside, "%s%s%.0d", temporary, kind == A_FOLDER ? "/a-rather-long-name-" : "", i);
            fill(inside);
        }
        if (write(ready[1], &byte, 1) != 1) _exit(1);
        if (number) raise(number);
        for (;;) pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static int end_of(pid_t child) {
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void test_a_signal_leaves_nothing(void **state) {
    (void)state;
    static const int ends[] = {SIGHUP, SIGINT, SIGTERM, SIGXCPU};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        for (Kind kind = A_FILE; kind <= A_FOLDER; kind++) {
            assert_int_equal(end_of(child_begins(kind, ends[i])), ends[i]);
            assert_int_equal(left(), 0);
        }
    }
}

/* What a killed process left goes when the next one writes the same path; a running one's stays. */
static void test_the_next_writer_removes_what_is_left(void **state) {
    (void)state;
    for (Kind kind = A_FILE; kind <= A_FOLDER; kind++) {
        const pid_t running = child_begins(A_FILE, 0);
        assert_int_equal(end_of(child_begins(kind, SIGKILL)), SIGKILL);
        assert_int_equal(left(), 2);
        begin_and_end();
        assert_int_equal(left(), 1);
        kill(running, SIGKILL); /* and not yet waited for */
        while (left() > 0) begin_and_end();
        assert_int_equal(end_of(running), SIGKILL);
    }
}

/* The place of another host, of another boot or of a container: only its age can tell. */
static void test_names_of_other_hosts_go_by_age(void **state) {
    (void)state;
    char other[128];
    const struct timespec old[2] = {{.tv_sec = time(NULL) - 2 * 24 * 60 * 60},
                                    {.tv_sec = time(NULL) - 2 * 24 * 60 * 60}};
    snprintf(other, sizeof other, "%s.elsewhere-00000000-1.tmp", target);
    fill(other);
    begin_and_end();
    assert_true(file_exists(other));
    assert_int_equal(utimensat(AT_FDCWD, other, old, 0), 0);
    begin_and_end();
    assert_false(file_exists(other));
}

/* Names that are not such, or of another target. */
static void test_other_names_stay(void **state) {
    (void)state;
    static const char *const names[] = {
        ".tmp",
        ".host-00000000-1.tmp.bak",
        ".host-0000000-1.tmp",
        ".host-00000000-.tmp",
        ".-1.tmp",
        ".host-0000000g-1.tmp",
        "x.host-00000000-1.tmp",
        ".host-00000000-99999999999.tmp",
        ".json.host-00000000-1.tmp", /* of TARGET.json */
    };
    const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", target, names[i]);
        fill(path);
        assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
        begin_and_end();
        assert_true(file_exists(path));
        assert_int_equal(unlink(path), 0);
    }
}

/* While a process writes TARGET.json, it may write TARGET. */
static void test_another_file_that_is_begun_stays(void **state) {
    (void)state;
    Error error = {0};
    char longer[80];
    snprintf(longer, sizeof longer, "%s.json", target);
    char *temporary = temporary_begin(longer, &error);
    assert_non_null(temporary);
    fill(temporary);
    begin_and_end();
    assert_true(file_exists(temporary));
    assert_int_equal(unlink(temporary), 0);
    temporary_end(temporary);
}

static void test_names_fit_and_end_in_tmp(void **state) {
    (void)state;
    Error error = {0};
    char longest[NAME_MAX + 2] = "";
    memset(longest, 'n', NAME_MAX);
    char *path = file_join(folder, longest, &error), *temporary = temporary_path(path, &error);
    assert_non_null(temporary);
    fill(temporary);
    assert_string_equal(temporary + strlen(temporary) - 4, ".tmp");
    assert_int_equal(unlink(temporary), 0);
    memory_free(temporary);
    memory_free(path);
    assert_int_equal(file_replace(target, "text", 4, &error), STATUS_OK);
    assert_int_equal(left(), 0);
}

static int make_target(void **state) {
    if (make_folder(state)) return -1;
    snprintf(target, sizeof target, "%s/target", folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_signal_leaves_nothing),
        cmocka_unit_test(test_the_next_writer_removes_what_is_left),
        cmocka_unit_test(test_names_of_other_hosts_go_by_age),
        cmocka_unit_test(test_other_names_stay),
        cmocka_unit_test(test_another_file_that_is_begun_stays),
        cmocka_unit_test(test_names_fit_and_end_in_tmp),
    };
    return cmocka_run_group_tests(tests, make_target, remove_folder);
}
