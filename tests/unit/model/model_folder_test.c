/* Model folders: tensors, shards and dtypes, refused folders, new models and saving. */
#include "linnet/model/model_new.h"
#include "unit/small_model.h"
#include <math.h>
#include <sys/stat.h>

static void test_opens_a_classifier(void **state) {
    (void)state;
    const char *model = save_model("classifier", complete_model());
    assert_model(model, true);
    assert_model(model, true); /* what was written into the tables has not reached the file */
}

/** A language model as the hub has them: no prefix, no head, masks and the output layer among the tensors. */
static void test_opens_a_language_model(void **state) {
    (void)state;
    Tensors *tensors = complete_model();
    tensors->count--;
    for (size_t i = 0; i < tensors->count; i++) tensors->sources[i].name += strlen("transformer.");
    add(tensors, "lm_head.weight", 2, VOCABULARY, WIDTH);
    add(tensors, "h.0.attn.bias", 2, POSITIONS, POSITIONS);
    add(tensors, "h.0.attn.masked_bias", 0, 0, 0);
    assert_model(save_model("language", tensors), false);
}

static void test_opens_with_unknown_tensors(void **state) {
    (void)state;
    Tensors *tensors = complete_model();
    add(tensors, "transformer.h.0.crossattention.c_attn.bias", 1, 3, 0);
    assert_model(save_model("unknown", tensors), true);
}

static void test_refuses_tensors(void **state) {
    (void)state;
    for (size_t i = 0; i + 1 < complete_model()->count; i++) {
        Tensors *tensors = complete_model();
        snprintf(tensors->names[i], sizeof tensors->names[i], "other");
        refuse(save_model("missing", tensors), "missing");
    }
    for (size_t i = 0; i < complete_model()->count; i++) {
        Tensors *tensors = complete_model();
        tensors->sources[i].shape[0]++;
        refuse(save_model("shape", tensors), "config.json");
    }
    Tensors *tensors = complete_model();
    tensors->sources[2].dimensions = 2;
    tensors->sources[2].shape[1] = 1;
    refuse(save_model("dimensions", tensors), "[4, 1]");
    tensors = complete_model();
    add(tensors, "ln_f.bias", 1, WIDTH, 0);
    refuse(save_model("both", tensors), "both");
}

static void test_refuses_folders(void **state) {
    (void)state;
    refuse(in_folder("absent"), "not a folder");
    refuse(new_folder("empty", CONFIG), "model.safetensors.index.json");
    refuse(new_folder("other", "{\"model_type\": \"bert\"}"), "model_type");
    write_text(in_folder("other/config.json"), CONFIG);
    write_text(in_folder("other/model.safetensors"), "no tensors in here");
    refuse(in_folder("other"), "safetensors");
    write_text(in_folder("classifier/config.json"), "{\"n_embd\": 4, \"n_head\": 2, \"n_layer\": 1, \"n_inner\": 5,"
                                                    "\"vocab_size\": 11, \"n_positions\": 6, \"num_labels\": 2}");
    refuse(in_folder("classifier"), "score.weight");
}

/** It is one for regression, unless the configuration says otherwise. */
static void test_refuses_a_classifier_of_one_label(void **state) {
    (void)state;
    Tensors *tensors = complete_model();
    tensors->sources[tensors->count - 1].shape[0] = 1;
    const char *model = save_model("regression", tensors);
    write_text(in_folder("regression/config.json"), "{\"n_embd\": 4, \"n_head\": 2, \"n_layer\": 1, \"n_inner\": 5,"
                                                    "\"vocab_size\": 11, \"n_positions\": 6, \"num_labels\": 1}");
    ModelFolder *opened = NULL;
    Error error = {0};
    assert_int_equal(model_folder_open(&opened, model, HEAD_FITTING, &error), STATUS_OK);
    assert_true(model_folder_has_head(opened));
    assert_int_equal(model_folder_config(opened)->problem, PROBLEM_REGRESSION);
    model_folder_close(opened);
    write_text(in_folder("regression/config.json"),
               "{\"n_embd\": 4, \"n_head\": 2, \"n_layer\": 1, \"n_inner\": 5, \"vocab_size\": 11, \"n_positions\": 6,"
               "\"num_labels\": 1, \"problem_type\": \"single_label_classification\"}");
    refuse(model, "label");
}

