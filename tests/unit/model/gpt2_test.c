/* The forward pass against a float64 reference, and what must not change a result. Gradients: gpt2_gradient_test.c. */
#include "unit/gpt2_model.h"
#include <omp.h>

/* Logits are of size 1 and pass some 10 roundings of relative size 2^-24 a layer, each grown by a LayerNorm or a
 * product of a few dozen terms. Between 5 and 10 · 2^-24 was met, 40 leaves room; test_kinds_matter() shows that
 * it tells models apart. */
static const double LOGIT_TOLERANCE = 40 * 0x1p-24;

static void assert_logits(const float *logits, const double *expected, double tolerance, const char *name) {
    for (size_t k = 0; k < TINY_LABELS; k++)
        if (!(fabs((double)logits[k] - expected[k]) <= tolerance * (1.0 + fabs(expected[k]))))
            fail_msg("%s: logit %zu is %.9g, not %.9g", name, k, (double)logits[k], expected[k]);
}

static void run(const TinyKind *kind, void (*check)(const TinyKind *kind, Tiny *tiny, Batch *batch)) {
    Tiny tiny;
    Batch batch;
    tiny_make(&tiny, kind);
    tiny_batch(&batch);
    check(kind, &tiny, &batch);
    batch_destroy(&batch);
    tiny_free(&tiny);
}

static void check_against_reference(const TinyKind *kind, Tiny *tiny, Batch *batch) {
    double expected[TINY_SAMPLES][TINY_LABELS];
    Gpt2 *gpt2 = tiny_gpt2(tiny, true);
    tiny_pack(batch, tiny, 0, TINY_SAMPLES);
    const float *logits = gpt2_forward(gpt2, &tiny->parameters, batch, tiny->dropout);
    tiny_reference_logits(expected, tiny);
    for (size_t i = 0; i < TINY_SAMPLES; i++)
        assert_logits(logits + i * TINY_LABELS, expected[i], LOGIT_TOLERANCE, kind->name);
    gpt2_destroy(gpt2);
}

static void test_forward(void **state) {
    (void)state;
    for (size_t k = 0; k < TINY_KIND_COUNT; k++) run(&TINY_KINDS[k], check_against_reference);
}

/* Else the kinds would not test what they say: each must have logits of its own. */
static void test_kinds_matter(void **state) {
    (void)state;
    TinyKind base = TINY_KINDS[4], others[4] = {base, base, base, base};
    others[0].by_inverse_layer = false;
    others[1].unscaled = true;
    others[2].pooling = POOLING_PADDED_END;
    others[3].dropout = 0.1;
    Tiny tiny;
    double first[TINY_SAMPLES][TINY_LABELS], other[TINY_SAMPLES][TINY_LABELS];
    tiny_make(&tiny, &base);
    tiny_reference_logits(first, &tiny);
    tiny_free(&tiny);
    for (size_t k = 0; k < 4; k++) {
        tiny_make(&tiny, &others[k]);
        tiny_reference_logits(other, &tiny);
        assert_true(fabs(other[0][0] - first[0][0]) > 100 * LOGIT_TOLERANCE);
        tiny_free(&tiny);
    }
}

/** A text must come out the same whatever it is packed with. */
static void check_one_by_one(const TinyKind *kind, Tiny *tiny, Batch *batch) {
    double packed[TINY_SAMPLES][TINY_LABELS];
    Gpt2 *gpt2 = tiny_gpt2(tiny, true);
    tiny_pack(batch, tiny, 0, TINY_SAMPLES);
    const float *logits = gpt2_forward(gpt2, &tiny->parameters, batch, tiny->dropout);
    for (size_t i = 0; i < TINY_SAMPLES * TINY_LABELS; i++)
        packed[i / TINY_LABELS][i % TINY_LABELS] = (double)logits[i];
    for (size_t i = 0; i < TINY_SAMPLES; i++) {
        tiny_pack(batch, tiny, i, 1);
        logits = gpt2_forward(gpt2, &tiny->parameters, batch, tiny->dropout);
        /* Products over other numbers of rows may sum in another order: as far apart as two float32 results can be. */
        assert_logits(logits, packed[i], 2 * LOGIT_TOLERANCE, kind->name);
    }
    gpt2_destroy(gpt2);
}

