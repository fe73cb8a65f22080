/* One key at a time: values, defaults, overrides and refusals. */
#include "linnet/data/pooling.h"
#include "settings/settings_table.h"
#include "unit/settings_support.h"

static void test_has_trainers_defaults(void **state) {
    (void)state;
    Settings settings = load_good(REQUIRED "}");
    assert_string_equal(settings.model_name_or_path, "gpt2");
    assert_string_equal(settings.train_file, "train.h5");
    assert_string_equal(settings.output_dir, "out");
    assert_int_equal(settings.eval_file.count, 0);
    assert_true(settings.num_train_epochs == 3);
    assert_int_equal(settings.max_steps, -1);
    assert_int_equal(settings.per_device_train_batch_size, 8);
    assert_int_equal(settings.per_device_eval_batch_size, 8);
    assert_int_equal(settings.gradient_accumulation_steps, 1);
    assert_true(settings.learning_rate == 5e-5);
    assert_int_equal(settings.lr_scheduler_type, SCHEDULE_LINEAR);
    assert_true(settings.warmup_steps == 0 && settings.weight_decay == 0);
    assert_true(settings.adam_beta1 == 0.9 && settings.adam_beta2 == 0.999 && settings.adam_epsilon == 1e-8);
    assert_true(settings.max_grad_norm == 1 && settings.label_smoothing_factor == 0);
    assert_int_equal(settings.seed, 42);
    assert_true(settings.logging_steps == 500 && settings.eval_steps == 0 && settings.save_steps == 500);
    assert_int_equal(settings.eval_strategy, STRATEGY_NO);
    assert_int_equal(settings.save_strategy, STRATEGY_STEPS);
    assert_int_equal(settings.save_total_limit, 0);
    assert_false(settings.load_best_model_at_end || settings.greater_is_better || settings.bf16);
    assert_null(settings.metric_for_best_model);
    assert_null(settings.resume_from_checkpoint);
    assert_int_equal(settings.early_stopping_patience, 0);
    assert_int_equal(settings.pooling, POOLING_LAST_TOKEN);
    assert_int_equal(settings.global_batch_size, 0);
    assert_int_equal(settings.reduction_units, 0);
    assert_true(settings.dropout == -1);
    assert_int_equal(settings.threads_per_rank, 0);
    assert_true(settings.rank_timeout == 5);
    settings_free(&settings);
}

static void test_reads_every_type(void **state) {
    (void)state;
    Settings settings =
        load_good(EVALUATING ", \"num_train_epochs\": 0.5, \"max_steps\": 7, \"seed\": 4294967295,\n"
                             "\"lr_scheduler_type\": \"cosine\", \"logging_steps\": 0.1, \"bf16\": true,\n"
                             "\"save_strategy\": \"epoch\", \"pooling\": \"padded_end\", \"dropout\": 0,\n"
                             "\"per_device_train_batch_size\": 16.0}");
    assert_true(settings.num_train_epochs == 0.5);
    assert_int_equal(settings.max_steps, 7);
    assert_int_equal(settings.seed, INT64_C(4294967295));
    assert_int_equal(settings.lr_scheduler_type, SCHEDULE_COSINE);
    assert_true(settings.logging_steps == 0.1);
    assert_true(settings.bf16);
    assert_int_equal(settings.eval_strategy, STRATEGY_STEPS);
    assert_int_equal(settings.save_strategy, STRATEGY_EPOCH);
    assert_int_equal(settings.pooling, POOLING_PADDED_END);
    assert_true(settings.dropout == 0);
    assert_int_equal(settings.per_device_train_batch_size, 16);
    settings_free(&settings);
}

static void test_takes_null_as_the_default(void **state) {
    (void)state;
    Settings settings = load_good(REQUIRED ", \"learning_rate\": null, \"eval_strategy\": null, \"eval_file\": null,\n"
                                           "\"dropout\": null, \"optim\": null, \"data_seed\": null, \"fp16\": null}");
    assert_true(settings.learning_rate == 5e-5);
    assert_int_equal(settings.eval_strategy, STRATEGY_NO);
    assert_int_equal(settings.eval_file.count, 0);
    assert_true(settings.dropout == -1);
    settings_free(&settings);
    EXPECT_REFUSAL("{\"model_name_or_path\": \"gpt2\", \"train_file\": null, \"output_dir\": \"out\"}", NULL,
                   "FILE:1: train_file: ", "missing", "token file", "linnet prepare");
}

