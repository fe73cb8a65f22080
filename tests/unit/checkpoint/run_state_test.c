/* trainer_state.json. Saving and reading all of it: tests/mpi/checkpoint_test.c. */
#include "linnet/checkpoint/run_state.h"
#include "unit/model_files.h"

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
    run_state_read(folder, &run, &history, NULL, &error);
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
    run_state_read(folder, &run, NULL, NULL, &error);
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
    run_state_read(folder, &run, NULL, NULL, &error);
    assert_fine(&error);
    assert_false(run.has_best);
    assert_int_equal(run.step, 30);
}

static void assert_state_refused(const char *what) {
    RunState run;
    cJSON *history = NULL;
    Error error = {0};
    run_state_read(folder, &run, &history, NULL, &error);
    assert_refused(&error, what);
    assert_names(error.message, NAMES("trainer_state.json"));
    assert_null(history);
}

static void test_order_of_a_state(void **state) {
    (void)state;
    RunState run;
    Error error = {0};
    write_state(STATE); /* of before there was a choice */
    run_state_read(folder, &run, NULL, NULL, &error);
    assert_int_equal(run.data_order, DATA_ORDER_TORCH);
    write_changed("\"seed\": 42", "\"seed\": 42, \"data_order\": \"blocks\"");
    run_state_read(folder, &run, NULL, NULL, &error);
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

/** A number that a resumed run needs must be there. */
static void test_missing_numbers(void **state) {
    (void)state;
    write_changed("\"global_step\": 30, ", "");
    assert_state_refused("global_step");
    write_changed("\"samples\": 400, ", "");
    assert_state_refused("samples");
}

/** Save a state with the digest of a file, and change its text. */
static void save_and_replace(const char *what, const char *with) {
    const RunState saved = {.step = 7, .total = 9, .data_digest = "0000000000000000"};
    Error error = {0};
    char *text = NULL;
    cJSON *history = cJSON_CreateArray(), *tree = run_state_tree(&saved, NULL, history, &error);
    run_state_add_digest(tree, "config.json", "0123", &error);
    run_state_save(tree, folder, &error);
    file_read(in_folder("trainer_state.json"), &text, NULL, &error);
    assert_fine(&error);
    char *at = strstr(text, what);
    assert_non_null(at);
    memcpy(at, with, strlen(with));
    write_state(text);
    memory_free(text);
    cJSON_Delete(tree);
    cJSON_Delete(history);
}

static void test_digests_are_read_back(void **state) {
    (void)state;
    RunState run;
    cJSON *digests = NULL;
    Error error = {0};
    save_and_replace("7", "7");
    run_state_read(folder, &run, NULL, &digests, &error);
    assert_fine(&error);
    assert_int_equal(run.step, 7);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(digests, "config.json")), "0123");
    assert_int_equal(strlen(cJSON_GetStringValue(cJSON_GetObjectItem(digests, "trainer_state.json"))), 64);
    cJSON_Delete(digests);
}

/** The file's own digest shows a change that makes sense otherwise; without asking for digests it is read. */
static void test_own_digest_shows_a_change(void **state) {
    (void)state;
    static const char *const changes[][2] = {{"\"global_step\": 7", "\"global_step\": 8"}, {"\"0123\"", "\"0124\""}};
    for (size_t i = 0; i < 2; i++) {
        RunState run;
        cJSON *digests = NULL;
        Error error = {0};
        save_and_replace(changes[i][0], changes[i][1]);
        run_state_read(folder, &run, NULL, NULL, &error);
        assert_fine(&error);
        run_state_read(folder, &run, NULL, &digests, &error);
        assert_refused(&error, "trainer_state.json");
        assert_null(digests);
    }
}

static void test_state_without_digests(void **state) {
    (void)state;
    RunState run;
    cJSON *digests = NULL;
    Error error = {0};
    write_state(STATE);
    run_state_read(folder, &run, NULL, &digests, &error);
    assert_refused(&error, "digest");
    error = (Error){0};
    save_and_replace("\"trainer_state.json\": \"", "\"trainer_state.json\": 1,");
    run_state_read(folder, &run, NULL, &digests, &error);
    assert_refused(&error, "trainer_state.json");
    assert_null(digests);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_read_state),
        TEST(test_no_best_yet),
        TEST(test_order_of_a_state),
        TEST(test_damaged_states),
        TEST(test_missing_numbers),
        TEST(test_digests_are_read_back),
        TEST(test_own_digest_shows_a_change),
        TEST(test_state_without_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