/** Write complete_model() with every tensor in a narrow dtype, by hand. `shift` moves the data by a few bytes. */
static const char *save_narrow(const char *name, const char *dtype, int shift) {
    Tensors *tensors = complete_model();
    char header[4096] = "{", path[256];
    static unsigned char data[4096];
    size_t used = 1, place = 0;
    for (size_t n = 0; n < tensors->count; n++) {
        const TensorSource *source = &tensors->sources[n];
        const float *values = source->values;
        const size_t count = (size_t)source->shape[0] * (size_t)(source->dimensions == 2 ? source->shape[1] : 1);
        const bool two = source->dimensions == 2;
        char columns[24] = "";
        if (two) snprintf(columns, sizeof columns, ",%d", (int)source->shape[1]);
        used +=
            (size_t)snprintf(header + used, sizeof header - used,
                             "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%d%s],\"data_offsets\":[%zu,%zu]}", n ? "," : "",
                             source->name, dtype, (int)source->shape[0], columns, place, place + 2 * count);
        for (size_t i = 0; i < count; i++, place += 2) {
            uint32_t bits;
            memcpy(&bits, &values[i], sizeof bits);
            /* All values but 0 are normal in both types: half's exponent is float32's less 112. */
            uint32_t narrow = bits >> 16;
            if (strcmp(dtype, "F16") == 0)
                narrow = values[i] == 0 ? 0 : (bits >> 16 & 0x8000) | ((bits >> 13 & 0x3ffff) - (112u << 10));
            data[place] = (unsigned char)narrow;
            data[place + 1] = (unsigned char)(narrow >> 8);
        }
    }
    snprintf(header + used, sizeof header - used, "}%*s", shift, "");
    const char *model = new_folder(name, CONFIG);
    snprintf(path, sizeof path, "%s/model.safetensors", model);
    write_tensors(path, header, data, place);
    return model;
}

static void test_converts(void **state) {
    (void)state;
    assert_model(save_narrow("half", "F16", 0), true);
    assert_model(save_narrow("half", "F16", 1), true);
    assert_model(save_narrow("brain", "BF16", 0), true);
    refuse(save_narrow("integer", "I16", 0), "has dtype I16, expected F32, F16, BF16 or F64");
}

/** complete_model() in a file whose header has an odd length, and so its float32 at odd addresses. */
static const char *save_at_odd_address(const char *name) {
    const char *model = save_model(name, complete_model());
    char *text, path[256];
    size_t size;
    Error error = {0};
    snprintf(path, sizeof path, "%s/model.safetensors", model);
    file_read(path, &text, &size, &error);
    assert_fine(&error);
    unsigned char *longer = malloc(size + 1);
    assert_non_null(longer);
    const size_t header = (size_t)(unsigned char)text[0] + ((size_t)(unsigned char)text[1] << 8);
    memcpy(longer, text, 8 + header);
    longer[0]++; /* no carry: the header is padded to a multiple of 64 less 8 */
    longer[8 + header] = ' ';
    memcpy(longer + 9 + header, text + 8 + header, size - 8 - header);
    write_bytes(path, longer, size + 1);
    free(longer);
    memory_free(text);
    return model;
}

static void test_copies_a_table_at_an_odd_address(void **state) {
    (void)state;
    assert_model(save_at_odd_address("odd"), true);
}

/** Use a model in place: whether that was possible, and if so all values must be those of complete_model(). */
static bool use_in_place(const char *model, Error *error) {
    ModelFolder *opened = open_fine(model);
    ParameterLayout layout = small_layout();
    Parameters parameters = {0};
    bool in_place = false;
    model_folder_use_in_place(opened, &layout, true, &parameters, &in_place, error);
    assert_int_equal(parameters.dense != NULL, in_place);
    for (size_t i = 0; in_place && !error->status && i < layout.tensors; i++)
        assert_values(parameters.dense + layout.tensor[i].offset, layout.tensor[i].count, i + 2);
    ParameterLayout before = small_layout();
    for (size_t i = 0; !in_place && i < layout.tensors; i++)
        assert_int_equal(layout.tensor[i].offset, before.tensor[i].offset);
    parameters_layout_free(&before);
    parameters_layout_free(&layout);
    model_folder_close(opened);
    return in_place;
}

