/* What of checkpoints needs no ranks; saving and reading moments: tests/mpi/checkpoint_test.c. */
#include "linnet/checkpoint/checkpoint.h"
#include "linnet/checkpoint/checkpoint_verify.h"
#include "unit/model_files.h"
#include <fcntl.h>
#include <sys/stat.h>

static void make_checkpoint(const char *name) {
    Error error = {0};
    char path[300];
    file_make_folder(in_folder(name), &error);
    snprintf(path, sizeof path, "%s/model.safetensors", in_folder(name));
    write_text(path, "weights");
    assert_fine(&error);
}

/** Folders and files that are no checkpoints, whatever their numbers. */
static void make_others(void) {
    static const char *const folders[] = {"checkpoint-99.tmp",
                                          "checkpoint-",
                                          "checkpoint-98x",
                                          "checkpoint-97-best",
                                          "checkpoint--5",
                                          "old-checkpoint-96",
                                          "Checkpoint-95",
                                          "94",
                                          "checkpoint-99999999999999999999"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) make_checkpoint(folders[i]);
    write_text(in_folder("config.resolved.json"), "{}");
}

static bool is_there(const char *name) {
    return file_is_folder(in_folder(name));
}

static void test_path(void **state) {
    (void)state;
    Error error = {0};
    char *path = checkpoint_path("out", 1234567890123, &error);
    assert_fine(&error);
    assert_string_equal(path, "out/checkpoint-1234567890123");
    memory_free(path);
}

static void test_newest(void **state) {
    (void)state;
    Error error = {0};
    assert_int_equal(checkpoint_newest(in_folder("missing"), &error), -1);
    assert_int_equal(checkpoint_newest(folder, &error), -1);
    make_others();
    assert_int_equal(checkpoint_newest(folder, &error), -1);
    make_checkpoint("checkpoint-0"); /* no run saves before its first update */
    make_checkpoint("checkpoint-007");
    make_checkpoint("checkpoint- 8");
    make_checkpoint("checkpoint-+8");
    write_text(in_folder("checkpoint-8"), "a file");
    assert_int_equal(checkpoint_newest(folder, &error), -1);
    make_checkpoint("checkpoint-9");
    make_checkpoint("checkpoint-10"); /* by number, not as text */
    assert_int_equal(checkpoint_newest(folder, &error), 10);
    assert_fine(&error);
    /* A folder that cannot be listed is an error, and not one without checkpoints. */
    assert_int_equal(checkpoint_newest(in_folder("checkpoint-8"), &error), -1);
    assert_int_equal(error.status, STATUS_INPUT);
}

static void rotate(int64_t limit, int64_t current, int64_t best) {
    Error error = {0};
    checkpoint_rotate(folder, limit, current, best, &error);
    assert_fine(&error);
}

/** Say when a checkpoint was written, in seconds since 1970. */
static void set_written(const char *name, time_t seconds) {
    struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, in_folder(name), times, 0), 0);
}

/** Checkpoints of steps 2, 4 … 10, in a copy of the folder that was made from the last one to the first. */
static void make_five(void) {
    for (int step = 2; step <= 10; step += 2) {
        char name[32];
        snprintf(name, sizeof name, "checkpoint-%d", step);
        make_checkpoint(name);
        set_written(name, 1000 - step);
    }
}

static void test_rotate_removes_the_lowest(void **state) {
    (void)state;
    make_others();
    make_checkpoint("checkpoint-007");
    make_five();
    rotate(5, 10, 0);
    assert_true(is_there("checkpoint-2"));
    rotate(3, 10, 0);
    assert_false(is_there("checkpoint-2") || is_there("checkpoint-4"));
    assert_true(is_there("checkpoint-6") && is_there("checkpoint-8") && is_there("checkpoint-10"));
    assert_true(is_there("checkpoint-99.tmp") && is_there("checkpoint-98x") && is_there("checkpoint-97-best"));
    assert_true(is_there("checkpoint-") && is_there("old-checkpoint-96") && is_there("checkpoint-007"));
}

