/* model_card.h: the card of a small run, text by text; names that could break it; cards that others wrote. */
#include "linnet/core/memory.h"
#include "linnet/report/model_card.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/folder.h"

#define DIGEST "4198933833908dfac35bc26a7db2bcc71bce4b04cd7ed3d14ac61b2cb0aeb7c4"

/* A run whose output folder is NAME in the test's folder. */
typedef struct {
    char output[256], model[256];
    char *names[3];
    Settings settings;
    RunState state;
    ModelConfig config;
    DatasetInfo data;
    Metrics *metrics;
    Scores scores;
    CardEvaluation evaluation;
    ModelCard card;
} Run;

/* Truth 0 0 1 and predictions 0 1 1, each with the loss 0.5: two of three are right. */
static void make_run(Run *run, const char *name) {
    Error error = {0};
    *run = (Run){.names = {"bad", "good", "none"}};
    snprintf(run->output, sizeof run->output, "%s", in_folder(name));
    snprintf(run->model, sizeof run->model, "%s", in_folder("base"));
    assert_int_equal(file_make_folder(run->output, &error), STATUS_OK);
    run->settings = (Settings){.model_name_or_path = run->model, .output_dir = run->output, .num_train_epochs = 2.0};
    run->state = (RunState){.total = 20, .global_batch = 8, .units = 2};
    run->config =
        (ModelConfig){.labels = 3, .label_names = run->names, .layers = 12, .width = 768, .vocabulary = 50257};
    run->data =
        (DatasetInfo){.samples = 3, .tokens = 12, .longest = 5, .source_name = "t.csv", .source_digest = DIGEST};
    run->metrics = memory_allocate(1, sizeof *run->metrics, &error);
    assert_non_null(run->metrics);
    const float zero[] = {1.0F, 0.0F, 0.0F}, one[] = {0.0F, 1.0F, 0.0F};
    metrics_clear(run->metrics, 3);
    metrics_add(run->metrics, zero, 0, 0.5);
    metrics_add(run->metrics, one, 0, 0.5);
    metrics_add(run->metrics, one, 1, 0.5);
    run->scores = metrics_scores(run->metrics);
    run->evaluation = (CardEvaluation){"eval_", &run->data, run->metrics, &run->scores};
    run->card = (ModelCard){.settings = &run->settings,
                            .settings_text = "{\"learning_rate\": 2e-05, \"num_train_epochs\": 2, \"bf16\": true, "
                                             "\"pooling\": \"last_token\", \"dropout\": null}",
                            .state = &run->state,
                            .step = 15,
                            .config = &run->config,
                            .tokenizer = true,
                            .train = &run->data,
                            .evaluations = &run->evaluation,
                            .evaluation_count = 1,
                            .ranks = 2,
                            .nodes = 1,
                            .threads = 3,
                            .digest = "the digest"};
}

/* The card as a text, freed with memory_free(). */
static char *card_of(const Run *run) {
    Error error = {0};
    char path[300], *text = NULL;
    snprintf(path, sizeof path, "%s/README.md", run->output);
    assert_int_equal(file_read(path, &text, NULL, &error), STATUS_OK);
    return text;
}

static char *saved(Run *run) {
    Error error = {0};
    if (model_card_save(&run->card, &error)) fail_msg("%s", error.message);
    return card_of(run);
}

#define assert_has(text, part)                                                                                         \
    do {                                                                                                               \
        if (!strstr(text, part)) fail_msg("no \"%s\" in:\n%s", part, text);                                            \
    } while (0)

/** By hand: accuracy 2/3; F1 of bad 2·1/(2 + 1) and of good 2·1/(1 + 2), whose mean over the two labels that occur is
 *  2/3. Precision of good is 1/2, recall of bad 1/2. Wilson's intervals from their formula with z = 1.96: of 2/3
 *  (0.6667 + 0.6403 ± 0.8334) / 2.2805, of 1/2 (0.5 + 0.9604 ± 1.1843) / 2.9208, of 1/1 from 1 / (1 + z²). */
