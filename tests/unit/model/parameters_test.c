/* The layout of the parameters: names, shapes and places. */
#include "linnet/model/parameters.h"
#include "unit/model_files.h"

static ModelConfig small(void) {
    return (ModelConfig){
        .vocabulary = 50, .positions = 20, .width = 24, .layers = 3, .heads = 2, .inner = 40, .labels = 5};
}

static ParameterLayout layout_of(const ModelConfig *config) {
    ParameterLayout layout;
    Error error = {0};
    parameters_layout(&layout, config, &error);
    assert_fine(&error);
    return layout;
}

static void test_names_and_shapes(void **state) {
    (void)state;
    static const struct {
        LayerTensor which;
        const char *name;
        int dimensions;
        int64_t shape[2];
        bool decay;
    } rows[LAYER_TENSORS] = {
        {LN1_WEIGHT, "transformer.h.2.ln_1.weight", 1, {24, 1}, false},
        {LN1_BIAS, "transformer.h.2.ln_1.bias", 1, {24, 1}, false},
        {ATTN_WEIGHT, "transformer.h.2.attn.c_attn.weight", 2, {24, 72}, true},
        {ATTN_BIAS, "transformer.h.2.attn.c_attn.bias", 1, {72, 1}, false},
        {PROJ_WEIGHT, "transformer.h.2.attn.c_proj.weight", 2, {24, 24}, true},
        {PROJ_BIAS, "transformer.h.2.attn.c_proj.bias", 1, {24, 1}, false},
        {LN2_WEIGHT, "transformer.h.2.ln_2.weight", 1, {24, 1}, false},
        {LN2_BIAS, "transformer.h.2.ln_2.bias", 1, {24, 1}, false},
        {FC_WEIGHT, "transformer.h.2.mlp.c_fc.weight", 2, {24, 40}, true},
        {FC_BIAS, "transformer.h.2.mlp.c_fc.bias", 1, {40, 1}, false},
        {OUT_WEIGHT, "transformer.h.2.mlp.c_proj.weight", 2, {40, 24}, true},
        {OUT_BIAS, "transformer.h.2.mlp.c_proj.bias", 1, {24, 1}, false},
    };
    const ModelConfig config = small();
    ParameterLayout layout = layout_of(&config);
    for (size_t i = 0; i < LAYER_TENSORS; i++) {
        const ParameterTensor *tensor = &layout.tensor[parameters_layer(&layout, 2, rows[i].which)];
        assert_string_equal(tensor->name, rows[i].name);
        assert_int_equal(tensor->dimensions, rows[i].dimensions);
        assert_int_equal(tensor->shape[0], rows[i].shape[0]);
        assert_int_equal(tensor->shape[1], rows[i].shape[1]);
        assert_int_equal(tensor->count, rows[i].shape[0] * rows[i].shape[1]);
        assert_int_equal(tensor->decay, rows[i].decay);
    }
    parameters_layout_free(&layout);
}

static void test_ends_and_tables(void **state) {
    (void)state;
    const ModelConfig config = small();
    ParameterLayout layout = layout_of(&config);
    const ParameterTensor *score = &layout.tensor[parameters_score(&layout)];
    assert_int_equal(layout.tensors, 12 * 3 + 3);
    assert_string_equal(layout.tensor[parameters_final_weight(&layout)].name, "transformer.ln_f.weight");
    assert_false(layout.tensor[parameters_final_weight(&layout)].decay);
    assert_string_equal(layout.tensor[parameters_final_bias(&layout)].name, "transformer.ln_f.bias");
    assert_string_equal(score->name, "score.weight");
    assert_int_equal(score->shape[0], 5);
    assert_int_equal(score->shape[1], 24);
    assert_true(score->decay);
    assert_string_equal(layout.token.name, "transformer.wte.weight");
    assert_int_equal(layout.token.count, 50 * 24);
    assert_true(layout.token.decay);
    assert_string_equal(layout.position.name, "transformer.wpe.weight");
    assert_int_equal(layout.position.count, 20 * 24);
    parameters_layout_free(&layout);
}

/** Tensors ascend without overlap, on cache lines, inside their own bucket. */
static void test_places(void **state) {
    (void)state;
    const ModelConfig config = small();
    ParameterLayout layout = layout_of(&config);
    size_t end = 0;
    assert_int_equal(layout.buckets, 4);
    assert_int_equal(layout.bucket_starts[0], 0);
    assert_int_equal(layout.bucket_starts[layout.buckets], layout.dense);
    for (size_t i = 0; i < layout.tensors; i++) {
        const ParameterTensor *tensor = &layout.tensor[i];
        const size_t bucket = i / LAYER_TENSORS;
        assert_int_equal(tensor->offset % 16, 0);
        assert_true(tensor->offset >= end);
        end = tensor->offset + tensor->count;
        assert_true(tensor->offset >= layout.bucket_starts[bucket]);
        assert_true(end <= layout.bucket_starts[bucket + 1]);
    }
    for (size_t i = 0; i <= layout.buckets; i++) assert_int_equal(layout.bucket_starts[i] % PARAMETERS_BLOCK, 0);
    parameters_layout_free(&layout);
}