static void test_packed_is_one_by_one(void **state) {
    (void)state;
    for (size_t k = 0; k < TINY_KIND_COUNT; k++) run(&TINY_KINDS[k], check_one_by_one);
}

/** Without training all layers share one layer's memory: not a bit may change. Nor may what ran before. */
static void check_inference(const TinyKind *kind, Tiny *tiny, Batch *batch) {
    (void)kind;
    Gpt2 *training = tiny_gpt2(tiny, true), *inference = tiny_gpt2(tiny, false);
    float expected[TINY_SAMPLES * TINY_LABELS];
    tiny_pack(batch, tiny, 0, TINY_SAMPLES);
    memcpy(expected, gpt2_forward(training, &tiny->parameters, batch, tiny->dropout), sizeof expected);
    assert_memory_equal(gpt2_forward(inference, &tiny->parameters, batch, tiny->dropout), expected, sizeof expected);
    tiny_pack(batch, tiny, 2, 1);
    gpt2_forward(inference, &tiny->parameters, batch, tiny->dropout);
    tiny_pack(batch, tiny, 0, TINY_SAMPLES);
    assert_memory_equal(gpt2_forward(inference, &tiny->parameters, batch, tiny->dropout), expected, sizeof expected);
    gpt2_destroy(training);
    gpt2_destroy(inference);
}

static void test_inference(void **state) {
    (void)state;
    for (size_t k = 0; k < TINY_KIND_COUNT; k++) run(&TINY_KINDS[k], check_inference);
}

/** `override` takes the place of all three of the model's dropouts; 0 turns them off. */
static void check_override(const TinyKind *kind, Tiny *tiny, Batch *batch) {
    double expected[TINY_SAMPLES][TINY_LABELS];
    const double overrides[] = {0.0, 0.4};
    Gpt2 *gpt2 = tiny_gpt2(tiny, false);
    tiny_pack(batch, tiny, 0, TINY_SAMPLES);
    for (size_t i = 0; i < 2; i++) {
        tiny->dropout_rule.override = overrides[i];
        const float *logits = gpt2_forward(gpt2, &tiny->parameters, batch, &tiny->dropout_rule);
        tiny_reference_logits(expected, tiny);
        for (size_t b = 0; b < TINY_SAMPLES; b++)
            assert_logits(logits + b * TINY_LABELS, expected[b], LOGIT_TOLERANCE, kind->name);
    }
    gpt2_destroy(gpt2);
}

static void test_dropout_override(void **state) {
    (void)state;
    run(&TINY_KINDS[6], check_override);
}

static void check_threads(const TinyKind *kind, Tiny *tiny, Batch *batch) {
    (void)kind;
    float expected[TINY_SAMPLES * TINY_LABELS];
    int before = omp_get_max_threads();
    tiny_pack(batch, tiny, 0, TINY_SAMPLES);
    for (int threads = 1; threads <= 3; threads++) {
        omp_set_num_threads(threads);
        Gpt2 *gpt2 = tiny_gpt2(tiny, true);
        const float *logits = gpt2_forward(gpt2, &tiny->parameters, batch, tiny->dropout);
        if (threads == 1) memcpy(expected, logits, sizeof expected);
        assert_memory_equal(logits, expected, sizeof expected);
        gpt2_destroy(gpt2);
    }
    omp_set_num_threads(before);
}

static void test_threads(void **state) {
    (void)state;
    run(&TINY_KINDS[0], check_threads);
    run(&TINY_KINDS[7], check_threads);
}

