/* moments_file.h: what a reader of the moments meets. Writing and reading by all ranks: tests/mpi/checkpoint_test.c. */
#include "checkpoint/moments_file.h"
#include "unit/model_files.h"
#include <unistd.h>

enum { DENSE = 100000, WIDTH = 4 };

static void write_moments(void) {
    static float values[DENSE];
    MomentsShape shape = {.dense = DENSE, .width = WIDTH};
    SafetensorsWriter *writer = NULL;
    Error error = {0};
    for (int i = 0; i < DENSE; i++) values[i] = (float)i;
    moments_file_create(&writer, folder, &shape, &error);
    for (int which = 0; which < 2; which++) safetensors_append(writer, values, sizeof values, &error);
    char digest[DIGEST_TEXT];
    safetensors_finish(writer, digest, &error);
    assert_fine(&error);
}

static void test_parts_are_read(void **state) {
    (void)state;
    float out[3];
    MomentsFile file;
    Error error = {0};
    write_moments();
    moments_file_open(&file, folder, &error);
    moments_file_read(&file, file.dense[1], DENSE - 3, 3, out, &error);
    assert_fine(&error);
    assert_true(out[0] == DENSE - 3 && out[2] == DENSE - 1);
    moments_file_close(&file);
}

/** A file that loses its end after it was opened, where a mapping would kill the process with SIGBUS. */
static void test_file_that_is_cut_short_meanwhile(void **state) {
    (void)state;
    static float out[DENSE];
    MomentsFile file;
    Error error = {0};
    write_moments();
    moments_file_open(&file, folder, &error);
    assert_fine(&error);
    assert_int_equal(truncate(in_folder(MOMENTS_FILE), (off_t)(file.dense[1]->offset + 4000)), 0);
    moments_file_read(&file, file.dense[0], 0, DENSE, out, &error);
    assert_fine(&error);
    moments_file_read(&file, file.dense[1], 0, DENSE, out, &error);
    assert_refused(&error, "tensor exp_avg_sq ends early");
    assert_names(error.message, NAMES(MOMENTS_FILE));
    moments_file_close(&file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_parts_are_read),
        TEST(test_file_that_is_cut_short_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
