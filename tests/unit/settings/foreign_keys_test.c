/* Configurations of Trainer as they are: complete ones of several versions, keys with another name now, keys without
 * effect, keys of the example scripts. */
#include "unit/settings_support.h"

#define TRAINING ((const char *const[]){"model_name_or_path=gpt2", "train_file=train.h5", NULL})

/** Each tests/unit/training_arguments/VERSION.json is what TrainingArguments("out").to_json_string() of that version of
 *  Transformers gives on a machine without GPU (no_cuda or use_cpu True): all keys with their defaults. Read with two more
 *  keys, they are linnet's defaults. Nothing is said about them but what is not the default any more: the optimizer up to
 *  4.30, and the format of weights in 4.30. */
static void test_takes_complete_training_arguments(void **state) {
    (void)state;
    static const struct {
        const char *version, *said;
    } dumps[] = {{"4.20.1", "adamw_hf"}, {"4.30.2", ": save_safetensors\n"},
                 {"4.40.2", NULL},       {"4.46.3", NULL},
                 {"4.57.1", NULL},       {"5.24.0", NULL}};
    for (size_t i = 0; i < sizeof dumps / sizeof *dumps; i++) {
        char name[96], warnings[4096], *text = NULL;
        Error error = {0};
        Settings settings, defaults = load_good(REQUIRED "}");
        snprintf(name, sizeof name, "tests/unit/training_arguments/%s.json", dumps[i].version);
        assert_int_equal(file_read(name, &text, NULL, &error), STATUS_OK);
        if (load(&settings, text, TRAINING, &error)) fail_msg("%s: %s", name, error.message);
        char *resolved = settings_text(&settings, &error), *expected = settings_text(&defaults, &error);
        assert_string_equal(resolved, expected);
        capture_warnings(text, TRAINING, warnings, sizeof warnings);
        if (dumps[i].said ? !strstr(warnings, dumps[i].said) : *warnings) fail_msg("%s: %s", name, warnings);
        memory_free(expected);
        memory_free(resolved);
        settings_free(&defaults);
        settings_free(&settings);
        memory_free(text);
    }
}

/** Load a text with an override (may be NULL) and return one line of the resolved settings, good until the next call. */
static const char *resolved_line(const char *text, const char *override, const char *key) {
    static char line[128];
    Settings settings;
    Error error;
    if (LOAD(&settings, text, &error, override, NULL)) fail_msg("%s", error.message);
    char *resolved = settings_text(&settings, &error), quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\": ", key);
    const char *found = strstr(resolved, quoted);
    assert_non_null(found);
    snprintf(line, sizeof line, "%.*s", (int)strcspn(found, ",\n"), found);
    memory_free(resolved);
    settings_free(&settings);
    return line;
}

/** What TrainingArguments 4.46 and 4.57 make of the same keys: __post_init__() and train_batch_size let the old key
 *  count before the new one, get_warmup_steps() takes the ratio only where there are no steps. */