static void test_overrides_the_file(void **state) {
    (void)state;
    Settings settings;
    Error error;
    assert_int_equal(LOAD(&settings, REQUIRED ", \"seed\": 1, \"learning_rate\": 1}", &error, "seed=2", "seed=3",
                          "output_dir=runs/a", "train_file=7", "model_name_or_path=\"my gpt2\"", "learning_rate=null",
                          "lr_scheduler_type=constant", "resume_from_checkpoint=true", NULL),
                     STATUS_OK);
    assert_int_equal(settings.seed, 3);
    assert_string_equal(settings.output_dir, "runs/a");
    assert_string_equal(settings.train_file, "7");
    assert_string_equal(settings.model_name_or_path, "my gpt2");
    assert_true(settings.learning_rate == 5e-5);
    assert_int_equal(settings.lr_scheduler_type, SCHEDULE_CONSTANT);
    assert_string_equal(settings.resume_from_checkpoint, "auto");
    settings_free(&settings);
}

static void test_refuses_bad_overrides(void **state) {
    (void)state;
    EXPECT_REFUSAL(REQUIRED "}", "seed", "--set seed:", "key=value");
    EXPECT_REFUSAL(REQUIRED "}", "=1", "--set =1:", "key=value");
    EXPECT_REFUSAL(REQUIRED "}", "sed=1", "--set sed=1: ", "unknown key sed", "mean seed?");
    EXPECT_REFUSAL(REQUIRED "}", "seed=abc", "--set seed=abc: seed: ", "integer from 0 to 4294967295", "\"abc\"");
    EXPECT_REFUSAL(REQUIRED "}", "bf16=maybe", "--set bf16=maybe: bf16: ", "true or false", "\"maybe\"");
    EXPECT_REFUSAL(REQUIRED "}", "--seed=abc", "--seed=abc: seed: ", "\"abc\"");
    EXPECT_REFUSAL(REQUIRED "}", "learning_rate=nan", "--set learning_rate=nan: learning_rate: ", "\"nan\"");
    EXPECT_REFUSAL(REQUIRED "}", "output_dir=", "--set output_dir=: output_dir: ", "path", "\"\"");
}

/** The words of HfArgumentParser (string_to_bool() of Transformers 5.24), and numbers as Python reads them. */
static void test_reads_values_as_trainers_scripts(void **state) {
    (void)state;
    static const char *const truths[] = {"True", "true", "TRUE", "yes", "t", "Y", "1"};
    static const char *const lies[] = {"False", "false", "no", "F", "n", "0"};
    char text[64];
    for (size_t i = 0; i < sizeof truths / sizeof *truths + sizeof lies / sizeof *lies; i++) {
        const bool truth = i < sizeof truths / sizeof *truths;
        snprintf(text, sizeof text, "--bf16=%s", truth ? truths[i] : lies[i - sizeof truths / sizeof *truths]);
        Settings settings;
        Error error;
        assert_int_equal(LOAD(&settings, REQUIRED "}", &error, text, NULL), STATUS_OK);
        assert_int_equal(settings.bf16, truth);
        settings_free(&settings);
    }
    Settings settings;
    Error error;
    assert_int_equal(LOAD(&settings, REQUIRED ", \"dropout\": 0.5, \"max_steps\": 3}", &error, "--weight_decay=.01",
                          "--max_steps=-1", "--adam_epsilon=1.e-6", "--dropout=None", "--seed=+7", "--output_dir=1",
                          "resume_from_checkpoint=True", NULL),
                     STATUS_OK);
    assert_true(settings.weight_decay == 0.01 && settings.adam_epsilon == 1e-6 && settings.dropout == -1);
    assert_int_equal(settings.max_steps, -1);
    assert_int_equal(settings.seed, 7);
    assert_string_equal(settings.output_dir, "1");
    assert_string_equal(settings.resume_from_checkpoint, "auto");
    settings_free(&settings);
}

static void test_needs_no_file(void **state) {
    (void)state;
    Settings settings;
    Error error = {0};
    const char *const overrides[] = {"--model_name_or_path=gpt2", "--train_file=t.h5", "--output_dir=out"};
    assert_int_equal(settings_load(&settings, NULL, overrides, 3, &error), STATUS_OK);
    assert_string_equal(settings.train_file, "t.h5");
    assert_true(settings.learning_rate == 5e-5);
    settings_free(&settings);
    assert_int_equal(settings_load(&settings, NULL, overrides, 1, &error), STATUS_INPUT);
    assert_names(error.message, NAMES("the command line: train_file: required key is missing",
                                      "the command line: output_dir: required key is missing"));
}