/** Memory grows with what is asked for, and training needs every layer's activations. */
static void test_bytes(void **state) {
    (void)state;
    Tiny tiny;
    tiny_make(&tiny, &TINY_KINDS[6]);
    size_t inference = gpt2_bytes(&tiny.config, NULL, false, 100, 4),
           training = gpt2_bytes(&tiny.config, &tiny.layout, false, 100, 4);
    size_t one_layer = 100 * sizeof(float) * (size_t)(7 * 24 + 50); /* input ln1 qkv attended … middle ln2, fc */
    assert_true(training > inference + 2 * one_layer);
    assert_true(gpt2_bytes(&tiny.config, &tiny.layout, false, 200, 4) > training + 3 * one_layer);
    assert_true(gpt2_bytes(&tiny.config, &tiny.layout, false, 100, 90) > training);
    /* Layers that the backward pass does not go through need none. */
    const Frozen frozen[] = {{1, false}, {1, true}, {2, true}, {3, true}};
    const size_t kept[] = {3, 2, 1, 1};
    ParameterLayout learned = tiny_learned(&tiny, &frozen[2]);
    const size_t layer = (training - gpt2_bytes(&tiny.config, &learned, false, 100, 4)) / 2;
    assert_true(layer > 100 * sizeof(float) * (size_t)(6 * 24 + 50)); /* input qkv attended middle, fc */
    parameters_layout_free(&learned);
    for (size_t i = 0; i < sizeof frozen / sizeof *frozen; i++) {
        learned = tiny_learned(&tiny, &frozen[i]);
        assert_int_equal(gpt2_bytes(&tiny.config, &learned, false, 100, 4), training - (3 - kept[i]) * layer);
        parameters_layout_free(&learned);
    }
    /* Checkpointing keeps the inputs of all layers and the rest of one. */
    const size_t input = 100 * sizeof(float) * 24, repeated = 100 * sizeof(float) * (size_t)(5 * 24 + 50);
    const size_t checkpointing = gpt2_bytes(&tiny.config, &tiny.layout, true, 100, 4);
    assert_true(checkpointing + 2 * repeated <= training && checkpointing >= training - 2 * layer + 2 * input);
    tiny_free(&tiny);
    gpt2_destroy(NULL);
}

/** Multiplications of a layer for a row, by hand: qkv 3 C², projection C², MLP 2 C I. */
static void test_operations(void **state) {
    (void)state;
    Tiny tiny;
    tiny_make(&tiny, &TINY_KINDS[6]);
    const double c = 24, inner = 50, m = 100, b = 4, head = b * c * 3;
    const double full = m * (4 * c * c + 2 * c * inner), last = m * 2 * c * c + b * (2 * c * c + 2 * c * inner);
    const struct {
        Frozen frozen;
        double products;
    } cases[] = {{{0, false}, 2 * (2 * full + last + head)},
                 {{1, false}, full + 2 * (full + last + head)},
                 {{1, true}, 2 * (full + last + head)},
                 {{3, false}, 2 * full + last + 2 * head},
                 {{3, true}, 2 * head}};
    assert_true(gpt2_operations(&tiny.config, 100, 4) == 2 * (2 * full + last + head));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ParameterLayout learned = tiny_learned(&tiny, &cases[i].frozen);
        assert_true(gpt2_backward_operations(&tiny.config, &learned, 100, 4) == 2 * cases[i].products);
        parameters_layout_free(&learned);
    }
    tiny_free(&tiny);
}

/** Where a forward pass over all texts first has a value that is not finite; "": nowhere. */
static const char *module_where(const Tiny *tiny, const Batch *batch, const Frozen *frozen, bool checkpointing) {
    static char module[GPT2_MODULE_TEXT];
    ParameterLayout learned = tiny_learned(tiny, frozen);
    Gpt2 *gpt2 = tiny_gpt2_of(tiny, &learned, checkpointing);
    gpt2_forward(gpt2, &tiny->parameters, batch, tiny->dropout);
    if (!gpt2_find_not_finite(gpt2, &tiny->parameters, batch, tiny->dropout, module)) module[0] = '\0';
    gpt2_destroy(gpt2);
    parameters_layout_free(&learned);
    return module;
}