static void test_card_is_as_written(void **state) {
    (void)state;
    Run run;
    make_run(&run, "run");
    char *text = saved(&run);
    const char *front =
        "---\nlibrary_name: transformers\npipeline_tag: text-classification\ntags:\n- linnet\n- gpt2\n"
        "metrics:\n- accuracy\n- f1\n- precision\n- recall\n- matthews_correlation\n- roc_auc\nmodel-index:\n- name: \"run\"\n  results:\n  - task:\n"
        "      type: text-classification\n      name: Text Classification\n    dataset:\n"
        "      type: \"t.csv\"\n      name: \"t.csv\"\n      revision: \"" DIGEST "\"\n    metrics:\n"
        "    - type: accuracy\n      name: Accuracy\n      value: 0.666667\n"
        "    - type: f1\n      name: Macro F1\n      value: 0.666667\n      args:\n"
        "        average: macro\n    - type: precision\n      name: Macro Precision\n      value: 0.750000\n"
        "      args:\n        average: macro\n    - type: recall\n      name: Macro Recall\n"
        "      value: 0.750000\n      args:\n        average: macro\n"
        "    - type: matthews_correlation\n      name: Matthews Correlation\n      value: 0.500000\n"
        "    - type: loss\n      name: Loss\n      value: 0.500000\n---\n\n";
    assert_memory_equal(text, front, strlen(front));
    assert_has(text, "\n" MODEL_CARD_MARK " ");
    assert_has(text, "\n# run\n\nA GPT-2 text classifier: **base** fine-tuned on t.csv. It gives a text one of 3");
    assert_has(text, "model=\"run\", truncation=True)\n");
    assert_has(text, "\nlinnet predict --model run 'what");
    assert_has(text, "| accuracy | 0.6667 [0.21, 0.94] |\n");
    assert_has(text, "| 0 | bad | 1.0000 [0.21, 1.00] | 0.5000 [0.09, 0.91] | 0.6667 [");
    assert_has(text, "] | 2 |\n| 1 | good | 0.5000 [0.09, 0.91] | 1.0000 [0.21, 1.00] | 0.6667 [");
    assert_has(text, "] | 1 |\n| 2 | none | 0.0000 [0.00, 1.00] | 0.0000 [0.00, 1.00] | 0.0000 [0.00, 1.00] | 0 |\n");
    assert_has(text, "| training | t.csv | 3 | 12 | 5 | `" DIGEST "` |\n| evaluation | t.csv |");
    assert_has(text, "| num_train_epochs | 2 |\n| global_batch_size | 8 |\n| learning_rate | 2e-05 |\n"
                     "| pooling | last_token |\n| bf16 | true |\n| reduction_units | 2 |\n");
    assert_has(text, "update 15 of 20");
    assert_has(text, "2 ranks with 3 threads each, on 1 host\n");
    assert_has(text, "model.safetensors: `the digest`\n");
    assert_null(strstr(text, "/tmp/"));
    memory_free(text);
    memory_free(run.metrics);
}

static void test_class_weights_are_told(void **state) {
    (void)state;
    static const double weights[3] = {0.75, 1.5, 2.0 / 3};
    Run run;
    make_run(&run, "weighted");
    run.settings.class_weights = "\"balanced\"";
    run.card.class_weights = run.metrics->class_weights = weights;
    char *text = saved(&run);
    assert_has(text, "name: Loss with class weights\n");
    assert_has(text, "| loss with class weights | 0.5000 |\n");
    assert_has(text,
               "| id | label | class weight | precision | recall | F1 | support |\n|---|---|---|---|---|---|---|\n");
    assert_has(text, "| 0 | bad | 0.75 | 1.0000 [0.21, 1.00] |");
    assert_has(text, "| 2 | none | 0.666667 | 0.0000");
    assert_has(text, "counts in the loss, balanced by the training data.\n");
    memory_free(text);
    run.settings.class_weights = "[0.75,1.5,1]";
    run.card.evaluation_count = 0;
    text = saved(&run);
    assert_has(text, "| id | label | class weight |\n|---|---|---|\n| 0 | bad | 0.75 |\n");
    assert_has(text, "counts in the loss.\n");
    memory_free(text);
    memory_free(run.metrics);
}