/** GPT-2's published size: 124,439,808 parameters, without a head. */
static void test_gpt2(void **state) {
    (void)state;
    const ModelConfig config = {
        .vocabulary = 50257, .positions = 1024, .width = 768, .layers = 12, .heads = 12, .inner = 3072, .labels = 3};
    ParameterLayout layout = layout_of(&config);
    assert_int_equal(parameters_count(&layout), 124439808 + 3 * 768);
    parameters_layout_free(&layout);
}

static void check_learned(const ParameterLayout *layout, const Frozen *frozen) {
    ParameterLayout learned;
    Error error = {0};
    const size_t first = parameters_first_learned(layout, frozen), lowest = (size_t)frozen->layers;
    assert_int_equal(parameters_learned(&learned, layout, frozen, &error), STATUS_OK);
    assert_int_equal(first, layout->bucket_starts[lowest]);
    assert_int_equal(learned.dense, layout->dense - first);
    assert_int_equal(learned.buckets, layout->buckets);
    assert_int_equal(learned.tensors, layout->tensors);
    for (size_t b = 0; b <= layout->buckets; b++)
        assert_int_equal(learned.bucket_starts[b], b < lowest ? 0 : layout->bucket_starts[b] - first);
    for (size_t i = 0; i < layout->tensors; i++) {
        const bool learns = i / LAYER_TENSORS >= lowest;
        assert_string_equal(learned.tensor[i].name, layout->tensor[i].name);
        assert_int_equal(learned.tensor[i].count, learns ? layout->tensor[i].count : 0);
        if (learns) assert_int_equal(learned.tensor[i].offset, layout->tensor[i].offset - first);
    }
    assert_int_equal(learned.token.count, frozen->embeddings ? 0 : layout->token.count);
    assert_int_equal(learned.position.shape[0], frozen->embeddings ? 0 : layout->position.shape[0]);
    assert_int_equal(learned.token.shape[1], layout->token.shape[1]);
    assert_int_equal(learned.sparse, frozen->embeddings ? 0 : layout->sparse);
    parameters_layout_free(&learned);
}

/** From nothing to all layers and the embeddings. */
static void test_learned(void **state) {
    (void)state;
    const ModelConfig config = small();
    ParameterLayout layout = layout_of(&config);
    for (int layers = 0; layers <= layout.layers; layers++) {
        check_learned(&layout, &(Frozen){layers, false});
        check_learned(&layout, &(Frozen){layers, true});
    }
    parameters_layout_free(&layout);
}

/** A language model: the token embedding is the first bucket, there is no head, and nothing is counted twice. */
static void test_language_model(void **state) {
    (void)state;
    ModelConfig config = small();
    config.language = true;
    ParameterLayout layout = layout_of(&config);
    assert_int_equal(layout.buckets, 5);
    assert_int_equal(layout.tensors, 12 * 3 + 3);
    assert_string_equal(layout.tensor[0].name, layout.token.name);
    assert_true(layout.tensor[0].decay && layout.tensor[0].count == layout.token.count);
    assert_int_equal(layout.token.offset, layout.tensor[0].offset);
    assert_int_equal(parameters_bucket(&layout, 0), 1);
    assert_string_equal(layout.tensor[parameters_layer(&layout, 0, LN1_WEIGHT)].name, "transformer.h.0.ln_1.weight");
    assert_int_equal(layout.tensor[parameters_layer(&layout, 2, LN1_WEIGHT)].offset, layout.bucket_starts[3]);
    assert_int_equal(layout.tensor[parameters_final_weight(&layout)].offset, layout.bucket_starts[4]);
    assert_string_equal(layout.tensor[parameters_final_bias(&layout)].name, "transformer.ln_f.bias");
    assert_int_equal(parameters_score(&layout), layout.tensors);
    assert_int_equal(layout.sparse, layout.position.count);
    assert_int_equal(parameters_token_rows(&layout, 7), 0);
    assert_int_equal(layout.tensor[0].depth, 4);
    assert_int_equal(layout.tensor[parameters_layer(&layout, 0, LN1_WEIGHT)].depth, 3);
    assert_int_equal(layout.tensor[parameters_final_weight(&layout)].depth, 0);
    const size_t language = parameters_count(&layout);
    parameters_layout_free(&layout);
    config.language = false;
    layout = layout_of(&config);
    assert_int_equal(layout.sparse, layout.position.count + layout.token.count);
    assert_int_equal(parameters_token_rows(&layout, 7), 7);
    assert_int_equal(parameters_token_rows(&layout, 1000), 50);
    assert_int_equal(parameters_count(&layout), language + 5 * 24); /* and the head */
    parameters_layout_free(&layout);
}

static void test_too_large(void **state) {
    (void)state;
    ModelConfig config = small();
    ParameterLayout layout;
    Error error = {0};
    config.layers = 1024;
    config.width = INT32_MAX / 4;
    config.inner = INT32_MAX;
    parameters_layout(&layout, &config, &error);
    assert_refused(&error, "too large");
    assert_null(layout.tensor);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_shapes), cmocka_unit_test(test_ends_and_tables),
        cmocka_unit_test(test_places),           cmocka_unit_test(test_gpt2),
        cmocka_unit_test(test_learned),          cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_language_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
