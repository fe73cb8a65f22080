/* config.json: what is read, refused, kept and written. */
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/model/model_config.h"
#include "unit/model_files.h"

#define PATH in_folder("config.json")

/** What the published GPT-2 holds, in the form of its time: no labels, n_ctx, a task's parameters. */
static const char HUB[] =
    "{\n  \"activation_function\": \"gelu_new\",\n  \"architectures\": [\n    \"GPT2LMHeadModel\"\n  ],\n"
    "  \"attn_pdrop\": 0.1,\n  \"bos_token_id\": 50256,\n  \"embd_pdrop\": 0.1,\n  \"eos_token_id\": 50256,\n"
    "  \"initializer_range\": 0.02,\n  \"layer_norm_epsilon\": 1e-05,\n  \"model_type\": \"gpt2\",\n"
    "  \"n_ctx\": 1024,\n  \"n_embd\": 768,\n  \"n_head\": 12,\n  \"n_layer\": 12,\n  \"n_positions\": 1024,\n"
    "  \"resid_pdrop\": 0.1,\n  \"summary_activation\": null,\n  \"summary_first_dropout\": 0.1,\n"
    "  \"summary_proj_to_labels\": true,\n  \"summary_type\": \"cls_index\",\n  \"summary_use_proj\": true,\n"
    "  \"task_specific_params\": {\n    \"text-generation\": {\n      \"do_sample\": true,\n"
    "      \"max_length\": 50\n    }\n  },\n  \"vocab_size\": 50257\n}\n";

/** The smaller ones of that time name one label, which no classifier has. */
static const char HUB_ONE_LABEL[] =
    "{\"_num_labels\": 1, \"activation_function\": \"gelu_new\", \"id2label\": {\"0\": \"LABEL_0\"},"
    " \"label2id\": {\"LABEL_0\": 0}, \"model_type\": \"gpt2\", \"n_ctx\": 512, \"n_layer\": 6,"
    " \"torch_dtype\": \"float16\", \"output_past\": true, \"pruned_heads\": {}, \"finetuning_task\": null}";

static ModelConfig load(const char *text) {
    ModelConfig config;
    Error error = {0};
    write_text(PATH, text);
    model_config_load(&config, PATH, &error);
    assert_fine(&error);
    return config;
}

static void refuse(const char *text, const char *what) {
    ModelConfig config;
    Error error = {0};
    write_text(PATH, text);
    model_config_load(&config, PATH, &error);
    assert_refused(&error, what);
    assert_names(error.message, NAMES(PATH));
}

static void test_hub_file(void **state) {
    (void)state;
    ModelConfig config = load(HUB);
    assert_int_equal(config.vocabulary, 50257);
    assert_int_equal(config.positions, 1024);
    assert_int_equal(config.width, 768);
    assert_int_equal(config.layers, 12);
    assert_int_equal(config.heads, 12);
    assert_int_equal(config.inner, 3072);
    assert_int_equal(config.labels, 2);
    assert_string_equal(config.label_names[1], "LABEL_1");
    assert_true(config.epsilon == 1e-5 && config.initializer_range == 0.02);
    assert_true(config.embedding_dropout == 0.1 && config.attention_dropout == 0.1 && config.residual_dropout == 0.1);
    assert_int_equal(config.pad_token, -1);
    assert_int_equal(config.end_of_text, 50256);
    assert_true(config.scale_weights);
    assert_false(config.scale_by_inverse_layer || config.pooling_saved);
    assert_int_equal(config.pooling, POOLING_LAST_TOKEN);
    model_config_free(&config);
    config = load(HUB_ONE_LABEL);
    assert_int_equal(config.positions, 512);
    assert_int_equal(config.layers, 6);
    assert_int_equal(config.labels, 1);
    model_config_free(&config);
}

