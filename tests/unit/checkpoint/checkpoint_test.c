/* What of checkpoints needs no ranks; saving and reading moments: tests/mpi/checkpoint_test.c. */
#include "linnet/checkpoint/checkpoint.h"
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
    assert_int_equal(checkpoint_newest(in_folder("missing")), -1);
    assert_int_equal(checkpoint_newest(folder), -1);
    make_others();
    assert_int_equal(checkpoint_newest(folder), -1);
    make_checkpoint("checkpoint-0"); /* no run saves before its first update */
    make_checkpoint("checkpoint-007");
    make_checkpoint("checkpoint- 8");
    make_checkpoint("checkpoint-+8");
    write_text(in_folder("checkpoint-8"), "a file");
    assert_int_equal(checkpoint_newest(folder), -1);
    make_checkpoint("checkpoint-9");
    make_checkpoint("checkpoint-10"); /* by number, not as text */
    assert_int_equal(checkpoint_newest(folder), 10);
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

static const char STATE[] =
    "{\"best_metric\": 0.625, \"best_global_step\": 20, \"best_model_checkpoint\": \"out/checkpoint-20\","
    " \"epoch\": 1.2345678901234567, \"global_step\": 30, \"max_steps\": 90, \"log_history\": [{\"loss\": 1.5}, {\"loss\": 1}],"
    " \"linnet\": {\"global_batch\": 16, \"units\": 4, \"samples\": 400, \"tokens\": 7000, \"data_sha256\": \"abc\","
    " \"seed\": 42, \"best_saved_step\": 20, \"evaluations_since_best\": 1, \"loss_total\": null,"
    " \"loss_sum\": 3.3000000000000003, \"loss_steps\": 5}}";

static void write_state(const char *text) {
    write_text(in_folder("trainer_state.json"), text);
}

static void test_read_state(void **state) {
    (void)state;
    RunState run;
    cJSON *history = NULL;
    Error error = {0};
    write_state(STATE);
    checkpoint_read_state(folder, &run, &history, &error);
    assert_fine(&error);
    assert_true(run.has_best && run.best_metric == 0.625);
    assert_int_equal(run.best_step, 20);
    assert_true(run.epoch == 1.2345678901234567);
    assert_int_equal(run.step, 30);
    assert_int_equal(run.total, 90);
    assert_int_equal(run.global_batch, 16);
    assert_int_equal(run.units, 4);
    assert_int_equal(run.samples, 400);
    assert_int_equal(run.seed, 42);
    assert_int_equal(run.stale, 1);
    assert_true(run.loss_sum == 3.3000000000000003);
    assert_int_equal(run.loss_steps, 5);
    assert_int_equal(run.tokens, 7000);
    assert_int_equal(run.best_saved, 20);
    assert_string_equal(run.data_digest, "abc");
    assert_true(run.loss_total != run.loss_total); /* null is what a run that diverged came to */
    assert_int_equal(cJSON_GetArraySize(history), 2);
    cJSON_Delete(history);
    checkpoint_read_state(folder, &run, NULL, &error);
    assert_fine(&error);
}

/** Replace the first `what` of the state by `with`. */
static void write_changed(const char *what, const char *with) {
    char text[sizeof STATE + 200];
    const char *at = strstr(STATE, what);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - STATE), STATE, with, at + strlen(what));
    write_state(text);
}

static void test_no_best_yet(void **state) {
    (void)state;
    RunState run;
    Error error = {0};
    write_changed("\"best_metric\": 0.625, \"best_global_step\": 20",
                  "\"best_metric\": null, \"best_global_step\": null");
    checkpoint_read_state(folder, &run, NULL, &error);
    assert_fine(&error);
    assert_false(run.has_best);
    assert_int_equal(run.step, 30);
}

static void assert_state_refused(const char *what) {
    RunState run;
    cJSON *history = NULL;
    Error error = {0};
    checkpoint_read_state(folder, &run, &history, &error);
    assert_refused(&error, what);
    assert_names(error.message, NAMES("trainer_state.json"));
    assert_null(history);
}

static void test_order_of_a_state(void **state) {
    (void)state;
    RunState run;
    Error error = {0};
    write_state(STATE); /* of before there was a choice */
    checkpoint_read_state(folder, &run, NULL, &error);
    assert_int_equal(run.data_order, DATA_ORDER_TORCH);
    write_changed("\"seed\": 42", "\"seed\": 42, \"data_order\": \"blocks\"");
    checkpoint_read_state(folder, &run, NULL, &error);
    assert_fine(&error);
    assert_int_equal(run.data_order, DATA_ORDER_BLOCKS);
    write_changed("\"seed\": 42", "\"seed\": 42, \"data_order\": \"sorted\"");
    assert_state_refused("\"sorted\"");
}

static void test_damaged_states(void **state) {
    (void)state;
    assert_state_refused("trainer_state.json"); /* none there */
    write_state("");
    assert_state_refused("trainer_state.json");
    write_changed("\"loss_steps\": 5}}", "\"loss_steps\": 5}"); /* cut short */
    assert_state_refused("trainer_state.json");
    write_changed("\"linnet\": {", "\"other\": {");
    assert_state_refused("linnet");
    write_changed("\"linnet\": {\"global_batch\": 16,", "\"linnet\": 3, \"x\": {");
    assert_state_refused("linnet");
    write_changed("\"global_step\": 30", "\"global_step\": \"thirty\"");
    assert_state_refused("global_step");
    write_changed("\"global_batch\": 16", "\"global_batch\": 16.5");
    assert_state_refused("global_batch");
    write_changed("\"epoch\": 1.2345678901234567", "\"epoch\": true");
    assert_state_refused("epoch");
    write_changed("\"loss_sum\": 3.3000000000000003", "\"loss_sum\": [1]");
    assert_state_refused("loss_sum");
}

/** A number that a run cannot go on without must be there. */
static void test_missing_numbers(void **state) {
    (void)state;
    write_changed("\"global_step\": 30, ", "");
    assert_state_refused("global_step");
    write_changed("\"samples\": 400, ", "");
    assert_state_refused("samples");
}

static void test_is_checkpoint(void **state) {
    (void)state;
    assert_false(checkpoint_is(folder));
    assert_false(checkpoint_is(in_folder("missing")));
    write_text(in_folder("optimizer.h5"), "");
    assert_true(checkpoint_is(folder));
}

static void test_verify_refuses_no_hdf5(void **state) {
    (void)state;
    CheckpointInfo info;
    Error error = {0};
    write_state(STATE);
    checkpoint_verify(folder, &info, &error);
    assert_refused(&error, "optimizer.h5");
    error = (Error){0};
    write_text(in_folder("optimizer.h5"), "these are no moments");
    checkpoint_verify(folder, &info, &error);
    assert_refused(&error, "optimizer.h5");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        TEST(test_newest),
        TEST(test_rotate_removes_the_lowest),
        TEST(test_rotate_begins_with_an_earlier_runs),
        TEST(test_rotate_keeps_current_and_best),
        TEST(test_read_state),
        TEST(test_no_best_yet),
        TEST(test_order_of_a_state),
        TEST(test_damaged_states),
        TEST(test_missing_numbers),
        TEST(test_is_checkpoint),
        TEST(test_verify_refuses_no_hdf5),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