static const char *module_of(const Tiny *tiny, const Batch *batch) {
    return module_where(tiny, batch, &(Frozen){0}, false);
}

static void check_module(Tiny *tiny, const Batch *batch, float *value, const char *module) {
    const float kept = *value;
    *value = NAN;
    assert_string_equal(module_of(tiny, batch), module);
    assert_string_equal(module_where(tiny, batch, &(Frozen){0}, true), module);
    *value = kept;
}

/** A NaN in each tensor shows first in the module that reads it. */
static void check_not_finite(const TinyKind *kind, Tiny *tiny, Batch *batch) {
    static const char *const readers[LAYER_TENSORS] = {
        [LN1_WEIGHT] = "attn.c_attn", [LN1_BIAS] = "attn.c_attn",    [ATTN_WEIGHT] = "attn.c_attn",
        [ATTN_BIAS] = "attn.c_attn",  [PROJ_WEIGHT] = "attn.c_proj", [PROJ_BIAS] = "attn.c_proj",
        [LN2_WEIGHT] = "mlp.c_fc",    [LN2_BIAS] = "mlp.c_fc",       [FC_WEIGHT] = "mlp.c_fc",
        [FC_BIAS] = "mlp.c_fc",       [OUT_WEIGHT] = "mlp.c_proj",   [OUT_BIAS] = "mlp.c_proj"};
    const ParameterLayout *layout = &tiny->layout;
    float *dense = tiny->parameters.dense;
    tiny->dropout = NULL; /* it could drop the only NaN */
    tiny_pack(batch, tiny, 0, TINY_SAMPLES);
    assert_string_equal(module_of(tiny, batch), "");
    check_module(tiny, batch, tiny->parameters.token + 9 * kind->width, "transformer.wte + transformer.wpe");
    check_module(tiny, batch, tiny->parameters.position, "transformer.wte + transformer.wpe");
    for (int l = 0; l < kind->layers; l++)
        for (int which = 0; which < LAYER_TENSORS; which++) {
            char module[GPT2_MODULE_TEXT];
            snprintf(module, sizeof module, "transformer.h.%d.%s", l, readers[which]);
            size_t tensor = parameters_layer(layout, l, (LayerTensor)which);
            check_module(tiny, batch, dense + layout->tensor[tensor].offset, module);
        }
    check_module(tiny, batch, dense + layout->tensor[parameters_final_bias(layout)].offset, "transformer.ln_f");
    check_module(tiny, batch, dense + layout->tensor[parameters_score(layout)].offset, "score");
    /* finite queries and keys whose product overflows float32 */
    float *bias = dense + layout->tensor[parameters_layer(layout, 0, ATTN_BIAS)].offset;
    bias[0] = bias[kind->width] = 1e30F;
    assert_string_equal(module_of(tiny, batch), "transformer.h.0.attn");
    if (kind->layers == 1) return;
    /* Layers that no backward pass goes through share their activations. */
    assert_string_equal(module_where(tiny, batch, &(Frozen){1, false}, false), "transformer.h.0.attn");
    assert_string_equal(module_where(tiny, batch, &(Frozen){1, true}, false), "the layers below transformer.h.1");
}

static void test_finds_where_a_value_is_not_finite(void **state) {
    (void)state;
    for (size_t k = 0; k < TINY_KIND_COUNT; k++) run(&TINY_KINDS[k], check_not_finite);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_kinds_matter),
        cmocka_unit_test(test_packed_is_one_by_one),
        cmocka_unit_test(test_inference),
        cmocka_unit_test(test_dropout_override),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_finds_where_a_value_is_not_finite),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
