/* Keys together: contradictions, defaults that depend on other keys, warnings, and the settings as text. */
#include "unit/settings_support.h"

static void test_refuses_contradictions(void **state) {
    (void)state;
    EXPECT_REFUSAL(REQUIRED ",\n\"gradient_accumulation_steps\": 1,\n\"global_batch_size\": 32}", NULL,
                   "FILE:3: global_batch_size: ", "gradient_accumulation_steps");
    EXPECT_REFUSAL(REQUIRED ",\n\"eval_strategy\": \"epoch\"}", NULL, "FILE:2: eval_strategy: ", "needs eval_file");
    EXPECT_REFUSAL(REQUIRED ",\n\"early_stopping_patience\": 3, \"metric_for_best_model\": \"f1\"}", NULL,
                   "FILE:2: early_stopping_patience: ", "eval_strategy \"steps\" or \"epoch\"");
    EXPECT_REFUSAL(EVALUATING ",\n\"early_stopping_patience\": 3}", NULL,
                   "FILE:2: early_stopping_patience: ", "metric_for_best_model");
    EXPECT_REFUSAL(REQUIRED ",\n\"load_best_model_at_end\": true}", NULL,
                   "FILE:2: load_best_model_at_end: ", "eval_strategy \"steps\" or \"epoch\"");
    EXPECT_REFUSAL(REQUIRED ",\n\"save_strategy\": \"best\", \"metric_for_best_model\": \"f1\"}", NULL,
                   "FILE:2: save_strategy: ", "eval_strategy \"steps\" or \"epoch\"");
    EXPECT_REFUSAL(EVALUATING ",\n\"save_strategy\": \"best\"}", NULL, "FILE:2: save_strategy: ", "\"best\"",
                   "metric_for_best_model");
    EXPECT_REFUSAL(EVALUATING ",\n\"load_best_model_at_end\": true, \"save_strategy\": \"epoch\"}", NULL,
                   "FILE:2: load_best_model_at_end: ", "eval_strategy", "save_strategy");
}

static void test_saves_the_best_only_where_it_evaluates(void **state) {
    (void)state;
    static const struct {
        double eval_steps, save_steps;
        bool accepted;
    } cases[] = {{100, 300, true},   {100, 250, false}, {200, 100, false}, {0.1, 0.3, true},
                 {0.1, 0.25, false}, {0.5, 100, true},  {0.3, 100, false}, {2, 0.5, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s,\n\"load_best_model_at_end\": true, \"eval_steps\": %g, \"save_steps\": %g}",
                 EVALUATING, cases[i].eval_steps, cases[i].save_steps);
        if (cases[i].accepted) {
            Settings settings = load_good(text);
            settings_free(&settings);
            continue;
        }
        char steps[2][16];
        snprintf(steps[0], sizeof steps[0], "%g", cases[i].eval_steps);
        snprintf(steps[1], sizeof steps[1], "%g", cases[i].save_steps);
        EXPECT_REFUSAL(text, NULL, "FILE:2: load_best_model_at_end: ", "eval_steps", "save_steps", steps[0], steps[1]);
    }
}

static void test_resolves_what_depends_on_other_keys(void **state) {
    (void)state;
    Settings settings = load_good(EVALUATING ", \"logging_steps\": 20, \"load_best_model_at_end\": true}");
    assert_true(settings.eval_steps == 20);
    assert_string_equal(settings.metric_for_best_model, "loss");
    assert_false(settings.greater_is_better);
    settings_free(&settings);

    settings =
        load_good(EVALUATING ", \"eval_steps\": 0, \"logging_steps\": 0.2, \"metric_for_best_model\": \"eval_f1\"}");
    assert_true(settings.eval_steps == 0.2);
    assert_string_equal(settings.metric_for_best_model, "f1");
    assert_true(settings.greater_is_better);
    settings_free(&settings);

    settings = load_good(EVALUATING ", \"metric_for_best_model\": \"accuracy\", \"greater_is_better\": false,\n"
                                    "\"save_strategy\": \"best\", \"load_best_model_at_end\": true}");
    assert_false(settings.greater_is_better);
    assert_int_equal(settings.save_strategy, STRATEGY_BEST);
    settings_free(&settings);
}

