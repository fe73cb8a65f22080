/* What of checkpoints needs no ranks; saving and reading moments: tests/mpi/checkpoint_test.c. */
#include "linnet/checkpoint/checkpoint.h"
#include "linnet/checkpoint/checkpoint_verify.h"
#include "unit/model_files.h"
#include <fcntl.h>
#include <sys/stat.h>

#define RUN_A "aaaaaaaa000000000000000000000000"
#define RUN_B "bbbbbbbb000000000000000000000000"

/** linnet_state.json and trainer_state.json of a run, in a folder; linnet_state.json lists these files. */
static void save_state(const char *path, const char *run, const char *const *names, size_t count) {
    RunState state = {.step = 7, .total = 9, .run.started = "2026-11-30T01:02:03Z"};
    RunStateFiles files;
    Error error = {0};
    strcpy(state.run.id, run);
    cJSON *history = cJSON_CreateArray();
    run_state_make(&files, &state, NULL, history, "{}\n", &error);
    for (size_t i = 0; i < count; i++) run_state_add_digest(&files, names[i], "0123", &error);
    run_state_save(&files, path, &error);
    assert_fine(&error);
    run_state_free(&files);
    cJSON_Delete(history);
}

static void make_checkpoint_of(const char *run, const char *name) {
    Error error = {0};
    char path[300];
    file_make_folder(in_folder(name), &error);
    snprintf(path, sizeof path, "%s/optimizer.safetensors", in_folder(name));
    write_text(path, "moments");
    save_state(in_folder(name), run, NULL, 0);
    assert_fine(&error);
}

static void make_checkpoint(const char *name) {
    make_checkpoint_of(RUN_A, name);
}

