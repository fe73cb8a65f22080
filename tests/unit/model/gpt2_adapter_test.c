/* Adapters in the forward and the backward pass: the float64 reference, finite differences, and the same bits for any
 * division into reduction units. */
#include "linnet/kernels/linear.h"
#include "unit/gpt2_model.h"

/* As in gpt2_test.c and gpt2_gradient_test.c: an adapter adds two products to a linear layer. */
static const double LOGIT_TOLERANCE = 40 * 0x1p-24, GRADIENT_TOLERANCE = 1e-5, STEP = 1e-5;

/** An adapter of a kind of model. */
typedef struct {
    size_t kind; /* index in TINY_KINDS */
    int32_t rank;
    const char *targets;
    double dropout;
    bool rslora;
} AdapterKind;

static const AdapterKind KINDS[] = {
    {0, 3, NULL, 0.0, false},
    {0, 1, "[\"all-linear\"]", 0.0, false},
    {2, 5, "[\"all-linear\"]", 0.0, true}, /* one layer, whose inner width is odd */
    {3, 2, "[\"c_attn\", \"c_fc\"]", 0.0, false},
    {4, 4, "[\"h.1.attn.c_proj\", \"h.2.mlp.c_proj\"]", 0.0, false}, /* nothing in the lowest layer */
    {6, 4, "[\"all-linear\"]", 0.3, false},
    {7, 24, "[\"all-linear\"]", 0.1, true}, /* a rank above the width */
};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

typedef struct {
    Tiny tiny;
    Adapter *adapter;
    Gpt2 *gpt2;
    Batch batch;
} Rig;

static void rig_make(Rig *rig, const AdapterKind *kind) {
    Error error = {0};
    char targets[64];
    const AdapterConfig config = {.rank = kind->rank,
                                  .alpha = 5,
                                  .dropout = kind->dropout,
                                  .rslora = kind->rslora,
                                  .targets = kind->targets ? strcpy(targets, kind->targets) : NULL};
    Tiny *tiny = &rig->tiny;
    tiny_make(tiny, &TINY_KINDS[kind->kind]);
    adapter_create(&rig->adapter, &config, &tiny->config, &error);
    assert_fine(&error);
    const size_t floats = rig->adapter->layout.dense;
    tiny->parameters.adapter = rig->adapter;
    tiny->parameters.adapter_values = tiny_allocate(floats, sizeof(float));
    for (size_t i = 0; i < rig->adapter->layout.tensors; i++) {
        const ParameterTensor *tensor = &rig->adapter->layout.tensor[i];
        random_normal(tiny->parameters.adapter_values + tensor->offset, (int64_t)tensor->count, 0.3F, 9, (uint32_t)i);
    }
    tiny->reference.adapter = rig->adapter;
    tiny->reference.adapted = tiny_widen(tiny->parameters.adapter_values, floats);
    rig->gpt2 = tiny_gpt2_of(tiny, &rig->adapter->layout, false);
    gpt2_make_adapter_room(rig->gpt2, kind->rank, &error);
    assert_fine(&error);
    tiny_batch(&rig->batch);
}

static void rig_free(Rig *rig) {
    gpt2_destroy(rig->gpt2);
    batch_destroy(&rig->batch);
    memory_free(rig->tiny.parameters.adapter_values);
    memory_free(rig->tiny.reference.adapted);
    adapter_destroy(rig->adapter);
    tiny_free(&rig->tiny);
}

static void assert_logits(const Rig *rig, const float *logits, const AdapterKind *kind) {
    double expected[TINY_SAMPLES][TINY_LABELS];
    tiny_reference_logits(expected, &rig->tiny);
    for (size_t i = 0; i < TINY_SAMPLES * TINY_LABELS; i++) {
        const double wanted = expected[i / TINY_LABELS][i % TINY_LABELS];
        if (!(fabs((double)logits[i] - wanted) <= LOGIT_TOLERANCE * (1.0 + fabs(wanted))))
            fail_msg("adapter %zu: logit %zu is %.9g, not %.9g", (size_t)(kind - KINDS), i, (double)logits[i], wanted);
    }
}

/** In training and, without dropout, in inference, whose working memory has one layer's activations. */
static void test_forward(void **state) {
    (void)state;
    for (size_t k = 0; k < KIND_COUNT; k++) {
        Rig rig;
        Error error = {0};
        rig_make(&rig, &KINDS[k]);
        tiny_pack(&rig.batch, &rig.tiny, 0, TINY_SAMPLES);
        assert_logits(&rig, gpt2_forward(rig.gpt2, &rig.tiny.parameters, &rig.batch, rig.tiny.dropout), &KINDS[k]);
        Gpt2 *inference = tiny_gpt2(&rig.tiny, false);
        gpt2_make_adapter_room(inference, KINDS[k].rank + 3, &error);
        assert_fine(&error);
        rig.tiny.reference.rule = NULL;
        assert_logits(&rig, gpt2_forward(inference, &rig.tiny.parameters, &rig.batch, NULL), &KINDS[k]);
        gpt2_destroy(inference);
        rig_free(&rig);
    }
}