static void test_warns_of_what_has_no_effect(void **state) {
    (void)state;
    expect_warning(REQUIRED
                   ", \"log_level\": \"debug\", \"use_cpu\": true, \"hub_token\": null, \"report_to\": \"none\"}",
                   "no effect", ": log_level\n");
    expect_warning(REQUIRED ", \"torch_compile\": true}", "no effect", ": torch_compile\n");
    expect_warning(REQUIRED ", \"lr_scheduler_type\": \"constant\", \"warmup_steps\": 10}", "warmup_steps",
                   "constant_with_warmup");
    expect_warning(EVALUATING ", \"early_stopping_patience\": 2, \"metric_for_best_model\": \"f1\"}",
                   "early_stopping_patience", "load_best_model_at_end");
    expect_warning(REQUIRED ", \"lr_scheduler_type\": \"constant\", \"seed\": 7, \"data_seed\": 7}", NULL, NULL);
    expect_warning(EVALUATING ", \"lr_scheduler_type\": \"reduce_lr_on_plateau\", \"warmup_steps\": 10}",
                   "warmup_steps", "reduce_lr_on_plateau");
}

/** Trainer's and torch's defaults hold, also where they choose the worst: a warning says so. */
static void test_warns_of_directions_that_nobody_wants(void **state) {
    (void)state;
    expect_warning(EVALUATING ", \"metric_for_best_model\": \"ece\"}", "greater_is_better", "a smaller ece is better");
    expect_warning(EVALUATING ", \"metric_for_best_model\": \"ece\", \"greater_is_better\": false}", NULL, NULL);
    expect_warning(EVALUATING ", \"metric_for_best_model\": \"mcc\", \"lr_scheduler_type\": \"reduce_lr_on_plateau\"}",
                   "mode is \"min\"", "mcc, is better where it is larger");
    expect_warning(EVALUATING ", \"metric_for_best_model\": \"mcc\", \"lr_scheduler_type\": \"reduce_lr_on_plateau\",\n"
                              "\"lr_scheduler_kwargs\": {\"mode\": \"max\"}}",
                   NULL, NULL);
}

#define NAMED REQUIRED ", \"eval_file\": {\"a\": \"a.h5\", \"a_f1\": \"b.h5\"}, \"eval_strategy\": \"steps\""

/** A metric of a file that has a name; of two names that fit the longer one counts. */
static void test_metric_of_a_named_file(void **state) {
    (void)state;
    static const struct {
        const char *given, *file, *metric;
        bool greater;
    } cases[] = {{"eval_a_loss", "a", "loss", false},
                 {"a_f1", "a", "f1", true},
                 {"a_f1_loss", "a_f1", "loss", false},
                 {"a_f1_f1_neutral", "a_f1", "f1_neutral", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, NAMED ", \"metric_for_best_model\": \"%s\"}", cases[i].given);
        Settings settings = load_good(text);
        const char *metric = settings.metric_for_best_model;
        const NamedFile *file = named_files_of_metric(&settings.eval_file, &metric);
        assert_non_null(file);
        assert_string_equal(file->name, cases[i].file);
        assert_string_equal(metric, cases[i].metric);
        assert_int_equal(settings.greater_is_better, cases[i].greater);
        settings_free(&settings);
    }
    EXPECT_REFUSAL(NAMED ",\n\"metric_for_best_model\": \"b_loss\"}", NULL,
                   "FILE:2: metric_for_best_model: ", "several files");
    EXPECT_REFUSAL(REQUIRED "}", "eval_file={\"a\": \"x\", \"a\": \"y\"}", "eval_file: ", "\"a\"", "twice");
}

/** Two Settings are the same when their texts are: settings_text() writes every key. */
static void expect_round_trip(const char *text) {
    Error error = {0};
    Settings settings = load_good(text), again;
    char *resolved = settings_text(&settings, &error);
    assert_non_null(resolved);
    if (settings_parse(&again, resolved, "resolved", &error)) fail_msg("%s", error.message);
    char *second = settings_text(&again, &error);
    assert_string_equal(second, resolved);
    assert_true(again.learning_rate == settings.learning_rate && again.logging_steps == settings.logging_steps);
    assert_int_equal(again.global_batch_size, settings.global_batch_size);
    assert_int_equal(again.greater_is_better, settings.greater_is_better);
    memory_free(second);
    memory_free(resolved);
    settings_free(&again);
    settings_free(&settings);
}

static void test_resolved_text_gives_the_same_settings_back(void **state) {
    (void)state;
    expect_round_trip(REQUIRED "}");
    /* 0.1 + 0.2 needs 17 digits, and is near enough to 0.3 for cJSON to write that */
    expect_round_trip(REQUIRED ", \"learning_rate\": 0.30000000000000004, \"logging_steps\": 0.1, \"dropout\": 0,\n"
                               "\"global_batch_size\": 32, \"resume_from_checkpoint\": true, \"seed\": 4294967295}");
    expect_round_trip(EVALUATING ", \"metric_for_best_model\": \"accuracy\", \"load_best_model_at_end\": true}");
    expect_round_trip(NAMED ", \"metric_for_best_model\": \"a_ece\", \"save_only_model\": true}");
    expect_round_trip(EVALUATING
                      ", \"lr_scheduler_type\": \"reduce_lr_on_plateau\", \"lr_scheduler_kwargs\": {\"factor\": 0.5}}");
    expect_round_trip("{\"model_name_or_path\": \"a \\\"b\\\" \\\\ ü\", \"train_file\": \"t\", \"output_dir\": \"o\"}");
}