static void test_rotate_begins_with_an_earlier_runs(void **state) {
    (void)state;
    make_five();
    make_checkpoint("checkpoint-500");
    make_checkpoint("checkpoint-12");
    rotate(6, 10, 0);
    assert_false(is_there("checkpoint-12"));
    rotate(5, 10, 0);
    assert_false(is_there("checkpoint-500"));
    assert_true(is_there("checkpoint-2"));
    rotate(4, 6, 10); /* a best one that an earlier run has come to stays */
    assert_false(is_there("checkpoint-8"));
    assert_true(is_there("checkpoint-2") && is_there("checkpoint-10"));
}

static void test_rotate_keeps_current_and_best(void **state) {
    (void)state;
    make_five();
    rotate(2, 10, 4);
    assert_true(is_there("checkpoint-4") && is_there("checkpoint-10"));
    assert_false(is_there("checkpoint-2") || is_there("checkpoint-6") || is_there("checkpoint-8"));
    rotate(1, 10, 4); /* both are protected: two stay */
    assert_true(is_there("checkpoint-4") && is_there("checkpoint-10"));
    rotate(1, 10, 10); /* the current one is the best one */
    assert_false(is_there("checkpoint-4"));
    rotate(1, 10, 77); /* a best one that is not there */
    assert_true(is_there("checkpoint-10"));
}

static void test_is_checkpoint(void **state) {
    (void)state;
    assert_false(checkpoint_is(folder));
    assert_false(checkpoint_is(in_folder("missing")));
    write_text(in_folder("trainer_state.json"), "{\"global_step\": 1}"); /* Trainer's own */
    assert_false(checkpoint_is(folder));
    write_text(in_folder("optimizer.h5"), "");
    assert_true(checkpoint_is(folder));
    assert_int_equal(remove(in_folder("optimizer.h5")), 0);
    write_text(in_folder("optimizer.safetensors"), "");
    assert_true(checkpoint_is(folder));
}

static void test_verify_refuses_a_checkpoint_of_the_old_format(void **state) {
    (void)state;
    CheckpointInfo info;
    Error error = {0};
    write_text(in_folder("optimizer.h5"), "moments");
    checkpoint_verify(folder, &info, &error);
    assert_refused(&error, "optimizer.h5");
    assert_names(error.message, NAMES("linnet 0.1", "model_name_or_path"));
}

static void test_verify_needs_the_state(void **state) {
    (void)state;
    CheckpointInfo info;
    Error error = {0};
    write_text(in_folder("optimizer.safetensors"), "moments");
    checkpoint_verify(folder, &info, &error);
    assert_refused(&error, "trainer_state.json");
}

/** A state with a valid digest of itself that lists these files, each with the same digest. */
static void save_state(const char *const *names, size_t count) {
    const RunState saved = {.step = 7, .total = 9};
    Error error = {0};
    cJSON *history = cJSON_CreateArray(), *tree = run_state_tree(&saved, NULL, history, &error);
    for (size_t i = 0; i < count; i++) run_state_add_digest(tree, names[i], "0123", &error);
    run_state_save(tree, folder, &error);
    assert_fine(&error);
    cJSON_Delete(tree);
    cJSON_Delete(history);
}

/** A state that was made to mislead: a file outside of the folder, or not the files that a checkpoint needs. */
static void test_verify_refuses_other_lists_of_files(void **state) {
    (void)state;
    static const char *const names[] = {"../x", "config.json", "model.safetensors", "optimizer.safetensors"};
    CheckpointInfo info;
    Error outside = {0}, few = {0};
    save_state(names, 4);
    checkpoint_verify(folder, &info, &outside);
    assert_refused(&outside, "\"../x\"");
    save_state(names + 1, 2);
    checkpoint_verify(folder, &info, &few);
    assert_refused(&few, "optimizer.safetensors");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        TEST(test_newest),
        TEST(test_rotate_removes_the_lowest),
        TEST(test_rotate_begins_with_an_earlier_runs),
        TEST(test_rotate_keeps_current_and_best),
        TEST(test_is_checkpoint),
        TEST(test_verify_refuses_a_checkpoint_of_the_old_format),
        TEST(test_verify_needs_the_state),
        TEST(test_verify_refuses_other_lists_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
