/* Files and folders: reading, replacing, probing, removing, renaming, and their errors. */
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/folder.h"
#include "unit/message.h"

static void write_text(const char *path, const char *text) {
    Error error = {0};
    assert_int_equal(file_replace(path, text, strlen(text), &error), STATUS_OK);
}

static void assert_text(const char *path, const char *expected) {
    char *text = NULL;
    size_t size = 0;
    Error error = {0};
    assert_int_equal(file_read(path, &text, &size, &error), STATUS_OK);
    assert_int_equal(size, strlen(expected));
    assert_string_equal(text, expected);
    memory_free(text);
}

/* Whether a temporary file lies in the test's folder. */
static bool is_left(void) {
    DIR *list = opendir(folder);
    bool left = false;
    assert_non_null(list);
    for (const struct dirent *entry; (entry = readdir(list));) left = left || strstr(entry->d_name, ".tmp");
    closedir(list);
    return left;
}

static void test_joins_names(void **state) {
    (void)state;
    Error error = {0};
    char *path = file_join("/a/b", "c.txt", &error);
    assert_string_equal(path, "/a/b/c.txt");
    memory_free(path);
}

/* A file written in parts takes its place at the end, or not at all. */
static void test_replaces_large_files(void **state) {
    (void)state;
    const char *path = in_folder("large");
    Error error = {0}, failed = {0}, none = {0};
    FILE *file = NULL;
    write_text(path, "old");
    assert_int_equal(file_begin(&file, path, &error), STATUS_OK);
    fprintf(file, "new, ");
    assert_text(path, "old");
    assert_true(is_left());
    fprintf(file, "complete");
    assert_int_equal(file_end(file, path, &error), STATUS_OK);
    assert_text(path, "new, complete");
    assert_false(is_left());
    assert_int_equal(file_begin(&file, path, &error), STATUS_OK);
    fprintf(file, "half");
    error_set(&failed, STATUS_FAILURE, "something else");
    assert_int_equal(file_end(file, path, &failed), STATUS_FAILURE);
    assert_string_equal(failed.message, "something else");
    assert_text(path, "new, complete");
    assert_false(is_left());
    assert_int_equal(file_begin(&file, in_folder("none/large"), &none), STATUS_INPUT);
    assert_null(file);
    assert_int_equal(file_end(NULL, path, &error), STATUS_OK);
}

static void test_files_are_replaced_at_once(void **state) {
    (void)state;
    const char *path = in_folder("replaced");
    write_text(path, "first, and longer");
    assert_text(path, "first, and longer");
    write_text(path, "second");
    assert_text(path, "second");
    write_text(path, "");
    assert_text(path, "");
    assert_false(is_left());
}

static void test_probe_says_whether_a_file_can_be_written(void **state) {
    (void)state;
    Error fine = {0}, there = {0}, nowhere = {0}, is_folder = {0};
    assert_int_equal(file_probe(in_folder("probed"), &fine), STATUS_OK);
    assert_false(file_exists(in_folder("probed")));
    assert_false(is_left());
    write_text(in_folder("probed"), "stays");
    assert_int_equal(file_probe(in_folder("probed"), &there), STATUS_OK);
    assert_text(in_folder("probed"), "stays");
    assert_int_equal(file_probe(in_folder("nowhere/probed"), &nowhere), STATUS_INPUT);
    assert_names(nowhere.message, NAMES("nowhere/probed: ", "No such file"));
    assert_int_equal(file_probe(folder, &is_folder), STATUS_INPUT);
    assert_names(is_folder.message, NAMES(folder, "folder"));
}

/* A name of more than NAME_MAX bytes, whose temporary name is shorter, and an empty one. */
static void test_probe_refuses_names_that_cannot_be(void **state) {
    (void)state;
    Error long_name = {0}, no_name = {0};
    char path[NAME_MAX + 64];
    snprintf(path, sizeof path, "%s/%0*d", folder, NAME_MAX + 1, 0);
    assert_int_equal(file_probe(path, &long_name), STATUS_INPUT);
    assert_names(long_name.message, NAMES("000: cannot create: File name too long"));
    assert_int_equal(file_probe("", &no_name), STATUS_INPUT);
    assert_names(no_name.message, NAMES("name of a file"));
}

static void test_keeps_files_of_another_kind(void **state) {
    (void)state;
    const char *path = in_folder("kept");
    Error error = {0};
    assert_int_equal(file_check_replaced(path, "row\t", "a table", &error), STATUS_OK);
    write_text(path, "");
    assert_int_equal(file_check_replaced(path, "row\t", "a table", &error), STATUS_OK);
    write_text(path, "row\tlabel\n");
    assert_int_equal(file_check_replaced(path, "row\t", "a table", &error), STATUS_OK);
    write_text(path, "row");
    assert_int_equal(file_check_replaced(path, "row\t", "a table", &error), STATUS_INPUT);
    assert_names(error.message, NAMES("kept: exists and is not a table"));
    assert_int_equal(unlink(path), 0);
}