static void test_takes_over_renamed_keys(void **state) {
    (void)state;
    static const struct {
        const char *text, *override, *key, *expected;
    } cases[] = {
        {"\"evaluation_strategy\": \"epoch\", \"eval_file\": \"e\"", NULL, "eval_strategy",
         "\"eval_strategy\": \"epoch\""},
        {"\"evaluation_strategy\": \"no\", \"eval_strategy\": \"steps\", \"eval_file\": \"e\"", NULL, "eval_strategy",
         "\"eval_strategy\": \"steps\""},
        {"\"evaluation_strategy\": \"epoch\", \"eval_strategy\": \"no\", \"eval_file\": \"e\"", NULL, "eval_strategy",
         "\"eval_strategy\": \"epoch\""},
        {"\"evaluation_strategy\": \"epoch\"", "--eval_strategy=no", "eval_strategy", "\"eval_strategy\": \"no\""},
        {"\"eval_strategy\": \"epoch\"", "--evaluation_strategy=no", "eval_strategy", "\"eval_strategy\": \"no\""},
        {"\"per_gpu_train_batch_size\": 4, \"per_device_train_batch_size\": 8", NULL, "per_device_train_batch_size",
         "\"per_device_train_batch_size\": 4"},
        {"\"per_gpu_eval_batch_size\": null, \"per_device_eval_batch_size\": 2", NULL, "per_device_eval_batch_size",
         "\"per_device_eval_batch_size\": 2"},
        {"\"warmup_ratio\": 0.1, \"warmup_steps\": 0", NULL, "warmup_steps", "\"warmup_steps\": 0.1"},
        {"\"warmup_ratio\": 0.1, \"warmup_steps\": 20", NULL, "warmup_steps", "\"warmup_steps\": 20"},
        {"\"warmup_ratio\": 0.0, \"warmup_steps\": 20", NULL, "warmup_steps", "\"warmup_steps\": 20"},
        {"\"warmup_steps\": 20", "--warmup_ratio=0.2", "warmup_steps", "\"warmup_steps\": 0.2"},
        /* Trainer 4 clips only if max_grad_norm is not None. */
        {"\"max_grad_norm\": null", NULL, "max_grad_norm", "\"max_grad_norm\": 0"},
        {"\"max_grad_norm\": 2", "--max_grad_norm=None", "max_grad_norm", "\"max_grad_norm\": 0"},
        {"\"validation_file\": \"test.h5\"", NULL, "eval_file", "\"eval_file\": \"test.h5\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s, %s}", REQUIRED, cases[i].text);
        assert_string_equal(resolved_line(text, cases[i].override, cases[i].key), cases[i].expected);
    }
    expect_warning(REQUIRED ", \"warmup_ratio\": 0.1, \"validation_file\": \"test.h5\"}", "another name",
                   ": warmup_ratio as warmup_steps, validation_file as eval_file\n");
    EXPECT_REFUSAL(REQUIRED ",\n\"warmup_ratio\": 1.5}", NULL, "FILE:2: warmup_ratio: ", "fraction from 0 to below 1");
    EXPECT_REFUSAL(REQUIRED ",\n\"warmup_ratio\": \"0.1\"}", NULL, "FILE:2: warmup_ratio: ", "fraction");
    EXPECT_REFUSAL(REQUIRED ",\n\"evaluation_strategy\": \"sometimes\"}", NULL, "FILE:2: eval_strategy: ", "sometimes");
}

static void test_names_keys_without_effect_once(void **state) {
    (void)state;
    expect_warning(REQUIRED ", \"save_safetensors\": false, \"use_ipex\": true,\n"
                            "\"log_level\": \"info\", \"no_cuda\": true, \"run_name\": \"a\"}",
                   "no effect", ": log_level, run_name, save_safetensors, use_ipex\n");
    expect_warning(REQUIRED ", \"accelerator_config\": {\"even_batches\": true}, \"fsdp_config\": {\"xla\": false},\n"
                            "\"logging_dir\": \"out/runs/Nov30_00-00-00_node\", \"run_name\": \"out\", \"fsdp\": [],\n"
                            "\"half_precision_backend\": \"auto\", \"lr_scheduler_kwargs\": {}, \"do_train\": true}",
                   NULL, NULL);
}

