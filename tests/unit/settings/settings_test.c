/** One key at a time: values, defaults, overrides, and what is refused. */
#include "linnet/data/pooling.h"
#include "unit/settings_support.h"

static void has_trainers_defaults(void **state) {
    (void)state;
    Settings settings = load_good(REQUIRED "}");
    assert_string_equal(settings.model_name_or_path, "gpt2");
    assert_string_equal(settings.train_file, "train.h5");
    assert_string_equal(settings.output_dir, "out");
    assert_null(settings.eval_file);
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
    assert_true(settings.logging_steps == 500 && settings.eval_steps == 500 && settings.save_steps == 500);
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

static void reads_every_type(void **state) {
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

static void takes_null_as_the_default(void **state) {
    (void)state;
    Settings settings = load_good(REQUIRED ", \"learning_rate\": null, \"eval_strategy\": null, \"eval_file\": null,\n"
                                           "\"dropout\": null, \"optim\": null, \"data_seed\": null, \"fp16\": null}");
    assert_true(settings.learning_rate == 5e-5);
    assert_int_equal(settings.eval_strategy, STRATEGY_NO);
    assert_null(settings.eval_file);
    assert_true(settings.dropout == -1);
    settings_free(&settings);
    expect_refusal("{\"model_name_or_path\": \"gpt2\", \"train_file\": null, \"output_dir\": \"out\"}", NULL,
                   "FILE:1: train_file is missing: token file to train on, made by `linnet prepare`");
}

static void overrides_the_file(void **state) {
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

static void refuses_bad_overrides(void **state) {
    (void)state;
    expect_refusal(REQUIRED "}", "seed", "--set seed: must be key=value");
    expect_refusal(REQUIRED "}", "=1", "--set =1: must be key=value");
    expect_refusal(REQUIRED "}", "sed=1", "--set sed=1: unknown key sed: did you mean seed?");
    expect_refusal(REQUIRED "}", "seed=abc",
                   "--set seed=abc: seed must be a whole number, at least 0 and at most 4294967295, not \"abc\"");
    expect_refusal(REQUIRED "}", "bf16=True", "--set bf16=True: bf16 must be true or false, not \"True\"");
    expect_refusal(REQUIRED "}", "output_dir=", "--set output_dir=: output_dir must be a path, not \"\"");
}

static void resumes_where_it_is_told(void **state) {
    (void)state;
    static const struct {
        const char *value, *expected;
    } cases[] = {{"false", NULL}, {"true", "auto"}, {"\"auto\"", "auto"}, {"\"out/checkpoint-7\"", "out/checkpoint-7"}};
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
    expect_refusal(REQUIRED ",\n\"resume_from_checkpoint\": 7}", NULL,
                   "FILE:2: resume_from_checkpoint must be true, false, \"auto\" or a folder, not 7");
}

static void expands_the_home_folder(void **state) {
    (void)state;
    assert_int_equal(setenv("HOME", "/home/ann", 1), 0);
    Settings settings =
        load_good("{\"model_name_or_path\": \"~/gpt2\", \"train_file\": \"~\", \"output_dir\": \"~x/a~\"}");
    assert_string_equal(settings.model_name_or_path, "/home/ann/gpt2");
    assert_string_equal(settings.train_file, "/home/ann");
    assert_string_equal(settings.output_dir, "~x/a~");
    settings_free(&settings);
}

static void refuses_unknown_and_repeated_keys(void **state) {
    (void)state;
    expect_refusal(REQUIRED ",\n\n\"learning_rat\": 1}", NULL,
                   "FILE:3: unknown key learning_rat: did you mean learning_rate?");
    expect_refusal(REQUIRED ",\n\"disable_tqmd\": true}", NULL,
                   "FILE:2: unknown key disable_tqmd: did you mean disable_tqdm?");
    expect_refusal(REQUIRED ",\n\"colour\": 1}", NULL,
                   "FILE:2: unknown key colour: linnet train --settings lists the known ones");
    expect_refusal(REQUIRED ",\n\"evaluation_strategy\": \"no\"}", NULL,
                   "FILE:2: unknown key evaluation_strategy: Transformers 5 has eval_strategy");
    expect_refusal(REQUIRED ",\n\"warmup_ratio\": 0.1}", NULL,
                   "FILE:2: unknown key warmup_ratio: Transformers 5 has warmup_steps, which below 1 is a share of all "
                   "updates");
    Settings settings;
    Error error;
    assert_int_equal(LOAD(&settings, REQUIRED ",\n\"seed\": 1,\n\"seed\": 1}", &error, NULL), STATUS_INPUT);
    assert_non_null(strstr(error.message, "run.json:3"));
    assert_non_null(strstr(error.message, "seed"));
}

static void refuses_what_is_not_an_object(void **state) {
    (void)state;
    expect_refusal("[1]", NULL, "FILE: must hold one JSON object, {\"key\": value, …}");
    Settings settings;
    Error error;
    assert_int_equal(LOAD(&settings, "{\n\"seed\": }", &error, NULL), STATUS_INPUT);
    assert_non_null(strstr(error.message, "run.json:2"));
    error = (Error){0};
    assert_int_equal(settings_load(&settings, "/nonexistent.json", NULL, 0, &error), STATUS_INPUT);
    assert_non_null(strstr(error.message, "/nonexistent.json"));
}

static void refuses_missing_keys(void **state) {
    (void)state;
    expect_refusal("{}", NULL, "FILE: model_name_or_path is missing: a Hugging Face GPT-2 folder to start from");
    expect_refusal("{\"model_name_or_path\": \"a\", \"train_file\": \"b\"}", NULL,
                   "FILE: output_dir is missing: folder for the model, its checkpoints and the log");
}

/** A member on line 2 and the message about its value. */
static void refuses_wrong_types_and_ranges(void **state) {
    (void)state;
    static const struct {
        const char *member, *message;
    } cases[] = {
        {"\"train_file\": 7", "a path, not 7"},
        {"\"eval_file\": \"\"", "a path, not \"\""},
        {"\"num_train_epochs\": \"3\"", "a number, above 0 and at most 1000000000, not \"3\""},
        {"\"num_train_epochs\": 0", "a number, above 0 and at most 1000000000, not 0"},
        {"\"max_steps\": -2", "a whole number, at least -1, not -2"},
        {"\"max_steps\": 1.5", "a whole number, at least -1, not 1.5"},
        {"\"per_device_train_batch_size\": 0", "a whole number, at least 1 and at most 2147483647, not 0"},
        {"\"per_device_train_batch_size\": 2147483648",
         "a whole number, at least 1 and at most 2147483647, not 2147483648"},
        {"\"per_device_eval_batch_size\": -1", "a whole number, at least 1 and at most 2147483647, not -1"},
        {"\"gradient_accumulation_steps\": 0", "a whole number, at least 1 and at most 2147483647, not 0"},
        {"\"learning_rate\": -1", "a number, at least 0, not -1"},
        {"\"lr_scheduler_type\": \"polynomial\"",
         "linear, cosine, constant or constant_with_warmup, not \"polynomial\""},
        {"\"warmup_steps\": -0.5", "a number, at least 0, not -0.5"},
        {"\"weight_decay\": -1", "a number, at least 0, not -1"},
        {"\"adam_beta1\": 1", "a number, at least 0 and below 1, not 1"},
        {"\"adam_beta2\": 1", "a number, at least 0 and below 1, not 1"},
        {"\"adam_epsilon\": -1", "a number, at least 0, not -1"},
        {"\"max_grad_norm\": -1", "a number, at least 0, not -1"},
        {"\"label_smoothing_factor\": 1.5", "a number, at least 0 and at most 1, not 1.5"},
        {"\"seed\": -1", "a whole number, at least 0 and at most 4294967295, not -1"},
        {"\"max_steps\": 1e20", "a whole number, at least -1, and at most 9007199254740992, not 1e+20"},
        {"\"learning_rate\": 1e999", "a number, at least 0, and at most 1.797693134862316e+308, not so large a number"},
        {"\"dropout\": 1e999", "a number, at least 0 and below 1, not so large a number"},
        {"\"logging_steps\": 0", "a number, above 0, whole if above 1, not 0"},
        {"\"logging_steps\": 1.5", "a number, above 0, whole if above 1, not 1.5"},
        {"\"eval_steps\": 2.5", "a number, at least 0, whole if above 1, not 2.5"},
        {"\"save_steps\": 0", "a number, above 0, whole if above 1, not 0"},
        {"\"eval_strategy\": \"best\"", "no, steps or epoch, not \"best\""},
        {"\"eval_strategy\": false", "no, steps or epoch, not false"},
        {"\"save_strategy\": \"Steps\"", "no, steps, epoch or best, not \"Steps\""},
        {"\"save_total_limit\": -1", "a whole number, at least 0 and at most 2147483647, not -1"},
        {"\"load_best_model_at_end\": 1", "true or false, not 1"},
        {"\"metric_for_best_model\": \"eval_runtime\"", "loss, accuracy or f1, not \"eval_runtime\""},
        {"\"greater_is_better\": \"yes\"", "true or false, not \"yes\""},
        {"\"early_stopping_patience\": -1", "a whole number, at least 0 and at most 2147483647, not -1"},
        {"\"bf16\": [true]", "true or false, not [true]"},
        {"\"pooling\": \"mean\"", "last_token or padded_end, not \"mean\""},
        {"\"global_batch_size\": 0", "a whole number, at least 1 and at most 2147483647, not 0"},
        {"\"reduction_units\": 65537", "a whole number, at least 1 and at most 65536, not 65537"},
        {"\"dropout\": 1", "a number, at least 0 and below 1, not 1"},
        {"\"dropout\": -1", "a number, at least 0 and below 1, not -1"},
        {"\"threads_per_rank\": 0", "a whole number, at least 1 and at most 4096, not 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512], message[512], key[64] = "";
        sscanf(cases[i].member, "\"%63[^\"]", key);
        bool required = strcmp(key, "train_file") == 0;
        const char *before = required ? "{\"model_name_or_path\": \"gpt2\"" : REQUIRED;
        snprintf(text, sizeof text, "%s,\n%s}", before, cases[i].member);
        snprintf(message, sizeof message, "FILE:2: %s must be %s", key, cases[i].message);
        expect_refusal(text, NULL, message);
    }
}

static void refuses_what_linnet_cannot_do(void **state) {
    (void)state;
    expect_refusal(REQUIRED ",\n\"fp16\": true}", NULL,
                   "FILE:2: fp16 must be false or null, not true: the numbers are float32, or bfloat16 with bf16");
    expect_refusal(REQUIRED "}", "optim=adafactor",
                   "--set optim=adafactor: optim must be \"adamw_torch\", \"adamw_torch_fused\" or null, not "
                   "\"adafactor\": the optimizer is AdamW");
    expect_refusal(REQUIRED ",\n\"neftune_noise_alpha\": 5}", NULL,
                   "FILE:2: neftune_noise_alpha must be null, not 5: no noise is added to embeddings");
    expect_refusal(REQUIRED ",\n\"data_seed\": 7}", NULL,
                   "FILE:2: data_seed must be null or equal seed: the epochs' orders come from seed");
    Settings settings =
        load_good(REQUIRED ", \"fp16\": false, \"optim\": \"adamw_torch\", \"seed\": 7, \"data_seed\": 7,\n"
                           "\"report_to\": [], \"logging_strategy\": \"steps\", \"fsdp\": \"\"}");
    settings_free(&settings);
}

/** tests/unit/training_arguments.json is what TrainingArguments("out", use_cpu=True).to_json_string() of
 *  Transformers 5.24 gives: all of its keys, with their defaults. */
static void takes_a_whole_training_arguments(void **state) {
    (void)state;
    Error error = {0};
    char *text = NULL;
    Settings settings;
    assert_int_equal(file_read("tests/unit/training_arguments.json", &text, NULL, &error), STATUS_OK);
    if (LOAD(&settings, text, &error, "model_name_or_path=gpt2", "train_file=train.h5", NULL))
        fail_msg("%s", error.message);
    Settings defaults = load_good(REQUIRED "}");
    char *resolved = settings_text(&settings, &error), *expected = settings_text(&defaults, &error);
    assert_string_equal(resolved, expected);
    memory_free(expected);
    memory_free(resolved);
    settings_free(&defaults);
    settings_free(&settings);
    memory_free(text);
}

static void names_poolings_as_the_table_does(void **state) {
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
        SETTINGS_TEST(has_trainers_defaults),
        SETTINGS_TEST(reads_every_type),
        SETTINGS_TEST(takes_null_as_the_default),
        SETTINGS_TEST(overrides_the_file),
        SETTINGS_TEST(refuses_bad_overrides),
        SETTINGS_TEST(resumes_where_it_is_told),
        SETTINGS_TEST(expands_the_home_folder),
        SETTINGS_TEST(refuses_unknown_and_repeated_keys),
        SETTINGS_TEST(refuses_what_is_not_an_object),
        SETTINGS_TEST(refuses_missing_keys),
        SETTINGS_TEST(refuses_wrong_types_and_ranges),
        SETTINGS_TEST(refuses_what_linnet_cannot_do),
        SETTINGS_TEST(takes_a_whole_training_arguments),
        SETTINGS_TEST(names_poolings_as_the_table_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