static void test_reads_zero_bytes(void **state) {
    (void)state;
    const char *path = in_folder("zeros");
    char *text = NULL;
    size_t size = 0;
    Error error = {0};
    assert_int_equal(file_replace(path, "a\0b", 3, &error), STATUS_OK);
    assert_int_equal(file_read(path, &text, &size, &error), STATUS_OK);
    assert_int_equal(size, 3);
    assert_memory_equal(text, "a\0b", 4); /* with the final zero byte */
    memory_free(text);
}

/* A pipe without a writer, which a plain open(2) would wait for, and one with a writer. */
static void test_only_regular_files_are_read(void **state) {
    (void)state;
    const char *pipe = in_folder("pipe");
    char *text = NULL;
    FILE *stream = NULL;
    int file = 0;
    Error silent = {0}, written = {0}, device = {0}, is_folder = {0}, streamed = {0};
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(file_read(pipe, &text, NULL, &silent), STATUS_INPUT);
    assert_names(silent.message, NAMES(pipe, ": ", "pipe"));
    const int both = open(pipe, O_RDWR);
    assert_int_equal(write(both, "text", 4), 4);
    assert_int_equal(file_read(pipe, &text, NULL, &written), STATUS_INPUT);
    close(both);
    assert_int_equal(file_read("/dev/zero", &text, NULL, &device), STATUS_INPUT);
    assert_names(device.message, NAMES("/dev/zero: ", "device"));
    assert_int_equal(file_open(folder, &file, &is_folder), STATUS_INPUT);
    assert_int_equal(file, -1);
    assert_names(is_folder.message, NAMES(folder, "folder"));
    assert_int_equal(file_open_stream(pipe, &stream, &streamed), STATUS_INPUT);
    assert_null(stream);
    assert_null(text);
}

/* A rename would replace the pipe, which others may need. */
static void test_pipes_are_not_replaced(void **state) {
    (void)state;
    const char *pipe = in_folder("outlet");
    FILE *file = NULL;
    Error probed = {0}, replaced = {0}, begun = {0};
    struct stat about;
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(file_probe(pipe, &probed), STATUS_INPUT);
    assert_int_equal(file_replace(pipe, "text", 4, &replaced), STATUS_INPUT);
    assert_int_equal(file_begin(&file, pipe, &begun), STATUS_INPUT);
    assert_names(probed.message, NAMES("outlet: ", "pipe"));
    assert_string_equal(replaced.message, probed.message);
    assert_string_equal(begun.message, probed.message);
    assert_null(file);
    assert_int_equal(stat(pipe, &about), 0);
    assert_true(S_ISFIFO(about.st_mode));
    assert_false(is_left());
}

/* A sparse file, which takes no disk space. */
static void test_refuses_to_read_what_is_too_large(void **state) {
    (void)state;
    char *text = NULL;
    Error error = {0};
    const char *path = in_folder("large");
    write_text(path, "");
    assert_int_equal(truncate(path, (off_t)1 << 40), 0);
    assert_int_equal(file_read(path, &text, NULL, &error), STATUS_INPUT);
    assert_names(error.message, NAMES("large: ", "1 GiB"));
    assert_null(text);
}

static void test_names_path_and_reason(void **state) {
    (void)state;
    char *text = NULL;
    Error missing = {0}, directory = {0}, target = {0};
    assert_int_equal(file_read(in_folder("none"), &text, NULL, &missing), STATUS_INPUT);
    assert_names(missing.message, NAMES(in_folder("none"), "No such file"));
    assert_int_equal(file_read(folder, &text, NULL, &directory), STATUS_INPUT);
    assert_names(directory.message, NAMES(folder, "folder"));
    assert_int_equal(file_replace(in_folder("none/x"), "", 0, &target), STATUS_INPUT);
    assert_names(target.message, NAMES(in_folder("none/x"), "No such file"));
    assert_null(text);
}

/* A full disk: write(2) fails in the middle of a file. Here a limit on the size of files makes it fail. */
static void test_a_failed_write_leaves_the_old_file(void **state) {
    (void)state;
    const char *path = in_folder("kept");
    char *big = calloc(1, 100000);
    assert_non_null(big);
    Error replacing = {0};
    write_text(path, "old");

    struct rlimit old, low;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = 5000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    file_replace(path, big, 100000, &replacing);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_DFL);

    assert_int_equal(replacing.status, STATUS_FAILURE);
    assert_names(replacing.message, NAMES("kept: ", "File too large"));
    assert_text(path, "old");
    assert_false(is_left());
    free(big);
}

