/* tensorboard.h and what its records consist of. Complete files are read by tests/e2e/reports_test.py and, with
 * TensorBoard, by tests/peer/tensorboard_test.py. */
#include "linnet/core/memory.h"
#include "linnet/report/tensorboard.h"
#include "report/event_record.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/folder.h"

/** RFC 3720, B.4, has the first three; the last is the check value of CRC catalogues. */
static void test_checksums_are_those_of_the_standard(void **state) {
    (void)state;
    unsigned char bytes[32] = {0};
    assert_int_equal(crc32c(bytes, sizeof bytes), 0x8A9136AA);
    memset(bytes, 0xFF, sizeof bytes);
    assert_int_equal(crc32c(bytes, sizeof bytes), 0x62A8AB43);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)i;
    assert_int_equal(crc32c(bytes, sizeof bytes), 0x46DD794E);
    assert_int_equal(crc32c("123456789", 9), 0xE3069283);
}

/** The examples of https://protobuf.dev/programming-guides/encoding; fixed fields are little-endian IEEE 754. */
static void test_fields_are_encoded_as_documented(void **state) {
    (void)state;
    static const unsigned char expected[] = {
        0x08, 0x96, 0x01,                                          /* 1: 150 */
        0x12, 0x07, 't',  'e',  's',  't',  'i',  'n',  'g',       /* 2: "testing" */
        0x1A, 0x03, 0x08, 0x96, 0x01,                              /* 3: {1: 150} */
        0x25, 0x00, 0x00, 0xC0, 0x3F,                              /* 4: 1.5 as float */
        0x29, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xF8, 0x3F,      /* 5: 1.5 as double */
        0x80, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F /* 16: 2^56 - 1 */
    };
    Proto message = {0}, inner = {0};
    proto_integer(&message, 1, 150);
    proto_text(&message, 2, "testing");
    proto_integer(&inner, 1, 150);
    proto_message(&message, 3, &inner);
    assert_null(inner.bytes);
    proto_float(&message, 4, 1.5F);
    proto_double(&message, 5, 1.5);
    proto_integer(&message, 16, ((uint64_t)1 << 56) - 1);
    assert_int_equal(message.error.status, STATUS_OK);
    assert_int_equal(message.size, sizeof expected);
    assert_memory_equal(message.bytes, expected, sizeof expected);
    proto_free(&message);
}

static void test_errors_of_parts_are_errors_of_the_whole(void **state) {
    (void)state;
    Proto message = {0}, inner = {0};
    error_set(&inner.error, STATUS_FAILURE, "out of memory");
    proto_message(&message, 1, &inner);
    proto_text(&message, 2, "more");
    assert_int_equal(message.error.status, STATUS_FAILURE);
    assert_int_equal(message.size, 0);
    proto_free(&message);
}

static void expect_folder(Settings *settings, const RunRecord *run, const char *expected) {
    Error error = {0};
    char *path = tensorboard_folder(settings, run, &error);
    assert_string_equal(path, expected);
    memory_free(path);
}

/** The user's, then the environment's, then the run's own, by when it started and its id. */
static void test_folder_is_the_runs(void **state) {
    (void)state;
    char output[] = "out", given[] = "logs";
    Settings settings = {.output_dir = output};
    const RunRecord run = {.id = "1f0c9a3b00112233445566778899aabb", .started = "2026-02-03T04:05:06Z"},
                    bare = {.id = "ab"};
    unsetenv("TENSORBOARD_LOGGING_DIR");
    expect_folder(&settings, &run, "out/runs/Feb03_04-05-06_1f0c9a3b");
    expect_folder(&settings, &bare, "out/runs/ab");
    setenv("TENSORBOARD_LOGGING_DIR", "", 1);
    expect_folder(&settings, &run, "out/runs/Feb03_04-05-06_1f0c9a3b");
    setenv("TENSORBOARD_LOGGING_DIR", "there", 1);
    expect_folder(&settings, &run, "there");
    settings.logging_dir = given;
    expect_folder(&settings, &run, "logs");
    unsetenv("TENSORBOARD_LOGGING_DIR");
}

static EventFile *open_events(const cJSON *events) {
    EventFile *file = NULL;
    Error error = {0};
    const TensorBoardPlan plan = {.folder = folder, .settings = "{\"seed\": 1}", .model = "{}", .events = events};
    assert_int_equal(tensorboard_open(&file, &plan, &error), STATUS_OK);
    return file;
}

/** TensorBoard reads files by their names: a later one must have a later name, also within the same second. */
static void test_later_files_have_later_names(void **state) {
    (void)state;
    enum { FILES = 4 };
    cJSON *events = cJSON_CreateArray();
    for (int i = 0; i < FILES; i++) event_file_close(open_events(events));
    struct dirent **names;
    assert_int_equal(scandir(folder, &names, NULL, alphasort), FILES + 2);
    long long before = 0;
    for (int i = 0; i < FILES + 2; i++) {
        long long seconds;
        if (sscanf(names[i]->d_name, "events.out.tfevents.%10lld.", &seconds) == 1) {
            assert_true(seconds > before);
            before = seconds;
        }
        free(names[i]);
    }
    assert_true(before > 0);
    free(names);
    cJSON_Delete(events);
}

static void test_settings_must_be_json(void **state) {
    (void)state;
    EventFile *file;
    Error error = {0};
    cJSON *events = cJSON_CreateArray();
    const TensorBoardPlan plan = {.folder = folder, .settings = "{", .model = "{}", .events = events};
    assert_int_equal(tensorboard_open(&file, &plan, &error), STATUS_INPUT);
    assert_null(file);
    cJSON_Delete(events);
}

int main(void) {
#define TEST(test_name) cmocka_unit_test_setup_teardown(test_name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksums_are_those_of_the_standard),
        cmocka_unit_test(test_fields_are_encoded_as_documented),
        cmocka_unit_test(test_errors_of_parts_are_errors_of_the_whole),
        cmocka_unit_test(test_folder_is_the_runs),
        TEST(test_later_files_have_later_names),
        TEST(test_settings_must_be_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
