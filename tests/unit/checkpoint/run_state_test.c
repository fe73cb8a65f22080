/* linnet_state.json and trainer_state.json. Saving and reading all of a checkpoint: tests/mpi/checkpoint_test.c. */
#include "linnet/checkpoint/run_state.h"
#include "linnet/core/json.h"
#include "unit/model_files.h"

#define RUN "0123456789abcdef0123456789abcdef"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static const char OWN[] =
    "{\"format_version\": 1, \"run\": {\"id\": \"" RUN "\", \"started\": \"2026-11-30T01:02:03Z\"},"
    " \"settings\": {\"seed\": 42}, \"step\": 30,"
    " \"global_batch\": 16, \"units\": 4, \"samples\": 400, \"tokens\": 7000, \"data_sha256\": \"abc\","
    " \"model_fingerprint\": \"def\", \"eval_tokens\": 70, \"eval_sha256\": \"\", \"seed\": 42, \"best_saved_step\": 20,"
    " \"evaluations_since_best\": 1, \"loss_total\": null, \"skipped_updates\": 2, \"loss_sum\": 3.3000000000000003, \"loss_steps\": 5,"
    " \"data_order\": \"torch\", \"sha256\": {\"config.json\": \"0123\", \"linnet_state.json\": \"" ZEROS "\"}}";

/* As Transformers 5.24 writes it; linnet needs no more of it. */
static const char TRAINER[] =
    "{\"best_global_step\": 20, \"best_metric\": 0.625, \"best_model_checkpoint\": \"out/checkpoint-20\","
    " \"epoch\": 1.2345678901234567, \"global_step\": 30, \"log_history\": [{\"loss\": 1.5}, {\"loss\": 1}],"
    " \"max_steps\": 90, \"stateful_callbacks\": {}, \"total_flos\": 1.5e12}";

/** Write a text with the digest of itself in place of the zeros. */
static void write_own(const char *text) {
    Digest *digest = NULL;
    Error error = {0};
    char proven[sizeof OWN + 300], sum[DIGEST_TEXT];
    snprintf(proven, sizeof proven, "%s", text);
    digest_create(&digest, &error);
    digest_add(digest, proven, strlen(proven));
    digest_finish(digest, sum);
    digest_destroy(digest);
    char *place = strstr(proven, ZEROS);
    if (place) memcpy(place, sum, strlen(sum));
    write_text(in_folder(RUN_STATE_FILE), proven);
}

static void write_both(void) {
    write_own(OWN);
    write_text(in_folder(TRAINER_STATE_FILE), TRAINER);
}

static RunState read_good(RunStateParts *parts) {
    RunState run;
    Error error = {0};
    run_state_read(folder, &run, parts, &error);
    assert_fine(&error);
    return run;
}

static void test_read_state(void **state) {
    (void)state;
    RunStateParts parts;
    write_both();
    const RunState run = read_good(&parts);
    assert_true(run.has_best && run.best_metric == 0.625);
    assert_int_equal(run.parameters, 0); /* not known */
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
    assert_int_equal(run.eval_tokens, 70);
    assert_int_equal(run.best_saved.step, 20);
    assert_string_equal(run.data_digest, "abc");
    assert_string_equal(run.model_digest, "def");
    assert_string_equal(run.run.id, RUN);
    assert_string_equal(run.run.started, "2026-11-30T01:02:03Z");
    assert_string_equal(run.run.from_run, "");
    assert_true(run.loss_total != run.loss_total); /* null is what a run that diverged came to */
    assert_int_equal(cJSON_GetArraySize(parts.history), 2);
    assert_int_equal(cJSON_GetObjectItem(parts.settings, "seed")->valueint, 42);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(parts.digests, "config.json")), "0123");
    run_state_parts_free(&parts);
}

/** Write one of the two texts with the first `what` replaced by `with`, and the other as it is. */
static void write_changed(const char *what, const char *with) {
    char text[sizeof OWN + sizeof TRAINER + 200];
    const char *from = strstr(OWN, what) ? OWN : TRAINER, *at = strstr(from, what);
    assert_non_null(at);
    write_both();
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - from), from, with, at + strlen(what));
    if (from == OWN)
        write_own(text);
    else
        write_text(in_folder(TRAINER_STATE_FILE), text);
}

static void test_no_best_yet(void **state) {
    (void)state;
    RunStateParts parts;
    write_changed("\"best_global_step\": 20, \"best_metric\": 0.625",
                  "\"best_global_step\": null, \"best_metric\": null");
    const RunState run = read_good(&parts);
    assert_false(run.has_best);
    assert_int_equal(run.step, 30);
    run_state_parts_free(&parts);
}