static void test_names_the_nearest_key(void **state) {
    (void)state;
    assert_string_equal(settings_nearest("learning_rte"), "learning_rate");
    assert_string_equal(settings_nearest("lr_scheduler"), "lr_scheduler_type"); /* as much of it as a name has */
    assert_null(settings_nearest("lr"));
    assert_null(settings_nearest("colour"));
}

static void test_resumes_where_it_is_told(void **state) {
    (void)state;
    static const struct {
        const char *value, *expected;
    } cases[] = {{"false", NULL},
                 {"true", "auto"},
                 {"\"auto\"", "auto"},
                 {"\"False\"", NULL},
                 {"\"true\"", "auto"},
                 {"\"./true\"", "./true"},
                 {"\"out/checkpoint-7\"", "out/checkpoint-7"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s, \"resume_from_checkpoint\": %s}", REQUIRED, cases[i].value);
        Settings settings = load_good(text);
        if (cases[i].expected)
            assert_string_equal(settings.resume_from_checkpoint, cases[i].expected);
        else
            assert_null(settings.resume_from_checkpoint);
        settings_free(&settings);
    }
    EXPECT_REFUSAL(REQUIRED ",\n\"resume_from_checkpoint\": 7}", NULL,
                   "FILE:2: resume_from_checkpoint: ", "true, false, \"auto\" or a folder", "got 7");
}

static void test_expands_the_home_folder(void **state) {
    (void)state;
    assert_int_equal(setenv("HOME", "/home/ann", 1), 0);
    Settings settings =
        load_good("{\"model_name_or_path\": \"~/gpt2\", \"train_file\": \"~\", \"output_dir\": \"~x/a~\"}");
    assert_string_equal(settings.model_name_or_path, "/home/ann/gpt2");
    assert_string_equal(settings.train_file, "/home/ann");
    assert_string_equal(settings.output_dir, "~x/a~");
    settings_free(&settings);
}

static void test_refuses_unknown_and_repeated_keys(void **state) {
    (void)state;
    EXPECT_REFUSAL(REQUIRED ",\n\n\"learning_rat\": 1}", NULL,
                   "FILE:3: ", "unknown key learning_rat:", "mean learning_rate?");
    EXPECT_REFUSAL(REQUIRED ",\n\"disable_tqmd\": true}", NULL,
                   "FILE:2: ", "unknown key disable_tqmd:", "mean disable_tqdm?");
    EXPECT_REFUSAL(REQUIRED ",\n\"colour\": 1}", NULL, "FILE:2: ", "unknown key colour:", "linnet train --settings");
    Settings settings;
    Error error;
    assert_int_equal(LOAD(&settings, REQUIRED ",\n\"seed\": 1,\n\"seed\": 1}", &error, NULL), STATUS_INPUT);
    assert_non_null(strstr(error.message, "run.json:3"));
    assert_non_null(strstr(error.message, "seed"));
}

/** Every mistake of a file in one line, each with its own line number; those without room are counted. */
static void test_tells_all_mistakes_at_once(void **state) {
    (void)state;
    EXPECT_REFUSAL(REQUIRED ",\n\"learning_rat\": 1,\n\"colour\": 1,\n\"seed\": -1,\n\"fp16\": true}", "bf16=7",
                   "FILE:2: unknown key learning_rat: did you mean learning_rate?; ",
                   "; FILE:3: unknown key colour: ", "; FILE:4: seed: ", "; --set bf16=7: bf16: ", "; FILE:5: fp16: ");
    char text[8192] = REQUIRED;
    for (int i = 0; i < 200; i++) snprintf(text + strlen(text), sizeof text - strlen(text), ",\n\"zzzzzzzz%d\": 1", i);
    strcat(text, "}");
    EXPECT_REFUSAL(text, NULL, "FILE:2: unknown key zzzzzzzz0: ", "FILE:3: unknown key zzzzzzzz1: ", "; and 1",
                   " more");
}

static void test_refuses_what_is_not_an_object(void **state) {
    (void)state;
    EXPECT_REFUSAL("[1]", NULL, "FILE: ", "one JSON object");
    Settings settings;
    Error error;
    assert_int_equal(LOAD(&settings, "{\n\"seed\": }", &error, NULL), STATUS_INPUT);
    assert_non_null(strstr(error.message, "run.json:2"));
    error = (Error){0};
    assert_int_equal(settings_load(&settings, "/nonexistent.json", NULL, 0, &error), STATUS_INPUT);
    assert_non_null(strstr(error.message, "/nonexistent.json"));
    EXPECT_REFUSAL("", NULL, "FILE: an empty file; expected a configuration in JSON");
    EXPECT_REFUSAL("PK\003\004....training_args/data.pkl", NULL, "FILE: a PyTorch file", "torch.load('FILE'",
                   "to_json_string()");
}

