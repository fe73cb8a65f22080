/* Token files that are read from copies in memory (file_copies.h): two at once, without their files, damaged. */
#include "linnet/core/file_copies.h"
#include "linnet/core/memory.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/folder.h"
#include "unit/token_file.h"

enum { SMALL = 48, LARGE = 30000 /* several chunks */ };

/* Put a copy of the file's first `size` bytes (0: all) into the list and remove the file. */
static void move_to_memory(const char *path, size_t size) {
    Error error = {0};
    char *bytes = NULL;
    size_t all = 0;
    if (file_read(path, &bytes, &all, &error)) fail_msg("%s", error.message);
    if (size == 0) size = all;
    const int file = memfd_create("test", MFD_CLOEXEC);
    assert_true(file >= 0 && file_write_all(file, bytes, size));
    memory_free(bytes);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(file_copies_add(path, S_IFREG, (int64_t)size, file, &error), STATUS_OK);
}

static void assert_sample(Dataset *dataset, int64_t index) {
    Samples samples = {0};
    Error error = {0};
    if (dataset_load(dataset, &index, 1, &samples, &error)) fail_msg("%s", error.message);
    assert_int_equal(samples.starts[1], length_of(index));
    assert_int_equal(samples.labels[0], label_of(index));
    assert_true(samples.rows[0] == row_of(index));
    for (size_t i = 0; i < length_of(index); i++) assert_int_equal(samples.ids[i], token_of(index, i));
    samples_free(&samples);
}

static void test_two_copies_are_read(void **state) {
    (void)state;
    Error error = {0};
    write_samples(in_folder("a.h5"), SMALL, &error);
    write_samples(in_folder("b.h5"), LARGE, &error);
    assert_int_equal(error.status, STATUS_OK);
    move_to_memory(in_folder("a.h5"), 0);
    Dataset *small = open_good(in_folder("a.h5"));
    file_copies_clear(); /* what is open lives on */
    move_to_memory(in_folder("b.h5"), 0);
    Dataset *large = open_good(in_folder("b.h5"));
    file_copies_clear();
    assert_int_equal(dataset_info(small)->samples, SMALL);
    assert_int_equal(dataset_verify(large, 0, LARGE, &error), STATUS_OK);
    assert_int_equal(dataset_verify(small, 0, SMALL, &error), STATUS_OK);
    assert_sample(small, SMALL - 1);
    assert_sample(large, LARGE - 1);
    assert_sample(large, 12345);
    dataset_close(small);
    assert_sample(large, 0);
    dataset_close(large);
}

/* The message names the file, not the copy. */
static void test_a_damaged_copy_is_refused(void **state) {
    (void)state;
    Error error = {0};
    Dataset *dataset = NULL;
    write_samples(in_folder("c.h5"), SMALL, &error);
    move_to_memory(in_folder("c.h5"), 2000);
    assert_int_equal(dataset_open(&dataset, in_folder("c.h5"), &error), STATUS_INPUT);
    assert_names(error.message, NAMES(in_folder("c.h5"), "damaged or cut short"));
    file_copies_clear();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_copies_are_read),
        cmocka_unit_test(test_a_damaged_copy_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