static void test_reads_every_field(void **state) {
    (void)state;
    ModelConfig config = load(
        "{\"vocab_size\": 300, \"n_positions\": 32, \"n_ctx\": 8, \"n_embd\": 24, \"n_layer\": 2, \"n_head\": 3,"
        " \"n_inner\": 50, \"layer_norm_epsilon\": 1e-6, \"embd_pdrop\": 0, \"attn_pdrop\": 0.25, \"resid_pdrop\": 0.5,"
        " \"initializer_range\": 0.1, \"pad_token_id\": 7, \"eos_token_id\": [9, 8], \"scale_attn_weights\": false,"
        " \"scale_attn_by_inverse_layer_idx\": true, \"activation_function\": \"gelu_pytorch_tanh\","
        " \"id2label\": {\"2\": \"good\", \"0\": \"bad\", \"1\": \"\"}, \"linnet\": {\"pooling\": \"padded_end\"}}");
    assert_int_equal(config.vocabulary, 300);
    assert_int_equal(config.positions, 32);
    assert_int_equal(config.inner, 50);
    assert_true(config.epsilon == 1e-6 && config.initializer_range == 0.1);
    assert_true(config.embedding_dropout == 0 && config.attention_dropout == 0.25 && config.residual_dropout == 0.5);
    assert_int_equal(config.pad_token, 7);
    assert_int_equal(config.end_of_text, 9);
    assert_false(config.scale_weights);
    assert_true(config.scale_by_inverse_layer && config.pooling_saved);
    assert_int_equal(config.pooling, POOLING_PADDED_END);
    assert_int_equal(config.labels, 3);
    assert_string_equal(config.label_names[0], "bad");
    assert_string_equal(config.label_names[2], "good");
    model_config_free(&config);
}

static void test_reads_other_spellings(void **state) {
    (void)state;
    ModelConfig config = load("{\"max_position_embeddings\": 16, \"hidden_size\": 8, \"num_hidden_layers\": 1,"
                              " \"num_attention_heads\": 2, \"num_labels\": 4, \"vocab_size\": 100, \"n_inner\": null,"
                              " \"pad_token_id\": -1, \"id2label\": null}");
    assert_int_equal(config.positions, 16);
    assert_int_equal(config.width, 8);
    assert_int_equal(config.inner, 32);
    assert_int_equal(config.layers, 1);
    assert_int_equal(config.heads, 2);
    assert_int_equal(config.labels, 4);
    assert_string_equal(config.label_names[3], "LABEL_3");
    assert_int_equal(config.pad_token, -1);
    assert_int_equal(config.end_of_text, -1); /* the default, 50256, is outside this vocabulary */
    model_config_free(&config);
}