/** Folders and files that are no checkpoints, whatever their numbers. */
static void make_others(void) {
    static const char *const folders[] = {
        "checkpoint-99.tmp", "checkpoint-",       "checkpoint-98x", "checkpoint-97-best",
        "checkpoint--5",     "old-checkpoint-96", "Checkpoint-95",  "94",
        "checkpoint-0", /* no run saves before its first update */
        "checkpoint-007",    "checkpoint- 8",     "checkpoint-+8",  "checkpoint-99999999999999999999"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) make_checkpoint(folders[i]);
    write_text(in_folder("config.resolved.json"), "{}");
    write_text(in_folder("checkpoint-8"), "a file");
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

static CheckpointList list_good(const char *path) {
    CheckpointList list;
    Error error = {0};
    checkpoint_list(&list, path, &error);
    assert_fine(&error);
    return list;
}

static void test_list(void **state) {
    (void)state;
    Error error = {0};
    assert_int_equal(list_good(in_folder("missing")).count, 0);
    assert_int_equal(list_good(folder).count, 0);
    make_others();
    assert_int_equal(list_good(folder).count, 0);
    make_checkpoint("checkpoint-9");
    make_checkpoint_of(RUN_B, "checkpoint-100"); /* by number, not as text */
    make_checkpoint("checkpoint-10");
    CheckpointList list = list_good(folder);
    assert_int_equal(list.count, 3);
    assert_true(list.entries[0].step == 9 && list.entries[1].step == 10 && list.entries[2].step == 100);
    assert_string_equal(list.entries[2].run, RUN_B);
    assert_int_equal(checkpoint_newest(&list, RUN_A), 10);
    assert_int_equal(checkpoint_newest(&list, RUN_B), 100);
    assert_int_equal(checkpoint_newest(&list, ""), 0);
    checkpoint_list_free(&list);
    /* A folder that cannot be listed is an error, and not one without checkpoints. */
    checkpoint_list(&list, in_folder("checkpoint-8"), &error);
    assert_int_equal(error.status, STATUS_INPUT);
    checkpoint_list_free(&list);
}

static void test_names_of_others(void **state) {
    (void)state;
    char names[CHECKPOINT_NAMES_TEXT], name[32];
    make_checkpoint("checkpoint-3");
    make_checkpoint_of(RUN_B, "checkpoint-6");
    make_checkpoint("checkpoint-9");
    write_text(in_folder("checkpoint-9/linnet_state.json"), "{");
    make_checkpoint("checkpoint-500"); /* as Trainer leaves one */
    assert_int_equal(remove(in_folder("checkpoint-500/linnet_state.json")), 0);
    assert_int_equal(remove(in_folder("checkpoint-500/optimizer.safetensors")), 0);
    CheckpointList list = list_good(folder);
    assert_int_equal(checkpoint_others(&list, RUN_A, names), 3);
    assert_string_equal(names,
                        "checkpoint-6 (run bbbbbbbb), checkpoint-9 (damaged), checkpoint-500 (Hugging Face Trainer)");
    assert_int_equal(checkpoint_others(&list, RUN_B, names), 3);
    assert_int_equal(checkpoint_others(&list, "", names), 4);
    checkpoint_list_free(&list);
    for (int step = 1000; step < 1040; step++) {
        snprintf(name, sizeof name, "checkpoint-%d", step);
        make_checkpoint_of(RUN_B, name);
    }
    list = list_good(folder);
    assert_int_equal(checkpoint_others(&list, RUN_A, names), 43);
    assert_non_null(strstr(names, " more"));
    checkpoint_list_free(&list);
}

static void test_remove_others(void **state) {
    (void)state;
    Error error = {0};
    make_checkpoint("checkpoint-3");
    make_checkpoint_of(RUN_B, "checkpoint-6");
    make_checkpoint_of(RUN_B, "checkpoint-9");
    const char *const keep[] = {NULL, in_folder("./checkpoint-9")};
    checkpoint_remove_others(folder, RUN_A, keep, 2, &error);
    assert_fine(&error);
    assert_true(is_there("checkpoint-3") && is_there("checkpoint-9"));
    assert_false(is_there("checkpoint-6"));
}

static void rotate(int64_t limit, int64_t current, int64_t best) {
    Error error = {0};
    checkpoint_rotate(folder, RUN_A, limit, current, best, &error);
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
    assert_int_equal(remove(in_folder("checkpoint-8")), 0);
    make_five();
    rotate(5, 10, 0);
    assert_true(is_there("checkpoint-2"));
    rotate(3, 10, 0);
    assert_false(is_there("checkpoint-2") || is_there("checkpoint-4"));
    assert_true(is_there("checkpoint-6") && is_there("checkpoint-8") && is_there("checkpoint-10"));
    assert_true(is_there("checkpoint-99.tmp") && is_there("checkpoint-98x") && is_there("checkpoint-97-best"));
    assert_true(is_there("checkpoint-") && is_there("old-checkpoint-96") && is_there("checkpoint-007"));
}

/** Checkpoints of other runs, or of nobody, neither count nor go, wherever their steps lie. */
static void test_rotate_leaves_other_runs(void **state) {
    (void)state;
    Error error = {0};
    make_five();
    make_checkpoint_of(RUN_B, "checkpoint-1");
    make_checkpoint_of(RUN_B, "checkpoint-7");
    make_checkpoint_of(RUN_B, "checkpoint-500");
    file_make_folder(in_folder("checkpoint-3"), &error);
    rotate(5, 10, 0);
    assert_true(is_there("checkpoint-2"));
    rotate(1, 10, 0);
    assert_false(is_there("checkpoint-2") || is_there("checkpoint-4") || is_there("checkpoint-6") ||
                 is_there("checkpoint-8"));
    assert_true(is_there("checkpoint-10") && is_there("checkpoint-1") && is_there("checkpoint-3"));
    assert_true(is_there("checkpoint-7") && is_there("checkpoint-500"));
}

static void test_rotate_begins_with_steps_not_reached(void **state) {
    (void)state;
    make_five();
    make_checkpoint("checkpoint-500");
    make_checkpoint("checkpoint-12");
    rotate(6, 10, 0);
    assert_false(is_there("checkpoint-12"));
    rotate(5, 10, 0);
    assert_false(is_there("checkpoint-500"));
    assert_true(is_there("checkpoint-2"));
    rotate(4, 6, 10);
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

/** By the files that linnet, its older versions and Trainer write. */
static void test_kinds(void **state) {
    (void)state;
    assert_int_equal(checkpoint_kind(folder), CHECKPOINT_NONE);
    assert_int_equal(checkpoint_kind(in_folder("missing")), CHECKPOINT_NONE);
    write_text(in_folder("linnet_state.json"), "{}"); /* of a final model */
    assert_int_equal(checkpoint_kind(folder), CHECKPOINT_NONE);
    write_text(in_folder("optimizer.safetensors"), "");
    assert_int_equal(checkpoint_kind(folder), CHECKPOINT_LINNET);
    assert_int_equal(remove(in_folder("linnet_state.json")), 0);
    assert_int_equal(checkpoint_kind(folder), CHECKPOINT_LINNET); /* damaged */
    write_text(in_folder("trainer_state.json"), "{\"global_step\": 1, \"linnet\": {\"units\": 1}}");
    assert_int_equal(checkpoint_kind(folder), CHECKPOINT_OLDER);
    assert_int_equal(remove(in_folder("optimizer.safetensors")), 0);
    write_text(in_folder("trainer_state.json"), "{\"global_step\": 1}");
    assert_int_equal(checkpoint_kind(folder), CHECKPOINT_TRAINER);
    write_text(in_folder("optimizer.h5"), "");
    assert_int_equal(checkpoint_kind(folder), CHECKPOINT_OLDER);
    assert_int_equal(remove(in_folder("optimizer.h5")), 0);
    assert_int_equal(remove(in_folder("trainer_state.json")), 0);
    write_text(in_folder("optimizer.pt"), "");
    assert_int_equal(checkpoint_kind(folder), CHECKPOINT_NONE);
    write_text(in_folder("scheduler.pt"), "");
    assert_int_equal(checkpoint_kind(folder), CHECKPOINT_TRAINER);
}

static void assert_not_verified(const char *const *names) {
    CheckpointInfo info;
    Error error = {0};
    checkpoint_verify(folder, &info, &error);
    assert_int_equal(error.status, STATUS_INPUT);
    assert_names(error.message, names);
}

static void test_verify_names_whose_it_is(void **state) {
    (void)state;
    write_text(in_folder("config.json"), "{}");
    assert_not_verified(NAMES(folder, "is a model folder, not a checkpoint"));
    write_text(in_folder("trainer_state.json"), "{\"global_step\": 1}");
    assert_not_verified(NAMES(folder, "is a checkpoint of Hugging Face Trainer", "model_name_or_path"));
    write_text(in_folder("trainer_state.json"), "{\"global_step\": 1, \"linnet\": {}}");
    assert_not_verified(NAMES(folder, "development version of linnet 0.2", "model_name_or_path"));
    write_text(in_folder("optimizer.h5"), "moments");
    assert_not_verified(NAMES(folder, "linnet 0.1", "optimizer.h5", "model_name_or_path"));
}

static void test_verify_needs_the_states(void **state) {
    (void)state;
    write_text(in_folder("optimizer.safetensors"), "moments");
    assert_not_verified(NAMES("linnet_state.json"));
    save_state(folder, RUN_A, NULL, 0);
    assert_int_equal(remove(in_folder("trainer_state.json")), 0);
    assert_not_verified(NAMES("trainer_state.json"));
}

/** A state that was made to mislead: a file outside of the folder, or not the files that a checkpoint needs. */
static void test_verify_refuses_other_lists_of_files(void **state) {
    (void)state;
    static const char *const names[] = {"../x", "config.json", "model.safetensors", "optimizer.safetensors"};
    save_state(folder, RUN_A, names, 4);
    write_text(in_folder("optimizer.safetensors"), "moments");
    assert_not_verified(NAMES("\"../x\""));
    save_state(folder, RUN_A, names + 1, 2);
    assert_not_verified(NAMES("optimizer.safetensors"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        TEST(test_list),
        TEST(test_names_of_others),
        TEST(test_remove_others),
        TEST(test_rotate_removes_the_lowest),
        TEST(test_rotate_leaves_other_runs),
        TEST(test_rotate_begins_with_steps_not_reached),
        TEST(test_rotate_keeps_current_and_best),
        TEST(test_kinds),
        TEST(test_verify_names_whose_it_is),
        TEST(test_verify_needs_the_states),
        TEST(test_verify_refuses_other_lists_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