/** A loss that is not a number is no value of YAML's that the hub takes. */
static void test_loss_that_is_not_finite_is_left_out(void **state) {
    (void)state;
    Run run;
    make_run(&run, "nan");
    const float one[] = {0.0F, 1.0F, 0.0F};
    metrics_add(run.metrics, one, 0, (double)NAN);
    run.scores = metrics_scores(run.metrics);
    char *text = saved(&run);
    assert_has(text, "value: 0.500000\n"); /* accuracy */
    assert_null(strstr(text, "type: loss"));
    assert_null(strstr(text, "value: nan"));
    memory_free(text);
    memory_free(run.metrics);
}

static void test_frozen_parts_are_told(void **state) {
    (void)state;
    Run run;
    make_run(&run, "frozen");
    run.state.parameters = 1000;
    run.state.trainable = 1000;
    char *text = saved(&run);
    assert_null(strstr(text, "were trained"));
    memory_free(text);
    run.state.trainable = 12;
    run.card.settings_text = "{\"freeze_layers\": 11, \"freeze_embeddings\": true, \"layerwise_lr_decay\": 0.5}";
    text = saved(&run);
    assert_has(text, "| layerwise_lr_decay | 0.5 |\n| freeze_layers | 11 |\n| freeze_embeddings | true |\n");
    assert_has(text, "12 of the model's 1000 parameters were trained; the others are the base model's.\n");
    memory_free(text);
    memory_free(run.metrics);
}

static void test_without_evaluation(void **state) {
    (void)state;
    Run run;
    make_run(&run, "plain");
    run.card.evaluation_count = 0;
    char *text = saved(&run);
    assert_null(strstr(text, "model-index"));
    assert_null(strstr(text, "| evaluation |"));
    assert_has(text, "\nIt was not evaluated.\n");
    assert_has(text, "| id | label |\n|---|---|\n| 0 | bad |\n");
    memory_free(text);
    memory_free(run.metrics);
}

/** In YAML and Python a string in JSON's escapes, in Markdown characters behind a backslash, in a shell one word. */
static void test_names_cannot_break_the_card(void **state) {
    (void)state;
    Run run;
    make_run(&run, "a 'b' \"c\"\n---\xff");
    run.names[0] = "|`<b>\n";
    char *text = saved(&run);
    assert_has(text, "- name: \"a 'b' \\\"c\\\"\\n---\\ufffd\"\n");
    assert_has(text, "model=\"a 'b' \\\"c\\\"\\n---\\ufffd\", ");
    assert_has(text, "--model 'a '\\''b'\\'' \"c\"\\n---\\xff' 'what");
    assert_has(text, "| 0 | \\|\\`\\<b\\>\\\\n | 1.0000");
    memory_free(text);
    memory_free(run.metrics);
}

/** YAML excludes U+FFFE and U+FFFF, but not their escapes (YAML 1.2, production 1). */
static void test_characters_that_yaml_excludes(void **state) {
    (void)state;
    Run run;
    make_run(&run, "run");
    snprintf(run.data.source_name, sizeof run.data.source_name, "\xef\xbf\xbe\xef\xbf\xbf\x7f\xc2\x85.csv");
    char *text = saved(&run);
    assert_has(text, "name: \"\\ufffe\\uffff\\u007f\\u0085.csv\"\n");
    memory_free(text);
    memory_free(run.metrics);
}

/* The line of the front matter that names the base model, "" without one. */
static void base_of(Run *run, const char *model, char line[128]) {
    snprintf(run->model, sizeof run->model, "%s", model);
    char *text = saved(run), *found = strstr(text, "base_model: ");
    snprintf(line, 128, "%.*s", found ? (int)strcspn(found, "\n") : 0, found ? found : "");
    memory_free(text);
}