static void assert_state_refused(const char *file, const char *what) {
    RunState run;
    RunStateParts parts;
    Error error = {0};
    run_state_read(folder, &run, &parts, &error);
    assert_refused(&error, what);
    assert_names(error.message, NAMES(file));
    assert_null(parts.history);
    assert_null(parts.settings);
    assert_null(parts.digests);
}

static void test_order_of_a_state(void **state) {
    (void)state;
    RunStateParts parts;
    write_changed("\"torch\"", "\"blocks\"");
    assert_int_equal(read_good(&parts).data_order, DATA_ORDER_BLOCKS);
    run_state_parts_free(&parts);
    write_changed("\"torch\"", "\"sorted\"");
    assert_state_refused(RUN_STATE_FILE, "\"sorted\"");
}

static void test_damaged_states(void **state) {
    (void)state;
    static const struct {
        const char *what, *with, *file, *named;
    } cases[] = {
        {"\"global_step\": 30", "\"global_step\": \"thirty\"", TRAINER_STATE_FILE, "global_step"},
        {"\"global_step\": 30", "\"global_step\": -30", TRAINER_STATE_FILE, "negative"},
        {"\"global_step\": 30, ", "", TRAINER_STATE_FILE, "global_step"},
        {"\"log_history\": [", "\"log_history\": 3, \"x\": [", TRAINER_STATE_FILE, "log_history"},
        {"\"epoch\": 1.2345678901234567", "\"epoch\": true", TRAINER_STATE_FILE, "epoch"},
        {"\"total_flos\": 1.5e12}", "\"total_flos\": ", TRAINER_STATE_FILE, "ends inside"},
        {"\"global_batch\": 16", "\"global_batch\": 16.5", RUN_STATE_FILE, "global_batch"},
        {"\"samples\": 400, ", "", RUN_STATE_FILE, "samples"},
        {"\"loss_steps\": 5", "\"loss_steps\": -5", RUN_STATE_FILE, "loss_steps"},
        {"\"loss_sum\": 3.3000000000000003", "\"loss_sum\": [1]", RUN_STATE_FILE, "loss_sum"},
        {"\"data_sha256\": \"abc\"", "\"data_sha256\": 7", RUN_STATE_FILE, "data_sha256"},
        {"\"run\": {", "\"run\": 3, \"x\": {", RUN_STATE_FILE, "run: expected"},
        {"\"id\": \"01", "\"id\": \"../", RUN_STATE_FILE, "id: expected the 32 digits"},
        {"\"format_version\": 1", "\"format_version\": 2", RUN_STATE_FILE, "a later version"},
        {"\"format_version\": 1, ", "", RUN_STATE_FILE, "format_version"},
    };
    assert_state_refused(RUN_STATE_FILE, "cannot open"); /* none there */
    write_both();
    assert_int_equal(remove(in_folder(TRAINER_STATE_FILE)), 0);
    assert_state_refused(TRAINER_STATE_FILE, "cannot open");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_changed(cases[i].what, cases[i].with);
        assert_state_refused(cases[i].file, cases[i].named);
    }
    write_both();
    write_text(in_folder(RUN_STATE_FILE), "");
    assert_state_refused(RUN_STATE_FILE, RUN_STATE_FILE);
}