/** Read all values of a model whose tensor number n (see complete_model()) has `bad` at two places. */
static void read_bad(size_t n, float bad, Error *error) {
    Tensors *tensors = complete_model();
    float values[128];
    memcpy(values, tensors->sources[n].values, sizeof values);
    values[2] = bad;
    values[3] = -bad;
    tensors->sources[n].values = values;
    ModelFolder *opened = open_fine(save_model("bad", tensors));
    ParameterLayout layout = small_layout();
    Parameters parameters = {.dense = memory_allocate(layout.dense, sizeof(float), error)};
    /* With parts, each rank of three checks a third, and the one that finds the tensor counts in all of it. */
    if (!model_folder_embeddings(opened, &parameters, error))
        for (int part = 0; part < 3 && !error->status; part++)
            model_folder_check_embeddings(opened, &parameters, part, 3, error);
    if (!error->status) model_folder_read(opened, &layout, 0, layout.tensors, parameters.dense, error);
    memory_free(parameters.dense);
    parameters_layout_free(&layout);
    model_folder_close(opened);
}

static void test_refuses_values_that_are_not_finite(void **state) {
    (void)state;
    for (size_t n = 0; n < 2 * complete_model()->count; n++) {
        Error error = {0};
        char name[64];
        snprintf(name, sizeof name, "tensor %s: 2 of its ", complete_model()->names[n / 2]);
        read_bad(n / 2, n % 2 ? NAN : -INFINITY, &error);
        assert_refused(&error, name);
        assert_non_null(strstr(error.message, n % 2 ? "first at index 2 (nan)" : "first at index 2 (infinity)"));
    }
}

/** The tensors in two files and their index, which places `swap_name` (may be NULL) in swap_file. */
static const char *save_sharded(const char *name, const char *swap_name, const char *swap_file) {
    Tensors *tensors = complete_model();
    const char *model = new_folder(name, CONFIG);
    char index[4096], path[256];
    size_t used = (size_t)snprintf(index, sizeof index, "{\"metadata\":{\"total_size\":1},\"weight_map\":{");
    save_as(model, "model-00001-of-00002.safetensors", tensors->sources, 5);
    save_as(model, "model-00002-of-00002.safetensors", tensors->sources + 5, tensors->count - 5);
    for (size_t i = 0; i < tensors->count; i++) {
        const char *file = i < 5 ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors";
        const bool swap = swap_name && strcmp(tensors->names[i], swap_name) == 0;
        used += (size_t)snprintf(index + used, sizeof index - used, "%s\"%s\":\"%s\"", i ? "," : "", tensors->names[i],
                                 swap ? swap_file : file);
    }
    snprintf(index + used, sizeof index - used, "}}");
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", model);
    write_text(path, index);
    return model;
}

static void test_shards(void **state) {
    (void)state;
    static const char one[] = "transformer.wte.weight";
    assert_model(save_sharded("shards", NULL, NULL), true);
    refuse(save_sharded("slash", one, "../shards/model-00001-of-00002.safetensors"), "weight_map");
    refuse(save_sharded("slash", one, "/etc/passwd"), "weight_map");
    refuse(save_sharded("slash", one, ".."), "weight_map");
    refuse(save_sharded("slash", one, ""), "weight_map");
    refuse(save_sharded("absent-shard", one, "model-00003-of-00002.safetensors"), "model-00003-of-00002.safetensors");
    refuse(save_sharded("wrong-shard", one, "model-00002-of-00002.safetensors"), "model-00002-of-00002.safetensors");
    const char *model = save_sharded("twice", NULL, NULL);
    save_as(model, "model-00002-of-00002.safetensors", complete_model()->sources, complete_model()->count);
    assert_model(model, true); /* the same bytes twice */
    Tensors *tensors = complete_model();
    tensors->sources[0].values = tensors->sources[1].values;
    save_as(model, "model-00002-of-00002.safetensors", tensors->sources, tensors->count);
    refuse(model, "holds both tensor transformer.wte.weight");
    remove(in_folder("twice/model-00001-of-00002.safetensors"));
    refuse(model, "model-00001-of-00002.safetensors, which has tensor");
    static const char *const broken[] = {"{}", "{\"weight_map\":[]}", "{\"weight_map\":{}}"};
    for (size_t i = 0; i < 3; i++) {
        write_text(in_folder("twice/model.safetensors.index.json"), broken[i]);
        refuse(model, "weight_map");
    }
    write_text(in_folder("twice/model.safetensors.index.json"), "{\"weight_map\":{\"a\":1}}");
    refuse(model, "weight_map");
    write_text(in_folder("twice/model.safetensors.index.json"), "{\"weight_map\":{\"a\":\"b\",\"a\":\"b\"}}");
    refuse(model, "twice");
}