static void test_base_model_by_its_name_on_the_hub(void **state) {
    (void)state;
    Run run;
    Error error = {0};
    char line[128];
    const char *caches[][2] = {{"models--some--gpt2-x/snapshots/1a2b", "base_model: \"some/gpt2-x\""},
                               {"models--gpt2/snapshots/1a2b", "base_model: \"gpt2\""},
                               {"models--a b--c/snapshots/1a2b", ""},
                               {"models--/snapshots/1a2b", ""}};
    make_run(&run, "run");
    for (size_t i = 0; i < sizeof caches / sizeof *caches; i++) {
        assert_int_equal(file_make_folder(in_folder(caches[i][0]), &error), STATUS_OK);
        base_of(&run, in_folder(caches[i][0]), line);
        assert_string_equal(line, caches[i][1]);
    }
    base_of(&run, "elsewhere/gpt2", line);
    assert_string_equal(line, "base_model: \"openai-community/gpt2\"");
    base_of(&run, "elsewhere/gpt2-medium", line); /* has 24 layers */
    assert_string_equal(line, "");
    base_of(&run, "elsewhere/mine", line);
    assert_string_equal(line, "");
    memory_free(run.metrics);
}

/** More than 50 evaluations: each third of 101, and the last. */
static void test_evaluations_are_thinned_out(void **state) {
    (void)state;
    Run run;
    make_run(&run, "long");
    cJSON *history = cJSON_CreateArray();
    for (int i = 1; i <= 101; i++) {
        cJSON *event = cJSON_CreateObject();
        cJSON_AddNumberToObject(event, "step", i);
        cJSON_AddNumberToObject(event, "eval_loss", 0.25);
        cJSON_AddItemToArray(history, event);
    }
    run.card.history = history;
    char *text = saved(&run);
    int rows = 0;
    for (const char *row = text; (row = strstr(row, " | - | - | 0.2500 | - | - | - | - |\n")); row++) rows++;
    assert_int_equal(rows, 34);
    assert_has(text, "\n| 3 | - |");
    assert_has(text, "\n| 101 | - |");
    assert_has(text, "Of 101 evaluations one in 3 is shown, and the last one.\n");
    memory_free(text);
    cJSON_Delete(history);
    memory_free(run.metrics);
}

static void test_own_card_is_replaced_and_removed(void **state) {
    (void)state;
    Run run;
    Error error = {0};
    make_run(&run, "again");
    memory_free(saved(&run));
    run.card.digest = "another digest";
    char *text = saved(&run);
    assert_has(text, "`another digest`");
    memory_free(text);
    assert_int_equal(model_card_remove(run.output, &error), STATUS_OK);
    assert_false(file_is_in(run.output, "README.md"));
    assert_int_equal(model_card_remove(run.output, &error), STATUS_OK);
    memory_free(run.metrics);
}

/** Also one that quotes the mark in the middle of a line. */
static void test_card_of_others_is_kept(void **state) {
    (void)state;
    Run run;
    Error error = {0};
    static const char *const theirs[] = {"", "# gpt2\n", "see " MODEL_CARD_MARK "\n"};
    make_run(&run, "theirs");
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s/README.md", run.output);
        assert_int_equal(file_replace(path, theirs[i], strlen(theirs[i]), &error), STATUS_OK);
        assert_int_equal(model_card_remove(run.output, &error), STATUS_OK);
        char *text = saved(&run);
        assert_string_equal(text, theirs[i]);
        memory_free(text);
    }
    memory_free(run.metrics);
}

static void test_failure_names_the_file(void **state) {
    (void)state;
    Run run;
    Error error = {0};
    make_run(&run, "blocked");
    char path[300];
    snprintf(path, sizeof path, "%s/README.md", run.output);
    assert_int_equal(file_make_folder(path, &error), STATUS_OK);
    assert_int_equal(model_card_save(&run.card, &error), STATUS_INPUT);
    assert_has(error.message, path);
    memory_free(run.metrics);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_card_is_as_written),
        cmocka_unit_test(test_class_weights_are_told),
        cmocka_unit_test(test_loss_that_is_not_finite_is_left_out),
        cmocka_unit_test(test_frozen_parts_are_told),
        cmocka_unit_test(test_without_evaluation),
        cmocka_unit_test(test_names_cannot_break_the_card),
        cmocka_unit_test(test_characters_that_yaml_excludes),
        cmocka_unit_test(test_base_model_by_its_name_on_the_hub),
        cmocka_unit_test(test_evaluations_are_thinned_out),
        cmocka_unit_test(test_own_card_is_replaced_and_removed),
        cmocka_unit_test(test_card_of_others_is_kept),
        cmocka_unit_test(test_failure_names_the_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