/** The gradient of units of texts starts[u] … starts[u + 1] − 1, weighted as a part of all texts. */
static void backward_units(Rig *rig, float *gradient, const size_t *starts, size_t units, bool accumulate) {
    double losses[TINY_SAMPLES];
    float dlogits[TINY_SAMPLES * TINY_LABELS];
    Tiny *tiny = &rig->tiny;
    Gradients gradients = {.dense = gradient};
    batch_clear(&rig->batch);
    for (size_t u = 0; u < units; u++) {
        if (u > 0) batch_next_unit(&rig->batch);
        tiny_add(&rig->batch, tiny, starts[u], starts[u + 1] - starts[u]);
    }
    const float *logits = gpt2_forward(rig->gpt2, &tiny->parameters, &rig->batch, tiny->dropout);
    loss_forward_backward(losses, dlogits, logits, rig->batch.labels, rig->batch.samples, TINY_LABELS, &(LossRule){0},
                          1.0 / TINY_SAMPLES);
    gpt2_backward(rig->gpt2, &tiny->parameters, &rig->batch, tiny->dropout, dlogits, &gradients, accumulate, NULL,
                  NULL);
    assert_null(gradients.residual); /* no embedding learns */
}

static const size_t ALL_TEXTS[] = {0, TINY_SAMPLES}, UNITS[] = {0, 1, 4, TINY_SAMPLES};
enum { UNIT_COUNT = 3 };

static void probe(const Rig *rig, const ParameterTensor *tensor, const float *gradient) {
    enum { PROBES = 6 };
    double scale = 0.0, *values = rig->tiny.reference.adapted + tensor->offset;
    for (size_t i = 0; i < tensor->count; i++) scale = fmax(scale, fabs((double)gradient[i]));
    if (!(scale > 1e-4)) fail_msg("%s has no gradient", tensor->name);
    for (size_t k = 0; k < PROBES; k++) {
        size_t i = (k * 2654435761U + 1) % tensor->count;
        const double kept = values[i];
        values[i] = kept + STEP;
        const double above = tiny_reference_loss(&rig->tiny);
        values[i] = kept - STEP;
        const double expected = (above - tiny_reference_loss(&rig->tiny)) / (2 * STEP);
        values[i] = kept;
        if (!(fabs((double)gradient[i] - expected) <= GRADIENT_TOLERANCE * scale))
            fail_msg("%s[%zu]: gradient %.9g, not %.9g", tensor->name, i, (double)gradient[i], expected);
    }
}

static void test_finite_differences(void **state) {
    (void)state;
    for (size_t k = 0; k < KIND_COUNT; k++) {
        Rig rig;
        rig_make(&rig, &KINDS[k]);
        const ParameterLayout *layout = &rig.adapter->layout;
        float *gradient = tiny_allocate(layout->dense, sizeof *gradient);
        backward_units(&rig, gradient, ALL_TEXTS, 1, false);
        for (size_t i = 0; i < layout->tensors; i++)
            probe(&rig, &layout->tensor[i], gradient + layout->tensor[i].offset);
        memory_free(gradient);
        rig_free(&rig);
    }
}

/** Several units at once have the bits of each alone, summed along the tree. */
static void test_units_at_once(void **state) {
    (void)state;
    const char *products = linear_products();
    linear_choose("own"); /* BLAS takes units one by one */
    for (size_t k = 0; k < KIND_COUNT; k++) {
        Rig rig;
        rig_make(&rig, &KINDS[k]);
        const size_t floats = rig.adapter->layout.dense;
        float *once = tiny_allocate(floats, sizeof *once), *units[UNIT_COUNT];
        backward_units(&rig, once, UNITS, UNIT_COUNT, false);
        for (size_t u = 0; u < UNIT_COUNT; u++) {
            units[u] = tiny_allocate(floats, sizeof **units);
            backward_units(&rig, units[u], UNITS + u, 1, false);
        }
        for (size_t i = 0; i < floats; i++) {
            float sum = units[0][i] + units[1][i];
            sum += units[2][i];
            assert_memory_equal(&sum, &once[i], sizeof sum);
        }
        for (size_t u = 0; u < UNIT_COUNT; u++) memory_free(units[u]);
        memory_free(once);
        rig_free(&rig);
    }
    linear_choose(products);
}

/** A unit's micro-batches add up, and nothing is written between the tensors. */
static void test_accumulates(void **state) {
    (void)state;
    Rig rig;
    rig_make(&rig, &KINDS[5]);
    const ParameterLayout *layout = &rig.adapter->layout;
    float *once = tiny_allocate(layout->dense, sizeof *once), *parts = tiny_allocate(layout->dense, sizeof *parts);
    for (size_t i = 0; i < layout->dense; i++) parts[i] = 3.0F;
    backward_units(&rig, once, ALL_TEXTS, 1, false);
    for (size_t u = 0; u < UNIT_COUNT; u++) backward_units(&rig, parts, UNITS + u, 1, u > 0);
    size_t at = 0;
    for (size_t t = 0; t < layout->tensors; t++) {
        const ParameterTensor *tensor = &layout->tensor[t];
        for (; at < tensor->offset; at++) assert_true(parts[at] == 3.0F);
        for (; at < tensor->offset + tensor->count; at++)
            assert_true(fabs((double)once[at] - (double)parts[at]) <=
                        1e-6 + GRADIENT_TOLERANCE * fabs((double)once[at]));
    }
    for (; at < layout->dense; at++) assert_true(parts[at] == 3.0F);
    memory_free(once);
    memory_free(parts);
    rig_free(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_finite_differences),
        cmocka_unit_test(test_units_at_once),
        cmocka_unit_test(test_accumulates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