/** Tensors in any order; not such as must be converted or moved, or lie in several files, or a folder without head. */
static void test_uses_tensors_in_place(void **state) {
    (void)state;
    Error error = {0};
    assert_true(use_in_place(save_model("in-order", complete_model()), &error));
    Tensors *tensors = complete_model();
    for (size_t i = 0, j = tensors->count - 1; i < j; i++, j--) {
        const TensorSource source = tensors->sources[i];
        tensors->sources[i] = tensors->sources[j];
        tensors->sources[j] = source;
    }
    assert_true(use_in_place(save_model("reversed", tensors), &error));
    assert_false(use_in_place(save_narrow("narrow", "BF16", 0), &error));
    assert_false(use_in_place(save_at_odd_address("odd-in-place"), &error));
    assert_false(use_in_place(save_sharded("shards-in-place", NULL, NULL), &error));
    tensors = complete_model();
    tensors->count--;
    assert_false(use_in_place(save_model("no-head", tensors), &error));
    assert_fine(&error);
    for (size_t n = 2; n < complete_model()->count; n++) {
        float values[128];
        char name[64];
        tensors = complete_model();
        memcpy(values, tensors->sources[n].values, sizeof values);
        values[1] = NAN;
        tensors->sources[n].values = values;
        snprintf(name, sizeof name, "tensor %s: 1 of its ", tensors->names[n]);
        error = (Error){0};
        use_in_place(save_model("nan-in-place", tensors), &error);
        assert_refused(&error, name);
    }
}

/** A head for other labels than the folder's is left as it is. */
static void test_read_leaves_another_head(void **state) {
    (void)state;
    write_text(in_folder("classifier/config.json"), CONFIG);
    ModelFolder *opened = open_fine(in_folder("classifier"));
    ModelConfig config = *model_folder_config(opened);
    ParameterLayout layout;
    Error error = {0};
    config.labels = 7;
    parameters_layout(&layout, &config, &error);
    assert_fine(&error);
    float *dense = memory_allocate(layout.dense, sizeof *dense, &error);
    const size_t score = parameters_score(&layout);
    model_folder_read(opened, &layout, 0, layout.tensors, dense, &error);
    assert_fine(&error);
    for (size_t i = 0; i < layout.tensor[score].count; i++) assert_true(dense[layout.tensor[score].offset + i] == 0);
    assert_values(dense + layout.tensor[0].offset, layout.tensor[0].count, 2);
    memory_free(dense);
    parameters_layout_free(&layout);
    model_folder_close(opened);
}

/** Mean and deviation of n draws must be those of N(0, σ²): the mean strays by σ/√n, the deviation by σ/√(2n), and
 *  five times that is met by one seed in a million. */
static void assert_normal(const float *values, size_t n, double deviation) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)values[i];
        squares += (double)values[i] * (double)values[i];
    }
    const double stray = 5 * deviation / sqrt((double)n);
    assert_true(fabs(sum / (double)n) < stray);
    assert_true(fabs(sqrt(squares / (double)n) - deviation) < stray);
}

static Parameters allocate(const ParameterLayout *layout) {
    Error error = {0};
    const Parameters parameters = {.dense = memory_allocate(layout->dense, sizeof(float), &error),
                                   .token = memory_allocate(layout->token.count, sizeof(float), &error),
                                   .position = memory_allocate(layout->position.count, sizeof(float), &error)};
    assert_fine(&error);
    return parameters;
}

static void release(Parameters *parameters) {
    memory_free(parameters->dense);
    memory_free(parameters->token);
    memory_free(parameters->position);
}