/** What stands in comments is not read; the lines of errors count them. */
static void test_reads_a_file_with_comments(void **state) {
    (void)state;
    Settings settings;
    Error error;
    assert_int_equal(LOAD(&settings,
                          "// \"seed\": 1,\n" REQUIRED ", /* \"seed\": 2,\n */ \"seed\": 3, // \"seed\": 4\n"
                          "\"output_dir\": \"a//b\"}",
                          &error, NULL),
                     STATUS_INPUT);
    assert_non_null(strstr(error.message, "run.json:4: the key \"output_dir\""));
    error = (Error){0};
    assert_int_equal(
        LOAD(&settings, "// \"seed\": 1,\n" REQUIRED ", /* \"seed\": 2,\n */ \"seed\": 3 // }\n}", &error, NULL),
        STATUS_OK);
    assert_int_equal(settings.seed, 3);
    settings_free(&settings);
    EXPECT_REFUSAL("\n/*", NULL, "FILE:2: the comment has no end: expected */");
}

static void test_refuses_missing_keys(void **state) {
    (void)state;
    EXPECT_REFUSAL("{}", NULL, "FILE: model_name_or_path: ", "missing", "GPT-2 folder");
    EXPECT_REFUSAL("{\"model_name_or_path\": \"a\", \"train_file\": \"b\"}", NULL, "FILE: output_dir: ", "missing",
                   "folder for the model");
}