/** As Trainer takes report_to: a name or a list of names; none and all stand alone. */
static void test_reports_to_what_it_has(void **state) {
    (void)state;
    static const struct {
        const char *text, *override;
        uint32_t expected;
    } cases[] = {
        {"\"report_to\": null", NULL, 0},
        {"\"report_to\": []", NULL, 0},
        {"\"report_to\": [\"none\"]", NULL, 0},
        {"\"report_to\": \"all\"", NULL, REPORT_TENSORBOARD | REPORT_CSV},
        {"\"report_to\": [\"all\"]", NULL, REPORT_TENSORBOARD | REPORT_CSV},
        {"\"report_to\": \"tensorboard\"", NULL, REPORT_TENSORBOARD},
        {"\"report_to\": [\"csv\"]", NULL, REPORT_CSV},
        {"\"report_to\": [\"csv\", \"wandb\", \"tensorboard\"]", NULL, REPORT_TENSORBOARD | REPORT_CSV},
        {"\"report_to\": \"all\"", "--report_to=csv", REPORT_CSV},
        {"\"seed\": 1", "report_to=[\"tensorboard\", \"csv\"]", REPORT_TENSORBOARD | REPORT_CSV},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        Settings settings;
        Error error;
        snprintf(text, sizeof text, "%s, %s}", REQUIRED, cases[i].text);
        if (LOAD(&settings, text, &error, cases[i].override, NULL)) fail_msg("%s", error.message);
        assert_int_equal(settings.report_to, cases[i].expected);
        char *resolved = settings_text(&settings, &error);
        settings_free(&settings);
        assert_int_equal(settings_parse(&settings, resolved, "resolved", &error), STATUS_OK);
        assert_int_equal(settings.report_to, cases[i].expected);
        settings_free(&settings);
        memory_free(resolved);
    }
    static const char *const refused[] = {
        "\"tensorbord\"", "[\"tensorboard\", \"all\"]",       "[\"none\", \"csv\"]", "[1]", "7", "true",
        "\"\"",           "{\"a\": \"csv\", \"b\": \"csv\"}", "{\"a\": \"csv\"}"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s,\n\"report_to\": %s}", REQUIRED, refused[i]);
        EXPECT_REFUSAL(text, NULL,
                       "FILE:2: report_to: expected none, all, tensorboard or csv, or a list of these, got ");
    }
    expect_warning(REQUIRED ", \"report_to\": [\"wandb\", \"tensorboard\", \"mlflow\"]}", "report_to",
                   "no effect: wandb, mlflow; linnet reports to tensorboard and csv\n");
    expect_warning(REQUIRED ", \"report_to\": [\"tensorboard\", \"csv\"]}", NULL, NULL);
}

/** A folder that Trainer 4 makes of output_dir and writes among its arguments is not the user's choice. */
static void test_logging_dir_is_the_users(void **state) {
    (void)state;
    static const struct {
        const char *given, *expected;
    } cases[] = {{"logs", "\"logging_dir\": \"logs\""},
                 {"out/runs/Nov30_00-00-00_node", "\"logging_dir\": null"},
                 {"runs/Nov30_00-00-00_node", "\"logging_dir\": null"},
                 {"out/runs/Nov30", "\"logging_dir\": \"out/runs/Nov30\""},
                 {"out/reruns/Nov30_00-00-00_node", "\"logging_dir\": \"out/reruns/Nov30_00-00-00_node\""},
                 {"Nov30_00-00-00_node", "\"logging_dir\": \"Nov30_00-00-00_node\""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s, \"logging_dir\": \"%s\"}", REQUIRED, cases[i].given);
        assert_string_equal(resolved_line(text, NULL, "logging_dir"), cases[i].expected);
    }
}

static void test_refuses_what_changes_the_result(void **state) {
    (void)state;
    EXPECT_REFUSAL(REQUIRED ",\n\"adafactor\": true}", NULL, "FILE:2: adafactor: ", "false or null", "AdamW");
    EXPECT_REFUSAL(REQUIRED ",\n\"group_by_length\": true}", NULL,
                   "FILE:2: group_by_length: ", "train_sampling_strategy");
    EXPECT_REFUSAL(REQUIRED ",\n\"accelerator_config\": {\"split_batches\": true}}", NULL,
                   "FILE:2: accelerator_config: ");
    EXPECT_REFUSAL(REQUIRED ",\n\"max_seq_length\": 128}", NULL, "FILE:2: max_seq_length: ", "--max-length");
    EXPECT_REFUSAL(REQUIRED ",\n\"text_column_names\": \"text\"}", NULL,
                   "FILE:2: text_column_names: ", "--text-column");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SETTINGS_TEST(test_takes_complete_training_arguments), SETTINGS_TEST(test_takes_over_renamed_keys),
        SETTINGS_TEST(test_names_keys_without_effect_once),    SETTINGS_TEST(test_reports_to_what_it_has),
        SETTINGS_TEST(test_logging_dir_is_the_users),          SETTINGS_TEST(test_refuses_what_changes_the_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