static void test_new_model(void **state) {
    (void)state;
    const ModelConfig config = {.vocabulary = 300,
                                .positions = 100,
                                .width = 64,
                                .layers = 2,
                                .heads = 2,
                                .inner = 256,
                                .labels = 40,
                                .initializer_range = 0.5};
    ParameterLayout layout;
    Error error = {0};
    parameters_layout(&layout, &config, &error);
    Parameters first = allocate(&layout), second = allocate(&layout);
    model_new_parameters(&layout, &config, 42, &first);
    model_new_parameters(&layout, &config, 42, &second);
    assert_memory_equal(first.dense, second.dense, layout.dense * sizeof(float));
    assert_memory_equal(first.token, second.token, layout.token.count * sizeof(float));
    model_new_parameters(&layout, &config, 43, &second);
    assert_memory_not_equal(first.token, second.token, layout.token.count * sizeof(float));
    assert_memory_not_equal(first.token, first.position, layout.position.count * sizeof(float));
    assert_normal(first.token, layout.token.count, 0.5);
    assert_normal(first.position, layout.position.count, 0.5);
    for (size_t i = 0; i < layout.tensors; i++) {
        const ParameterTensor *tensor = &layout.tensor[i];
        const float *values = first.dense + tensor->offset;
        const bool residual = strstr(tensor->name, "c_proj.weight") != NULL;
        const bool one = strstr(tensor->name, "ln_") && strstr(tensor->name, "weight");
        if (tensor->decay)
            assert_normal(values, tensor->count, residual ? 0.25 : 0.5); /* 0.5 / √(2 · 2 layers) */
        else
            for (size_t j = 0; j < tensor->count; j++) assert_true(values[j] == (one ? 1.0f : 0.0f));
    }
    release(&first);
    release(&second);
    parameters_layout_free(&layout);
}

static void assert_same_file(const char *left, const char *right) {
    char *a = NULL, *b = NULL;
    size_t m, n;
    Error error = {0};
    file_read(left, &a, &m, &error);
    file_read(right, &b, &n, &error);
    assert_fine(&error);
    assert_int_equal(m, n);
    assert_memory_equal(a, b, m);
    memory_free(a);
    memory_free(b);
}

#define TOKENIZER "tests/golden/tokenizer_small"

/** Save what was read into another folder, then into the same one, while it is mapped. */
static void test_save(void **state) {
    (void)state;
    const char *model = save_model("saved", complete_model());
    new_folder("copy", "");
    ModelFolder *opened = open_fine(model);
    const ModelConfig *config = model_folder_config(opened);
    ParameterLayout layout = small_layout();
    Error error = {0};
    Parameters parameters = {.dense = memory_allocate(layout.dense, sizeof(float), &error)};
    model_folder_read(opened, &layout, 0, layout.tensors, parameters.dense, &error);
    model_folder_embeddings(opened, &parameters, &error);
    TokenizerFiles tokenizer = {0};
    tokenizer_files_read(&tokenizer, TOKENIZER, -1, config->positions, &error);
    model_folder_save(in_folder("copy"), config, &layout, &parameters, &tokenizer, NULL, &error);
    model_folder_save(model, config, &layout, &parameters, &tokenizer, NULL, &error);
    tokenizer_files_free(&tokenizer);
    assert_fine(&error);
    assert_same_file(TOKENIZER "/vocab.json", in_folder("copy/vocab.json"));
    assert_same_file(in_folder("saved/tokenizer.json"), in_folder("copy/tokenizer.json"));
    model_folder_close(opened);
    assert_model(in_folder("saved"), true);
    assert_model(in_folder("copy"), true);
    memory_free(parameters.dense);
    parameters_layout_free(&layout);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens_a_classifier),
        cmocka_unit_test(test_opens_a_language_model),
        cmocka_unit_test(test_opens_with_unknown_tensors),
        cmocka_unit_test(test_read_leaves_another_head),
        cmocka_unit_test(test_refuses_tensors),
        cmocka_unit_test(test_refuses_folders),
        cmocka_unit_test(test_refuses_a_classifier_of_one_label),
        cmocka_unit_test(test_converts),
        cmocka_unit_test(test_copies_a_table_at_an_odd_address),
        cmocka_unit_test(test_refuses_values_that_are_not_finite),
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_uses_tensors_in_place),
        cmocka_unit_test(test_new_model),
        cmocka_unit_test(test_save),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