/* The error is then not the file's. */
static void test_lack_of_resources_is_a_failure(void **state) {
    (void)state;
    const char *path = in_folder("kept");
    int file = 0;
    char *text = NULL;
    Error opening = {0}, reading = {0}, missing = {0};
    struct rlimit old, none;
    write_text(path, "old");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    file_open(path, &file, &opening);
    file_read(path, &text, NULL, &reading);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(opening.status, STATUS_FAILURE);
    assert_int_equal(reading.status, STATUS_FAILURE);
    assert_names(opening.message, NAMES("kept: ", "Too many open files"));
    assert_int_equal(file_open(in_folder("nothing"), &file, &missing), STATUS_INPUT);
    assert_int_equal(unlink(path), 0);
}

static void test_makes_and_removes_folders(void **state) {
    (void)state;
    const char *deep = in_folder("a/b//c/");
    Error error = {0}, in_the_way = {0};
    assert_int_equal(file_make_folder(deep, &error), STATUS_OK);
    assert_true(file_is_folder(deep));
    assert_int_equal(file_make_folder(deep, &error), STATUS_OK);
    write_text(in_folder("a/b/file"), "x");
    assert_false(file_is_folder(in_folder("a/b/file")));
    assert_true(file_same(deep, in_folder("a/../a/b/c")));
    assert_false(file_same(deep, in_folder("a/b")) || file_same(deep, in_folder("none")) ||
                 file_same(in_folder("none"), deep));
    assert_true(file_same_place(in_folder("a/b/none"), in_folder("a/../a/b/none")));
    assert_true(file_same_place("none", "./none") && file_same_place("/none", "//none"));
    assert_false(file_same_place("none", "./other") || file_same_place(in_folder("none"), in_folder("a/none")) ||
                 file_same_place("nowhere/none", "elsewhere/none"));
    assert_int_equal(file_make_folder(in_folder("a/b/file/d"), &in_the_way), STATUS_INPUT);

    /* Removing a link leaves its target. */
    write_text(in_folder("outside"), "stays");
    assert_int_equal(symlink(in_folder("outside"), in_folder("a/link")), 0);
    assert_int_equal(symlink(folder, in_folder("a/b/up")), 0);
    assert_int_equal(file_remove(in_folder("a"), &error), STATUS_OK);
    assert_false(file_exists(in_folder("a")));
    assert_text(in_folder("outside"), "stays");
    assert_int_equal(file_remove(in_folder("a"), &error), STATUS_OK);
    assert_int_equal(file_remove(in_folder("outside"), &error), STATUS_OK);
    assert_false(file_exists(in_folder("outside")));
}

static void test_renames_and_flushes(void **state) {
    (void)state;
    Error error = {0}, missing = {0}, unknown = {0};
    write_text(in_folder("old name"), "x");
    assert_int_equal(file_rename(in_folder("old name"), in_folder("new name"), &error), STATUS_OK);
    assert_false(file_exists(in_folder("old name")));
    assert_text(in_folder("new name"), "x");
    assert_int_equal(file_flush(in_folder("new name"), &error), STATUS_OK);
    assert_int_equal(file_flush(folder, &error), STATUS_OK);
    assert_int_equal(file_rename(in_folder("none"), in_folder("x"), &missing), STATUS_FAILURE);
    assert_names(missing.message, NAMES("none: ", in_folder("x")));
    assert_int_equal(file_flush(in_folder("none"), &unknown), STATUS_INPUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joins_names),
        cmocka_unit_test(test_files_are_replaced_at_once),
        cmocka_unit_test(test_replaces_large_files),
        cmocka_unit_test(test_probe_says_whether_a_file_can_be_written),
        cmocka_unit_test(test_probe_refuses_names_that_cannot_be),
        cmocka_unit_test(test_keeps_files_of_another_kind),
        cmocka_unit_test(test_reads_zero_bytes),
        cmocka_unit_test(test_only_regular_files_are_read),
        cmocka_unit_test(test_pipes_are_not_replaced),
        cmocka_unit_test(test_refuses_to_read_what_is_too_large),
        cmocka_unit_test(test_names_path_and_reason),
        cmocka_unit_test(test_a_failed_write_leaves_the_old_file),
        cmocka_unit_test(test_lack_of_resources_is_a_failure),
        cmocka_unit_test(test_makes_and_removes_folders),
        cmocka_unit_test(test_renames_and_flushes),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