static void test_resolved_text_has_every_key(void **state) {
    (void)state;
    Error error = {0};
    Settings settings = load_good(REQUIRED ", \"learning_rate\": 0.30000000000000004}");
    char *text = settings_text(&settings, &error);
    assert_non_null(text);
    assert_non_null(strstr(
        text,
        "{\n  \"model_name_or_path\": \"gpt2\",\n  \"ignore_mismatched_sizes\": false,\n  \"train_file\": \"train.h5\",\n  \"eval_file\": "
        "null,\n"));
    assert_non_null(strstr(text, "  \"learning_rate\": 0.30000000000000004,\n"));
    assert_non_null(strstr(text, "  \"adam_epsilon\": 1e-08,\n"));
    assert_non_null(strstr(text, "  \"lr_scheduler_type\": \"linear\",\n"));
    assert_non_null(strstr(text, "  \"dropout\": null,\n"));
    assert_non_null(strstr(text, "  \"threads_per_rank\": null,\n  \"rank_timeout\": 5\n}\n"));
    memory_free(text);
    settings_free(&settings);
}

static void test_parse_refuses_what_load_refuses(void **state) {
    (void)state;
    Settings settings;
    Error error = {0};
    assert_int_equal(settings_parse(&settings, REQUIRED ",\n\"sed\": 1}", "rank 0's settings", &error), STATUS_INPUT);
    assert_names(error.message, NAMES("rank 0's settings:2: ", "unknown key sed"));
    assert_null(settings.train_file);
}

/** docs/reference/settings.md is what `linnet train --settings` prints. */
static void test_page_is_up_to_date(void **state) {
    (void)state;
    Error error = {0};
    char *page = settings_markdown(&error), *file = NULL;
    assert_non_null(page);
    assert_int_equal(file_read("docs/reference/settings.md", &file, NULL, &error), STATUS_OK);
    assert_true(strcmp(page, file) == 0); /* if not: make docs */
    memory_free(file);
    memory_free(page);
}

static void note_change(void *context, const SettingChange *change) {
    char *text = context;
    snprintf(text + strlen(text), 400 - strlen(text), "%s %s -> %s%s; ", change->key, change->was, change->is,
             change->fixed ? " (fixed)" : "");
}

/** By value, in the order of the table; where a run reads and writes says nothing about it. */
static void test_changes_of_settings(void **state) {
    (void)state;
    char text[400] = "";
    Error error = {0};
    cJSON *before =
        cJSON_Parse("{\"train_file\": \"other.h5\", \"output_dir\": \"other\", \"learning_rate\": 5.0e-5,"
                    " \"seed\": 7, \"dropout\": null, \"max_steps\": 8, \"resume_from_checkpoint\": \"auto\","
                    " \"adam_epsilon\": 1.0000000000000002e-08, \"a key of another version\": 1}");
    Settings settings = load_good(REQUIRED ", \"dropout\": 0.5, \"freeze_layers\": 1, \"layerwise_lr_decay\": 0.5}");
    assert_int_equal(settings_compare(&settings, before, note_change, text, &error), STATUS_OK);
    assert_string_equal(text, "train_file \"other.h5\" -> \"train.h5\"; max_steps 8 -> -1; "
                              "adam_epsilon 1.0000000000000002e-08 -> 1e-08; seed 7 -> 42 (fixed); "
                              "freeze_layers 0 -> 1 (fixed); dropout null -> 0.5; ");
    text[0] = '\0';
    assert_int_equal(settings_compare(&settings, NULL, note_change, text, &error), STATUS_OK);
    assert_string_equal(text, "");
    cJSON_Delete(before);
    settings_free(&settings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SETTINGS_TEST(test_refuses_contradictions),
        SETTINGS_TEST(test_saves_the_best_only_where_it_evaluates),
        SETTINGS_TEST(test_resolves_what_depends_on_other_keys),
        SETTINGS_TEST(test_warns_of_what_has_no_effect),
        SETTINGS_TEST(test_warns_of_directions_that_nobody_wants),
        SETTINGS_TEST(test_metric_of_a_named_file),
        SETTINGS_TEST(test_resolved_text_gives_the_same_settings_back),
        SETTINGS_TEST(test_resolved_text_has_every_key),
        SETTINGS_TEST(test_parse_refuses_what_load_refuses),
        SETTINGS_TEST(test_page_is_up_to_date),
        SETTINGS_TEST(test_changes_of_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