/** The file's own digest shows a change that makes sense otherwise, and must be there. */
static void test_own_digest(void **state) {
    (void)state;
    char *text = NULL;
    Error error = {0};
    write_both();
    file_read(in_folder(RUN_STATE_FILE), &text, NULL, &error);
    char *place = strstr(text, "\"seed\": 42, \"best");
    assert_non_null(place);
    place[8] = '5';
    write_text(in_folder(RUN_STATE_FILE), text);
    memory_free(text);
    assert_state_refused(RUN_STATE_FILE, "has changed since");
    write_changed("\"linnet_state.json\": \"0", "\"linnet_state.json\": 7, \"x\": \"0");
    assert_state_refused(RUN_STATE_FILE, "digest of the file itself");
    write_changed("\"sha256\": {", "\"sha255\": {");
    assert_state_refused(RUN_STATE_FILE, "digest of the file itself");
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

static const RunState SAVED = {.step = 7,
                               .total = 9,
                               .epoch = 1.0 / 3.0,
                               .has_best = true,
                               .best_metric = 0.1 + 0.2,
                               .best_step = 6,
                               .best_saved.step = 6,
                               .stale = 1,
                               .parameters = 90,
                               .trainable = 12,
                               .figures = {.epochs = 3, .batch = 8, .save_steps = 3, .logging_steps = 1, .patience = 2},
                               .run = {.id = RUN,
                                       .started = "2026-11-30T01:02:03Z",
                                       .from_run = "fedcba9876543210fedcba9876543210",
                                       .from_step = 5,
                                       .from_folder = "/tmp/\"x\"/checkpoint-5"},
                               .data_digest = "0000000000000000"};

static void save(const RunState *run, const cJSON *history) {
    RunStateFiles files;
    Error error = {0};
    run_state_make(&files, run, "out/checkpoint-6", history, "{\n  \"learning_rate\": 0.30000000000000004\n}\n",
                   &error);
    run_state_add_digest(&files, "config.json", "0123", &error);
    run_state_save(&files, folder, &error);
    assert_fine(&error);
    run_state_free(&files);
}

static void test_saved_state_is_read_back(void **state) {
    (void)state;
    RunStateParts parts;
    cJSON *history = cJSON_Parse("[{\"step\": 1, \"loss\": 1.5}]");
    save(&SAVED, history);
    const RunState run = read_good(&parts);
    assert_int_equal(run.step, 7);
    assert_true(run.parameters == 90 && run.trainable == 12);
    assert_true(run.epoch == SAVED.epoch && run.best_metric == SAVED.best_metric);
    assert_memory_equal(&run.run, &SAVED.run, sizeof run.run);
    assert_true(cJSON_GetObjectItem(parts.settings, "learning_rate")->valuedouble == 0.1 + 0.2);
    assert_true(cJSON_Compare(parts.history, history, true));
    assert_int_equal(cJSON_GetArraySize(parts.digests), 3);
    assert_int_equal(strlen(cJSON_GetStringValue(cJSON_GetObjectItem(parts.digests, TRAINER_STATE_FILE))), 64);
    run_state_parts_free(&parts);
    cJSON_Delete(history);
}

/** A final model has no trainer_state.json; what linnet_state.json says of it can be read alone. */
static void test_state_of_a_final_model(void **state) {
    (void)state;
    RunState run;
    RunStateParts parts;
    Error error = {0};
    save(&SAVED, NULL);
    assert_false(file_exists(in_folder(TRAINER_STATE_FILE)));
    run_state_read_own(folder, &run, &parts, &error);
    assert_fine(&error);
    assert_int_equal(run.step, 7);
    assert_string_equal(run.run.id, RUN);
    run_state_parts_free(&parts);
}

/** The fields of TrainerState in Transformers 5.24 (transformers/trainer_callback.py), sorted as it writes them, and the
 *  values that Trainer would write: 500 where a number of steps is not set, callbacks by name. No other member may be
 *  there, since TrainerState(**members) refuses it. */
static void test_trainers_file(void **state) {
    (void)state;
    static const char expected[] =
        "{\"best_global_step\": 6, \"best_metric\": 0.30000000000000004, \"best_model_checkpoint\": \"out/checkpoint-6\","
        " \"epoch\": 0.33333333333333331, \"eval_steps\": 500, \"global_step\": 7, \"is_hyper_param_search\": false,"
        " \"is_local_process_zero\": true, \"is_world_process_zero\": true, \"log_history\": [], \"logging_steps\": 1,"
        " \"max_steps\": 9, \"num_input_tokens_seen\": 0, \"num_train_epochs\": 3, \"save_steps\": 3,"
        " \"stateful_callbacks\": {\"EarlyStoppingCallback\": {\"args\": {\"early_stopping_patience\": 2,"
        " \"early_stopping_threshold\": 0.0}, \"attributes\": {\"early_stopping_patience_counter\": 1}},"
        " \"TrainerControl\": {\"args\": {\"should_epoch_stop\": false, \"should_evaluate\": false, \"should_log\": false,"
        " \"should_save\": true, \"should_training_stop\": false}, \"attributes\": {}}},"
        " \"total_flos\": 0, \"train_batch_size\": 8, \"trial_name\": null, \"trial_params\": null}";
    cJSON *history = cJSON_CreateArray(), *wanted = cJSON_Parse(expected), *found = NULL;
    Error error = {0};
    save(&SAVED, history);
    json_load(&found, in_folder(TRAINER_STATE_FILE), &error);
    assert_fine(&error);
    assert_true(cJSON_Compare(found, wanted, true));
    const cJSON *before = NULL, *member;
    cJSON_ArrayForEach(member, found) {
        assert_true(!before || strcmp(before->string, member->string) < 0);
        before = member;
    }
    cJSON_Delete(found);
    cJSON_Delete(wanted);
    cJSON_Delete(history);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_read_state),
        TEST(test_no_best_yet),
        TEST(test_order_of_a_state),
        TEST(test_damaged_states),
        TEST(test_own_digest),
        TEST(test_saved_state_is_read_back),
        TEST(test_state_of_a_final_model),
        TEST(test_trainers_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
