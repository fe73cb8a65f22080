/* run_record.h: ids of runs, and the file that names the run of an output folder. */
#include "linnet/checkpoint/run_record.h"
#include "unit/model_files.h"

static void test_ids_differ(void **state) {
    (void)state;
    RunRecord a, b;
    Error error = {0};
    run_record_draw(&a, &error);
    run_record_draw(&b, &error);
    assert_fine(&error);
    assert_int_equal(strspn(a.id, "0123456789abcdef"), 32);
    assert_string_not_equal(a.id, b.id);
    assert_int_equal(strlen(a.started), strlen("2026-11-30T01:02:03Z"));
    assert_int_equal(a.from_run[0], 0);
}

static void test_record_is_read_back(void **state) {
    (void)state;
    RunRecord saved, found;
    Error error = {0};
    run_record_draw(&saved, &error);
    run_record_save(&saved, folder, &error);
    run_record_read(&found, folder, &error);
    assert_fine(&error);
    assert_memory_equal(&found, &saved, sizeof found);
    memcpy(saved.from_run, found.id, sizeof found.id);
    saved.from_step = 12;
    strcpy(saved.from_folder, "/runs/\xc3\xa4 \"b\"\\c\n/checkpoint-12");
    run_record_save(&saved, folder, &error);
    run_record_read(&found, folder, &error);
    assert_fine(&error);
    assert_memory_equal(&found, &saved, sizeof found);
}

static void test_no_record(void **state) {
    (void)state;
    RunRecord found;
    Error error = {0};
    run_record_read(&found, folder, &error);
    assert_fine(&error);
    assert_string_equal(found.id, "");
}

static void test_damaged_records(void **state) {
    (void)state;
    static const char *const texts[][2] = {
        {"", "an empty file"},
        {"[]", "expected an object"},
        {"{}", "32 digits"},
        {"{\"id\": \"0123\"}", "32 digits"},
        {"{\"id\": \"0123456789abcdef0123456789abcdeg\"}", "32 digits"},
        {"{\"id\": 3}", "\"id\""},
        {"{\"id\": \"0123456789abcdef0123456789abcdef\", \"started\": \"much longer than any time\"}", "started"},
        {"{\"id\": \"0123456789abcdef0123456789abcdef\", \"continues\": {\"step\": 3}}", "run"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        RunRecord found;
        Error error = {0};
        write_text(in_folder(RUN_RECORD_FILE), texts[i][0]);
        run_record_read(&found, folder, &error);
        assert_refused(&error, texts[i][1]);
        assert_names(error.message, NAMES(RUN_RECORD_FILE));
        assert_string_equal(found.id, "");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_differ),
        TEST(test_record_is_read_back),
        TEST(test_no_record),
        TEST(test_damaged_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
