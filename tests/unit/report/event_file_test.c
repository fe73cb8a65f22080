/* event_file.h: a file that follows the history of a run. */
#include "linnet/core/memory.h"
#include "linnet/report/event_file.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/folder.h"
#include "unit/message.h"

static bool print_step(FILE *stream, const cJSON *event, const cJSON *context) {
    (void)context;
    fprintf(stream, "step %d\n", cJSON_GetObjectItem(event, "step")->valueint);
    return true;
}

static void add_event(cJSON *events, int step) {
    cJSON *event = cJSON_CreateObject();
    cJSON_AddNumberToObject(event, "step", step);
    cJSON_AddItemToArray(events, event);
}

static const char *path_of_file(void) {
    return in_folder("log");
}

static EventFile *open_file(const cJSON *events, int64_t first_step) {
    EventFile *file = NULL;
    Error error = {0};
    const EventFilePlan plan = {.path = path_of_file(),
                                .start = "start\n",
                                .start_size = 6,
                                .events = events,
                                .first_step = first_step,
                                .print = print_step};
    assert_int_equal(event_file_open(&file, &plan, &error), STATUS_OK);
    return file;
}

static void catch_up(EventFile *file) {
    Error error = {0};
    assert_true(event_file_is_behind(file));
    assert_int_equal(event_file_catch_up(file, &error), STATUS_OK);
    assert_false(event_file_is_behind(file));
}

static void expect_file(const char *expected) {
    Error error = {0};
    char *text = NULL;
    assert_int_equal(file_read(path_of_file(), &text, NULL, &error), STATUS_OK);
    assert_string_equal(text, expected);
    memory_free(text);
}

static void test_follows_the_history(void **state) {
    (void)state;
    cJSON *events = cJSON_CreateArray();
    add_event(events, 1);
    EventFile *file = open_file(events, 0);
    expect_file("start\nstep 1\n");
    assert_false(event_file_is_behind(file));
    add_event(events, 2);
    catch_up(file);
    expect_file("start\nstep 1\nstep 2\n");
    Error error = {0};
    assert_int_equal(event_file_append(file, "end", 3, &error), STATUS_OK);
    expect_file("start\nstep 1\nstep 2\nend");
    event_file_close(file);
    event_file_close(NULL);
    cJSON_Delete(events);
}

/** Those of earlier steps are in another file. */
static void test_passes_over_earlier_events(void **state) {
    (void)state;
    cJSON *events = cJSON_CreateArray();
    for (int step = 1; step <= 3; step++) add_event(events, step);
    EventFile *file = open_file(events, 2);
    assert_false(event_file_is_behind(file));
    expect_file("start\nstep 2\nstep 3\n");
    assert_int_equal(unlink(path_of_file()), 0);
    add_event(events, 4);
    catch_up(file);
    expect_file("start\nstep 2\nstep 3\nstep 4\n");
    event_file_close(file);
    cJSON_Delete(events);
}

/** Let files grow to `bytes` at most during `call`. */
#define WITH_ROOM_FOR(bytes, call)                                                                                     \
    do {                                                                                                               \
        struct rlimit old, low;                                                                                        \
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);                                                            \
        low = old;                                                                                                     \
        low.rlim_cur = (bytes);                                                                                        \
        signal(SIGXFSZ, SIG_IGN);                                                                                      \
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);                                                            \
        call;                                                                                                          \
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);                                                            \
        signal(SIGXFSZ, SIG_DFL);                                                                                      \
    } while (0)

/** Neither the start nor an event is there in part, and what a full disk refused follows. */
static void test_has_pieces_completely(void **state) {
    (void)state;
    cJSON *events = cJSON_CreateArray();
    add_event(events, 1);
    EventFile *file = open_file(events, 0);
    assert_int_equal(unlink(path_of_file()), 0);
    static const struct {
        rlim_t room;
        const char *expected;
    } cases[] = {{3, ""}, {6 + 4, "start\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error error = {0};
        Status status;
        WITH_ROOM_FOR(cases[i].room, status = event_file_catch_up(file, &error));
        assert_int_equal(status, STATUS_FAILURE);
        assert_names(error.message, NAMES(path_of_file(), "cannot write"));
        assert_true(event_file_is_behind(file));
        expect_file(cases[i].expected);
    }
    catch_up(file);
    expect_file("start\nstep 1\n");
    event_file_close(file);
    cJSON_Delete(events);
}

static bool fail_to_print(FILE *stream, const cJSON *event, const cJSON *context) {
    (void)context;
    (void)event;
    fputs("a part", stream);
    return false;
}

static void test_writes_nothing_of_what_cannot_be_printed(void **state) {
    (void)state;
    cJSON *events = cJSON_CreateArray();
    EventFile *file = NULL;
    Error error = {0};
    const EventFilePlan plan = {.path = path_of_file(), .events = events, .print = fail_to_print};
    assert_int_equal(event_file_open(&file, &plan, &error), STATUS_OK);
    add_event(events, 1);
    assert_int_equal(event_file_catch_up(file, &error), STATUS_FAILURE);
    assert_names(error.message, NAMES(path_of_file(), "out of memory"));
    expect_file("");
    event_file_close(file);
    cJSON_Delete(events);
}

int main(void) {
#define TEST(test_name) cmocka_unit_test_setup_teardown(test_name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(test_follows_the_history),
        TEST(test_passes_over_earlier_events),
        TEST(test_has_pieces_completely),
        TEST(test_writes_nothing_of_what_cannot_be_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
