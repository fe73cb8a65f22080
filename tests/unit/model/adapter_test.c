/* Adapters: which linear layers a target matches, new values, and adapter_config.json. The passes: gpt2_adapter_test.c. */
#include "linnet/core/file.h"
#include "linnet/core/memory.h"
#include "linnet/model/adapter.h"
#include "unit/model_files.h"
#include <math.h>

enum { LAYERS = 3, WIDTH = 8, INNER = 20, LABELS = 2, RANK = 2 };

static Adapter *make(const char *targets, Error *error) {
    char text[160];
    const ModelConfig model = {.width = WIDTH,
                               .inner = INNER,
                               .layers = LAYERS,
                               .labels = LABELS,
                               .vocabulary = 9,
                               .positions = 4,
                               .heads = 2};
    const AdapterConfig config = {
        .rank = RANK, .alpha = 6, .targets = targets ? strcpy(text, targets) : NULL, .dropout = 0.1};
    Adapter *adapter = NULL;
    adapter_create(&adapter, &config, &model, error);
    return adapter;
}

static int count(const Adapter *adapter) {
    int adapted = 0;
    for (int l = 0; l < LAYERS; l++)
        for (AdaptedLinear which = 0; which < ADAPTED_LINEARS; which++) adapted += adapter_has(adapter, l, which);
    return adapted;
}

/** As PEFT matches them: complete names, or ends of names behind a dot. */
static void test_targets(void **state) {
    (void)state;
    static const struct {
        const char *targets;
        int adapted, lowest;
    } cases[] = {
        {NULL, LAYERS, 0},
        {"[\"c_attn\"]", LAYERS, 0},
        {"\"c_fc\"", LAYERS, 0},
        {"[\"c_proj\"]", 2 * LAYERS, 0},
        {"[\"attn.c_proj\"]", LAYERS, 0},
        {"[\"mlp.c_proj\", \"c_attn\", \"c_attn\"]", 2 * LAYERS, 0},
        {"[\"h.2.attn.c_attn\", \"transformer.h.1.mlp.c_fc\"]", 2, 1},
        {"[\"2.mlp.c_proj\"]", 1, 2},
        {"\"all-linear\"", 4 * LAYERS, 0},
        {"[\"all-linear\"]", 4 * LAYERS, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error error = {0};
        Adapter *adapter = make(cases[i].targets, &error);
        assert_fine(&error);
        assert_int_equal(count(adapter), cases[i].adapted);
        assert_int_equal(adapter_lowest(adapter), cases[i].lowest);
        assert_int_equal(adapter->layout.tensors, 2 * cases[i].adapted + 1);
        assert_true(adapter->scaling == 3.0F);
        adapter_destroy(adapter);
    }
}

static void test_refuses_targets_that_match_nothing(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "[\"attn\"]",           "[\"proj\"]", "[\"score\"]", "[\"wte\"]",     "[\"\"]",
        "[\"c_attn\", \"c\"]",  "[]",         "[7]",         "[\"c_attn.\"]", "[\"all-linear\", \"c_attn\"]",
        "[\"h.3.attn.c_attn\"]"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Error error = {0};
        assert_null(make(wrong[i], &error));
        assert_int_equal(error.status, STATUS_INPUT);
        assert_non_null(strstr(error.message, "lora_target_modules: "));
    }
    Error error = {0};
    assert_int_equal(adapter_check_targets("[\"h.3.attn.c_attn\"]", 0, &error), STATUS_OK); /* of some model */
}

static void test_layout(void **state) {
    (void)state;
    Error error = {0};
    Adapter *adapter = make("[\"h.1.mlp.c_proj\"]", &error);
    assert_fine(&error);
    const ParameterTensor *tensor = adapter->layout.tensor;
    assert_string_equal(tensor[0].name, "base_model.model.transformer.h.1.mlp.c_proj.lora_A.weight");
    assert_string_equal(tensor[1].name, "base_model.model.transformer.h.1.mlp.c_proj.lora_B.weight");
    assert_string_equal(tensor[2].name, "base_model.model.score.weight");
    const int64_t shapes[][2] = {{RANK, INNER}, {WIDTH, RANK}, {LABELS, WIDTH}};
    for (size_t i = 0; i < 3; i++) {
        assert_memory_equal(tensor[i].shape, shapes[i], sizeof shapes[i]);
        assert_true(tensor[i].decay && tensor[i].head == (i == 2));
    }
    const size_t starts[] = {0, 0, PARAMETERS_BLOCK, PARAMETERS_BLOCK, 2 * PARAMETERS_BLOCK};
    assert_memory_equal(adapter->layout.bucket_starts, starts, sizeof starts);
    assert_int_equal(adapter->layout.token.count + adapter->layout.position.count, 0);
    adapter_destroy(adapter);
}

/** A linear layer's A is the same whatever else has an adapter. */
static void test_new_values(void **state) {
    (void)state;
    Error error = {0};
    Adapter *all = make("\"all-linear\"", &error), *one = make("[\"h.1.mlp.c_proj\"]", &error);
    float *many = memory_allocate(all->layout.dense, sizeof *many, &error);
    float *few = memory_allocate(one->layout.dense, sizeof *few, &error);
    assert_fine(&error);
    adapter_new_values(all, 42, many);
    adapter_new_values(one, 42, few);
    const float *down = few + adapter_down(one, 1, ADAPTED_OUT), *up = few + adapter_up(one, 1, ADAPTED_OUT);
    assert_memory_equal(down, many + adapter_down(all, 1, ADAPTED_OUT), RANK * INNER * sizeof *down);
    double most = 0;
    for (size_t i = 0; i < RANK * INNER; i++) most = fmax(most, fabs((double)down[i]));
    assert_true(most < 1 / sqrt(INNER) && most > 0.8 / sqrt(INNER));
    for (size_t i = 0; i < RANK * WIDTH; i++) assert_true(up[i] == 0.0F);
    assert_memory_not_equal(many + adapter_down(all, 0, ADAPTED_FC), many + adapter_down(all, 1, ADAPTED_FC),
                            RANK * WIDTH * sizeof *many);
    memory_free(many);
    memory_free(few);
    adapter_destroy(all);
    adapter_destroy(one);
}

static void test_config_is_read_as_written(void **state) {
    (void)state;
    Error error = {0};
    char base[] = "/models/gpt2", targets[] = "\"all-linear\"";
    const AdapterConfig config = {
        .rank = 3, .alpha = 4.5, .dropout = 0.25, .rslora = true, .base = base, .targets = targets};
    AdapterConfig read;
    file_make_folder(in_folder("adapter"), &error);
    adapter_config_save(&config, in_folder("adapter"), &error);
    adapter_config_read(&read, in_folder("adapter"), &error);
    assert_fine(&error);
    assert_true(read.rank == 3 && read.alpha == 4.5 && read.dropout == 0.25 && read.rslora);
    assert_string_equal(read.base, base);
    assert_string_equal(read.targets, "[\"c_attn\",\"c_proj\",\"c_fc\"]");
    assert_true(adapter_is_in(in_folder("adapter")));
    /* What was read is written back as it was, but for base model and dropout. */
    read.dropout = 0.5;
    adapter_config_save(&read, in_folder("adapter"), &error);
    adapter_config_free(&read);
    adapter_config_read(&read, in_folder("adapter"), &error);
    assert_fine(&error);
    assert_true(read.dropout == 0.5 && read.rank == 3);
    adapter_config_free(&read);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_refuses_targets_that_match_nothing),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_new_values),
        cmocka_unit_test(test_config_is_read_as_written),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