/** The message names file, line, key, what the key accepts, and the value. */
static void test_refuses_wrong_types_and_ranges(void **state) {
    (void)state;
    static const struct {
        const char *key, *value, *accepts[3];
    } cases[] = {
        {"train_file", "7", {"path"}},
        {"eval_file", "\"\"", {"path"}},
        {"num_train_epochs", "\"3\"", {"number", "0", "1000000000"}},
        {"num_train_epochs", "0", {"above 0", "1000000000"}},
        {"max_steps", "-2", {"integer", "-1"}},
        {"max_steps", "1.5", {"integer", "-1"}},
        {"per_device_train_batch_size", "0", {"integer", "1", "2147483647"}},
        {"per_device_train_batch_size", "2147483648", {"integer", "1", "2147483647"}},
        {"per_device_eval_batch_size", "-1", {"integer", "1", "2147483647"}},
        {"gradient_accumulation_steps", "0", {"integer", "1", "2147483647"}},
        {"learning_rate", "-1", {"number", "at least 0"}},
        {"lr_scheduler_type", "\"greedy\"", {"linear, cosine, cosine_with_restarts", "warmup_stable_decay"}},
        {"warmup_steps", "-0.5", {"number", "at least 0"}},
        {"weight_decay", "-1", {"number", "at least 0"}},
        {"adam_beta1", "1", {"at least 0", "below 1"}},
        {"adam_beta2", "1", {"at least 0", "below 1"}},
        {"adam_epsilon", "-1", {"number", "at least 0"}},
        {"max_grad_norm", "-1", {"number", "at least 0"}},
        {"label_smoothing_factor", "1.5", {"number", "0", "1"}},
        {"seed", "-1", {"integer", "0", "4294967295"}},
        {"max_steps", "1e+20", {"integer", "-1", "9007199254740992"}},
        {"logging_steps", "0", {"fraction", "integer"}},
        {"logging_steps", "1.5", {"fraction", "integer"}},
        {"eval_steps", "2.5", {"fraction", "integer"}},
        {"save_steps", "0", {"fraction", "integer"}},
        {"eval_strategy", "\"best\"", {"no, steps or epoch"}},
        {"eval_strategy", "false", {"no, steps or epoch"}},
        {"save_strategy", "\"Steps\"", {"no, steps, epoch or best"}},
        {"save_total_limit", "-1", {"integer", "0", "2147483647"}},
        {"load_best_model_at_end", "1", {"true or false"}},
        {"metric_for_best_model", "\"eval_runtime\"", {"loss, accuracy, f1, "}},
        {"greater_is_better", "\"yes\"", {"true or false"}},
        {"early_stopping_patience", "-1", {"integer", "0", "2147483647"}},
        {"bf16", "[true]", {"true or false"}},
        {"pooling", "\"mean\"", {"last_token or padded_end"}},
        {"global_batch_size", "0", {"integer", "1", "2147483647"}},
        {"reduction_units", "65537", {"integer", "1", "65536"}},
        {"dropout", "1", {"at least 0", "below 1"}},
        {"dropout", "-1", {"at least 0", "below 1"}},
        {"threads_per_rank", "0", {"integer", "1", "4096"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const *accepts = cases[i].accepts;
        char text[512], place[96], got[96];
        bool required = strcmp(cases[i].key, "train_file") == 0;
        const char *before = required ? "{\"model_name_or_path\": \"gpt2\"" : REQUIRED;
        snprintf(text, sizeof text, "%s,\n\"%s\": %s}", before, cases[i].key, cases[i].value);
        snprintf(place, sizeof place, "FILE:2: %s: ", cases[i].key);
        snprintf(got, sizeof got, "got %s", cases[i].value);
        EXPECT_REFUSAL(text, NULL, place, got, accepts[0], accepts[1], accepts[2]);
    }
    EXPECT_REFUSAL(REQUIRED ",\n\"learning_rate\": 1e999}", NULL, "FILE:2: learning_rate: ", "1.797693134862316e+308",
                   "float64");
    EXPECT_REFUSAL(REQUIRED ",\n\"dropout\": 1e999}", NULL, "FILE:2: dropout: ", "below 1", "float64");
}

static void test_refuses_what_linnet_cannot_do(void **state) {
    (void)state;
    EXPECT_REFUSAL(REQUIRED ",\n\"fp16\": true}", NULL, "FILE:2: fp16: ", "false or null", "got true", "bf16");
    EXPECT_REFUSAL(REQUIRED "}", "optim=adafactor", "--set optim=adafactor: optim: ", "\"adamw_torch\"",
                   "\"adafactor\"", "AdamW");
    EXPECT_REFUSAL(REQUIRED ",\n\"neftune_noise_alpha\": 5}", NULL, "FILE:2: neftune_noise_alpha: ", "null", "got 5");
    EXPECT_REFUSAL(REQUIRED ",\n\"data_seed\": 7}", NULL, "FILE:2: data_seed: ", "null", "seed");
    Settings settings =
        load_good(REQUIRED ", \"fp16\": false, \"optim\": \"adamw_torch\", \"seed\": 7, \"data_seed\": 7,\n"
                           "\"report_to\": [], \"logging_strategy\": \"steps\", \"fsdp\": \"\"}");
    settings_free(&settings);
}

/** A key is in one table only, and one that has another name now leads to a setting. */
static void test_keys_are_unique(void **state) {
    (void)state;
    for (size_t i = 0; i < KEYS_COUNT; i++) {
        assert_int_equal(settings_find_key(settings_key(i)), i);
        bool flag;
        assert_true(settings_find(settings_key(i), &flag));
    }
    for (size_t i = 0; i < FOREIGN_COUNT; i++)
        if (FOREIGN_ROWS[i].kind == FOREIGN_RENAMED)
            assert_true(settings_find_key(FOREIGN_ROWS[i].text) < SETTINGS_COUNT);
}

static void test_names_poolings_as_the_table_does(void **state) {
    (void)state;
    for (int pooling = POOLING_LAST_TOKEN; pooling <= POOLING_PADDED_END; pooling++) {
        char text[256];
        snprintf(text, sizeof text, "%s, \"pooling\": \"%s\"}", REQUIRED, pooling_name((Pooling)pooling));
        Settings settings = load_good(text);
        assert_int_equal(settings.pooling, pooling);
        settings_free(&settings);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SETTINGS_TEST(test_has_trainers_defaults),
        SETTINGS_TEST(test_reads_every_type),
        SETTINGS_TEST(test_takes_null_as_the_default),
        SETTINGS_TEST(test_overrides_the_file),
        SETTINGS_TEST(test_refuses_bad_overrides),
        SETTINGS_TEST(test_reads_values_as_trainers_scripts),
        SETTINGS_TEST(test_needs_no_file),
        SETTINGS_TEST(test_names_the_nearest_key),
        SETTINGS_TEST(test_resumes_where_it_is_told),
        SETTINGS_TEST(test_expands_the_home_folder),
        SETTINGS_TEST(test_refuses_unknown_and_repeated_keys),
        SETTINGS_TEST(test_tells_all_mistakes_at_once),
        SETTINGS_TEST(test_refuses_what_is_not_an_object),
        SETTINGS_TEST(test_reads_a_file_with_comments),
        SETTINGS_TEST(test_refuses_missing_keys),
        SETTINGS_TEST(test_refuses_wrong_types_and_ranges),
        SETTINGS_TEST(test_refuses_what_linnet_cannot_do),
        SETTINGS_TEST(test_keys_are_unique),
        SETTINGS_TEST(test_names_poolings_as_the_table_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
