/* The list of copies, which what looks and reads takes in place of the files; and reading at given places. */
#include "linnet/core/file_copies.h"
#include "linnet/core/file_kind.h"
#include "linnet/core/file_source.h"
#include "linnet/core/memory.h"
#include "linnet/core/network_disk.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/folder.h"

static int memory_file(const char *text) {
    const int file = memfd_create("test", MFD_CLOEXEC);
    assert_true(file >= 0 && file_write_all(file, text, strlen(text)));
    return file;
}

static void assert_text(const char *path, const char *expected) {
    char *text = NULL;
    Error error = {0};
    if (file_read(path, &text, NULL, &error)) fail_msg("%s", error.message);
    assert_string_equal(text, expected);
    memory_free(text);
}

static void write_text(const char *path, const char *text) {
    Error error = {0};
    assert_int_equal(file_replace(path, text, strlen(text), &error), STATUS_OK);
}

static void test_a_listed_folder_is_not_looked_into(void **state) {
    (void)state;
    Error error = {0};
    char kept[FILE_COPIES_PLACE];
    write_text(in_folder("here"), "on the disk");
    write_text(in_folder("other"), "not listed");
    file_copies_add_folder(folder, &error);
    file_copies_add(in_folder("there"), S_IFREG, 5, memory_file("copy\n"), &error);
    file_copies_add(in_folder("here"), S_IFREG, 11, -1, &error);
    file_copies_add(in_folder("inner"), S_IFDIR, 0, -1, &error);
    assert_int_equal(error.status, STATUS_OK);
    assert_true(file_is_folder(folder) && file_is_folder(in_folder("inner")));
    assert_true(file_is_in(folder, "there") && file_is_in(folder, "here"));
    assert_false(file_is_in(folder, "other")); /* although it is on the disk */
    assert_int_equal(file_size(in_folder("there")), 5);
    for (int i = 0; i < 2; i++) assert_text(in_folder("there"), "copy\n"); /* from its start each time */
    assert_text(in_folder("here"), "on the disk");
    assert_ptr_equal(file_copies_place(in_folder("there"), kept), kept);
    file_copies_clear();
    assert_true(file_is_in(folder, "other"));
    assert_false(file_is_in(folder, "there"));
}

static void test_a_discarded_copy_is_not_read(void **state) {
    (void)state;
    Error error = {0};
    struct stat about;
    char place[FILE_COPIES_PLACE];
    write_text(in_folder("file"), "on the disk");
    const int file = memfd_create("test", MFD_CLOEXEC), same = dup(file);
    assert_int_equal(ftruncate(file, 1 << 20), 0);
    char *bytes = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    assert_ptr_not_equal(bytes, MAP_FAILED);
    memset(bytes, 1, 1 << 20);
    file_copies_add(in_folder("file"), S_IFREG, 1 << 20, file, &error);
    file_copies_discard(in_folder("file"), 4096, 1 << 19);
    assert_int_equal(fstat(same, &about), 0);
    assert_true(about.st_blocks * 512 <= 1 << 19); /* the memory is given back */
    assert_true(bytes[0] == 1 && bytes[4096] == 0);
    assert_text(in_folder("file"), "on the disk");
    assert_string_equal(file_copies_place(in_folder("file"), place), in_folder("file"));
    file_copies_clear();
    munmap(bytes, 1 << 20);
    close(same);
}

static void test_kinds_are_told_by_copies(void **state) {
    (void)state;
    Error error = {0};
    file_copies_add(in_folder("no-such.h5"), S_IFREG, 8, memory_file("\x89HDF\r\n\x1a\n"), &error);
    assert_int_equal(file_kind_of(in_folder("no-such.h5")), FILE_KIND_HDF5);
    file_copies_clear();
    assert_int_equal(file_kind_of(in_folder("no-such.h5")), FILE_KIND_OTHER);
}

static void test_a_source_is_read_at_places(void **state) {
    (void)state;
    Error error = {0};
    FileSource source;
    char text[8] = "";
    size_t got;
    write_text(in_folder("text"), "0123456789");
    assert_int_equal(file_source_open(&source, in_folder("text"), &error), STATUS_OK);
    assert_int_equal(source.about.st_size, 10);
    assert_int_equal(file_source_read(&source, text, 4, 3, &got, &error), STATUS_OK);
    assert_true(got == 4 && strcmp(text, "3456") == 0);
    assert_int_equal(file_source_read(&source, text, 4, 8, &got, &error), STATUS_OK);
    assert_int_equal(got, 2); /* the file ends */
    file_source_close(&source);
    file_source_close(&source);
    assert_int_equal(file_source_open(&source, folder, &error), STATUS_INPUT);
    assert_int_equal(source.file, -1);
}

static void test_a_disk_that_is_not_there_is_not_on_the_network(void **state) {
    (void)state;
    assert_false(network_disk(in_folder("no-such")));
    assert_false(network_disk("/proc"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_listed_folder_is_not_looked_into),
        cmocka_unit_test(test_a_discarded_copy_is_not_read),
        cmocka_unit_test(test_kinds_are_told_by_copies),
        cmocka_unit_test(test_a_source_is_read_at_places),
        cmocka_unit_test(test_a_disk_that_is_not_there_is_not_on_the_network),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