/** What a head is for, as Transformers decides it, and which data fit. */
static void test_reads_the_problem(void **state) {
    (void)state;
    static const struct {
        const char *text;
        Problem problem;
        bool single, multi, regression; /* fit */
    } cases[] = {
        {"{\"problem_type\": \"single_label_classification\"}", PROBLEM_SINGLE_LABEL, true, false, false},
        {"{\"problem_type\": \"multi_label_classification\"}", PROBLEM_MULTI_LABEL, false, true, false},
        {"{\"problem_type\": \"regression\"}", PROBLEM_REGRESSION, false, false, true},
        {"{\"problem_type\": \"regression\", \"num_labels\": 1}", PROBLEM_REGRESSION, false, false, true},
        {"{\"num_labels\": 1}", PROBLEM_REGRESSION, false, false, true},
        {"{\"problem_type\": null, \"num_labels\": 3}", PROBLEM_SINGLE_LABEL, true, true, true},
        {"{}", PROBLEM_SINGLE_LABEL, true, true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ModelConfig config = load(cases[i].text);
        assert_int_equal(config.problem, cases[i].problem);
        assert_int_equal(model_config_fits(&config, PROBLEM_SINGLE_LABEL), cases[i].single);
        assert_int_equal(model_config_fits(&config, PROBLEM_MULTI_LABEL), cases[i].multi);
        assert_int_equal(model_config_fits(&config, PROBLEM_REGRESSION), cases[i].regression);
        model_config_free(&config);
    }
}

/** One label serves regression, but no classifier. */
static void test_takes_one_target(void **state) {
    (void)state;
    static const char *const names[] = {"score"};
    Error error = {0};
    ModelConfig config = load("{\"problem_type\": \"regression\"}");
    assert_int_equal(model_config_set_labels(&config, names, 1, &error), STATUS_OK);
    char *text = model_config_text(&config, "config.json", &error);
    assert_non_null(strstr(text, "\"regression\""));
    assert_non_null(strstr(text, "\"score\""));
    memory_free(text);
    config.problem = PROBLEM_SINGLE_LABEL;
    assert_int_equal(model_config_set_labels(&config, names, 1, &error), STATUS_INPUT);
    model_config_free(&config);
}

static void test_refuses_another_model(void **state) {
    (void)state;
    refuse("[]", "object");
    refuse("{", "end");
    refuse("{\"n_layer\": 1, \"n_layer\": 2}", "twice");
    refuse("{\"model_type\": \"bert\"}", "model_type");
    refuse("{\"model_type\": 2}", "model_type");
    refuse("{\"activation_function\": \"relu\"}", "activation_function");
    refuse("{\"activation_function\": \"gelu\"}", "activation_function");
    refuse("{\"add_cross_attention\": true}", "add_cross_attention");
    refuse("{\"problem_type\": \"ranking\"}", "problem_type");
    refuse("{\"linnet\": 1}", "linnet");
    refuse("{\"linnet\": {\"pooling\": \"mean\"}}", "mean");
    ModelConfig config;
    Error error = {0};
    model_config_load(&config, in_folder("absent.json"), &error);
    assert_refused(&error, "absent.json");
}

static void test_refuses_numbers(void **state) {
    (void)state;
    static const char *const sizes[] = {"vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "n_inner"};
    static const char *const values[] = {"0", "-1", "2147483648", "1.5", "\"12\"", "true"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof values / sizeof *values; j++) {
            char text[64];
            snprintf(text, sizeof text, "{\"%s\": %s}", sizes[i], values[j]);
            refuse(text, sizes[i]);
        }
    refuse("{\"n_embd\": 536870912, \"n_head\": 1}", "n_embd");
    refuse("{\"n_layer\": 1025}", "n_layer");
    refuse("{\"n_embd\": 100, \"n_head\": 3}", "multiple");
    refuse("{\"embd_pdrop\": 1}", "embd_pdrop");
    refuse("{\"attn_pdrop\": -0.1}", "attn_pdrop");
    refuse("{\"resid_pdrop\": \"0.1\"}", "resid_pdrop");
    refuse("{\"layer_norm_epsilon\": 0}", "layer_norm_epsilon");
    refuse("{\"initializer_range\": -0.02}", "initializer_range");
    refuse("{\"initializer_range\": 1e999}", "initializer_range");
    refuse("{\"scale_attn_weights\": 1}", "scale_attn_weights");
    refuse("{\"pad_token_id\": \"x\"}", "pad_token_id");
    refuse("{\"eos_token_id\": 1.5}", "eos_token_id");
}

static void test_refuses_labels(void **state) {
    (void)state;
    refuse("{\"id2label\": [\"a\", \"b\"]}", "id2label");
    refuse("{\"id2label\": {}}", "id2label");
    refuse("{\"id2label\": {\"0\": \"a\", \"2\": \"b\"}}", "\"2\"");
    refuse("{\"id2label\": {\"0\": \"a\", \"00\": \"b\"}}", "\"00\"");
    refuse("{\"id2label\": {\"0\": \"a\", \"-1\": \"b\"}}", "\"-1\"");
    refuse("{\"id2label\": {\"0\": \"a\", \"x\": \"b\"}}", "\"x\"");
    refuse("{\"id2label\": {\"0\": \"a\", \"1\": 1}}", "id2label");
    refuse("{\"id2label\": {\"0\": \"a\", \"1\": \"b\\u001b[2J\"}}", "control characters");
    refuse("{\"id2label\": {\"0\": \"a\", \"1\": \"a\"}}", "\"a\"");
    refuse("{\"num_labels\": 0}", "num_labels");
}

/** Save and read the JSON back. */
static cJSON *save(const ModelConfig *config) {
    Error error = {0};
    cJSON *tree = NULL;
    model_config_save(config, in_folder("saved.json"), &error);
    json_load(&tree, in_folder("saved.json"), &error);
    assert_fine(&error);
    return tree;
}

static const cJSON *member(const cJSON *tree, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(tree, key);
}

static void test_save_keeps_what_was_there(void **state) {
    (void)state;
    ModelConfig config = load(HUB);
    cJSON *tree = save(&config);
    assert_true(member(member(member(tree, "task_specific_params"), "text-generation"), "max_length")->valueint == 50);
    assert_true(cJSON_IsNull(member(tree, "summary_activation")));
    assert_int_equal(member(tree, "n_ctx")->valueint, 1024);
    assert_string_equal(member(tree, "architectures")->child->valuestring, "GPT2ForSequenceClassification");
    assert_null(member(tree, "architectures")->child->next);
    assert_string_equal(member(tree, "dtype")->valuestring, "float32");
    assert_null(member(tree, "torch_dtype"));
    assert_int_equal(member(tree, "pad_token_id")->valueint, 50256);
    assert_string_equal(member(member(tree, "id2label"), "1")->valuestring, "LABEL_1");
    assert_int_equal(member(member(tree, "label2id"), "LABEL_1")->valueint, 1);
    assert_string_equal(member(member(tree, "linnet"), "pooling")->valuestring, "last_token");
    cJSON_Delete(tree);
    model_config_free(&config);
}

static void test_save_writes_what_changed(void **state) {
    (void)state;
    static const char *const names[] = {"no", "maybe", "yes"};
    Error error = {0};
    ModelConfig config = load(HUB_ONE_LABEL);
    model_config_set_labels(&config, names, 3, &error);
    assert_fine(&error);
    config.pooling = POOLING_PADDED_END;
    config.attention_dropout = 0;
    cJSON *tree = save(&config);
    assert_string_equal(member(tree, "torch_dtype")->valuestring, "float32");
    assert_null(member(tree, "dtype"));
    assert_null(member(tree, "_num_labels"));
    assert_null(member(tree, "pad_token_id"));
    assert_int_equal(member(tree, "n_positions")->valueint, 512);
    assert_true(member(tree, "attn_pdrop")->valuedouble == 0);
    cJSON_Delete(tree);
    model_config_free(&config);
    ModelConfig again;
    model_config_load(&again, in_folder("saved.json"), &error);
    assert_fine(&error);
    assert_int_equal(again.labels, 3);
    assert_string_equal(again.label_names[2], "yes");
    assert_true(again.pooling == POOLING_PADDED_END && again.pooling_saved);
    model_config_free(&again);
}

/** Transformers 5 refuses an int where a float belongs. */
static void test_save_writes_floats_as_floats(void **state) {
    (void)state;
    ModelConfig config = load("{\"initializer_range\": 0.0, \"embd_pdrop\": 0.0, \"layer_norm_epsilon\": 1e-05}");
    Error error = {0};
    char *text = NULL;
    model_config_save(&config, PATH, &error);
    file_read(PATH, &text, NULL, &error);
    assert_fine(&error);
    assert_non_null(strstr(text, "\"initializer_range\": 0.0,"));
    assert_non_null(strstr(text, "\"embd_pdrop\": 0.0,"));
    assert_non_null(strstr(text, "\"layer_norm_epsilon\": 1e-05,"));
    memory_free(text);
    model_config_free(&config);
}

/** Fields that linnet does not know, numbers that a float64 cannot hold, order and layout. What is set is what Trainer
 *  of Transformers 5.24 sets when it trains and saves a classifier. */
static void test_save_keeps_bytes(void **state) {
    (void)state;
    static const char before[] =
        "{\n    \"zeta\": 1.0,\n    \"architectures\": [\"GPT2LMHeadModel\"],\n"
        "    \"model_type\": \"gpt2\", \"embd_pdrop\": 1e-1,\n    \"problem_type\": null,\n"
        "    \"id2label\": {\"0\": \"a\",   \"1\": \"\\u00e9\"}, \"num_labels\": 2,\n"
        "    \"a\": {\"n\": [12345678901234567890, 1.50, {}]},\n    \"torch_dtype\": \"float16\"\n}\n",
                      start[] =
                          "{\n    \"zeta\": 1.0,\n    \"architectures\": [\"GPT2ForSequenceClassification\"],\n"
                          "    \"model_type\": \"gpt2\", \"embd_pdrop\": 1e-1,\n"
                          "    \"problem_type\": \"single_label_classification\",\n"
                          "    \"id2label\": {\"0\": \"a\",   \"1\": \"\\u00e9\"},\n"
                          "    \"a\": {\"n\": [12345678901234567890, 1.50, {}]},\n    \"torch_dtype\": \"float32\",\n"
                          "    \"n_positions\": 1024,\n";
    ModelConfig config = load(before);
    Error error = {0};
    char *text = NULL;
    model_config_save(&config, in_folder("saved.json"), &error);
    file_read(in_folder("saved.json"), &text, NULL, &error);
    assert_fine(&error);
    assert_memory_equal(text, start, strlen(start));
    assert_non_null(strstr(text, ",\n    \"label2id\": {\n      \"a\": 0,\n      \"é\": 1\n    },\n"));
    memory_free(text);
    model_config_free(&config);
}

static void test_create(void **state) {
    (void)state;
    static const char *const names[] = {"negative", "neutral", "positive"};
    ModelConfig config;
    Error error = {0};
    model_config_create(&config, 258, 64, 48, 3, 4, PROBLEM_SINGLE_LABEL, names, 3, 257, &error);
    assert_fine(&error);
    assert_int_equal(config.inner, 192);
    assert_int_equal(config.pad_token, 257);
    assert_int_equal(config.end_of_text, 257);
    assert_string_equal(config.label_names[2], "positive");
    assert_true(config.residual_dropout == 0.1 && config.epsilon == 1e-5);
    cJSON *tree = save(&config);
    assert_string_equal(member(tree, "model_type")->valuestring, "gpt2");
    assert_int_equal(member(tree, "vocab_size")->valueint, 258);
    assert_int_equal(member(tree, "n_embd")->valueint, 48);
    cJSON_Delete(tree);
    /* Its own names given back to it: they must be copied before they are freed. */
    model_config_set_labels(&config, (const char *const *)config.label_names, 2, &error);
    assert_fine(&error);
    assert_int_equal(config.labels, 2);
    assert_string_equal(config.label_names[1], "neutral");
    model_config_free(&config);
}

static void test_create_refuses(void **state) {
    (void)state;
    static const char *const twins[] = {"a", "a"}, *const names[] = {"a", "b"};
    ModelConfig config;
    Error heads = {0}, one = {0}, same = {0};
    model_config_create(&config, 258, 64, 48, 3, 5, PROBLEM_SINGLE_LABEL, names, 2, 257, &heads);
    assert_refused(&heads, "multiple");
    model_config_create(&config, 258, 64, 48, 3, 4, PROBLEM_SINGLE_LABEL, names, 1, 257, &one);
    assert_refused(&one, "2 labels");
    model_config_create(&config, 258, 64, 48, 3, 4, PROBLEM_SINGLE_LABEL, twins, 2, 257, &same);
    assert_refused(&same, "\"a\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hub_file),
        cmocka_unit_test(test_reads_every_field),
        cmocka_unit_test(test_reads_other_spellings),
        cmocka_unit_test(test_refuses_another_model),
        cmocka_unit_test(test_reads_the_problem),
        cmocka_unit_test(test_takes_one_target),
        cmocka_unit_test(test_refuses_numbers),
        cmocka_unit_test(test_refuses_labels),
        cmocka_unit_test(test_save_keeps_what_was_there),
        cmocka_unit_test(test_save_writes_what_changed),
        cmocka_unit_test(test_save_writes_floats_as_floats),
        cmocka_unit_test(test_save_keeps_bytes),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_create_refuses),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
