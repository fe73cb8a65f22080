/* run_status.h: the file that says what has become of a run. */
#include "linnet/checkpoint/run_status.h"
#include "linnet/core/memory.h"
#include "unit/model_files.h"

static void assert_saved(const RunStatus *status, const char *const *parts, size_t count) {
    Error error = {0};
    run_status_save(status, folder, &error);
    char *text = run_status_text(folder, &error);
    assert_fine(&error);
    for (size_t i = 0; i < count; i++)
        if (!strstr(text, parts[i])) fail_msg("no %s in %s", parts[i], text);
    memory_free(text);
}
#define SAVED(status, ...)                                                                                             \
    assert_saved((status), (const char *const[]){__VA_ARGS__},                                                         \
                 sizeof(const char *const[]){__VA_ARGS__} / sizeof(char *))

/* Batch scripts read the file by its lines: a member on each, behind two blanks. */
static void test_words(void **state) {
    (void)state;
    RunStatus status = {
        .updates = 12, .resumed = 4, .total = 30, .checkpoint = 8, .run = "0f", .started = "2026-11-30T01:02:03Z"};
    SAVED(&status,
          "{\n  \"status\": \"running\",\n  \"exit_code\": null,\n  \"updates\": 12,\n  \"resumed_from\": 4,\n",
          "\n  \"total_updates\": 30,\n  \"checkpoint\": 8,\n",
          "\n  \"run\": \"0f\",\n  \"started\": \"2026-11-30T01:02:03Z\"");
    status.ended = true;
    SAVED(&status, "\"status\": \"finished\",\n  \"exit_code\": 0,\n  \"updates\"");
    status.status = STATUS_STOPPED;
    SAVED(&status, "\"status\": \"stopped\",\n  \"exit_code\": 75,\n  \"updates\"");
    status.status = STATUS_FAILURE;
    status.message = "a \"disk\"";
    SAVED(&status, "\"status\": \"failed\",\n  \"exit_code\": 2,\n  \"error\": \"a \\\"disk\\\"\",\n  \"updates\"");
    status.status = STATUS_INPUT;
    SAVED(&status, "\"failed\",\n  \"exit_code\": 1,");
    setenv("PBS_JOBID", "17.server", 1);
    SAVED(&status, ",\n  \"job\": \"17.server\"\n}");
    unsetenv("PBS_JOBID");
}

static void test_no_run(void **state) {
    (void)state;
    Error error = {0};
    char *text = run_status_text(folder, &error);
    assert_fine(&error);
    assert_string_equal(text, "{\n  \"status\": \"none\"\n}\n");
    memory_free(text);
    text = run_status_text("/nowhere", &error);
    assert_fine(&error);
    assert_string_equal(text, "{\n  \"status\": \"none\"\n}\n");
    memory_free(text);
}

static void test_errors(void **state) {
    (void)state;
    Error error = {0};
    RunStatus status = {.ended = false};
    assert_int_equal(run_status_save(&status, "/nowhere", &error), STATUS_INPUT);
    assert_names(error.message, NAMES("/nowhere/" RUN_STATUS_FILE));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_words),
        TEST(test_no_run),
        TEST(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
