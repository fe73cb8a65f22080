/* A language model against the float64 reference: losses, gradients by finite differences, micro-batches, buckets. */
#include "linnet/kernels/linear.h"
#include "unit/gpt2_model.h"

/* As in gpt2_gradient_test.c. */
static const double STEP = 1e-5;
static const double GRADIENT_TOLERANCE = 1e-5;
enum { PROBES = 4 };

/* Twelve predictions of a text are summed, each a float32 logit of size 1 after some 10 roundings a layer. */
static const double LOSS_TOLERANCE = 1e-5;

static double reference_sum(const Tiny *tiny) {
    double sum = 0.0;
    for (size_t i = 0; i < TINY_SAMPLES; i++)
        sum += reference_language_loss(&tiny->reference, &tiny->rule, TINY_TEXTS[i].ids, TINY_TEXTS[i].length,
                                       TINY_TEXTS[i].sample);
    return sum;
}

/** The kinds that read every token: pooling means nothing here. */
static void each_kind(void (*check)(Tiny *tiny, Gpt2 *gpt2, Batch *batch)) {
    for (size_t k = 0; k < TINY_KIND_COUNT; k++) {
        if (TINY_KINDS[k].pooling != POOLING_LAST_TOKEN) continue;
        Tiny tiny;
        Batch batch;
        tiny_make_as(&tiny, &TINY_KINDS[k], true);
        tiny_batch(&batch);
        Gpt2 *gpt2 = tiny_gpt2(&tiny, true);
        check(&tiny, gpt2, &batch);
        gpt2_destroy(gpt2);
        batch_destroy(&batch);
        tiny_free(&tiny);
    }
}

static void check_losses(Tiny *tiny, Gpt2 *gpt2, Batch *batch) {
    double losses[TINY_SAMPLES], inferred[TINY_SAMPLES];
    Gpt2 *inference = tiny_gpt2(tiny, false);
    tiny_pack(batch, tiny, 0, TINY_SAMPLES);
    gpt2_language_forward(gpt2, &tiny->parameters, batch, tiny->dropout);
    gpt2_language_loss(gpt2, &tiny->parameters, batch, losses);
    for (size_t i = 0; i < TINY_SAMPLES; i++) {
        const double expected = reference_language_loss(&tiny->reference, &tiny->rule, TINY_TEXTS[i].ids,
                                                        TINY_TEXTS[i].length, TINY_TEXTS[i].sample);
        if (!(fabs(losses[i] - expected) <= LOSS_TOLERANCE * (1.0 + expected)))
            fail_msg("text %zu: loss %.9g, not %.9g", i, losses[i], expected);
    }
    assert_true(losses[1] == 0.0); /* one token predicts nothing */
    gpt2_language_forward(inference, &tiny->parameters, batch, tiny->dropout);
    gpt2_language_loss(inference, &tiny->parameters, batch, inferred);
    assert_memory_equal(losses, inferred, sizeof losses);
    gpt2_destroy(inference);
}

static void test_losses(void **state) {
    (void)state;
    each_kind(check_losses);
}

/** The gradient of the mean over `count` predictions of texts first … first + texts − 1; position [positions, width] is
 *  added to. */
static void backward(const Tiny *tiny, Gpt2 *gpt2, Batch *batch, size_t first, size_t texts, double weight,
                     float *dense, float *position, bool accumulate, BucketDone done, void *context) {
    const size_t width = (size_t)tiny->config.width;
    double losses[TINY_SAMPLES], again[TINY_SAMPLES];
    Gradients gradients = {.dense = dense};
    tiny_pack(batch, tiny, first, texts);
    gpt2_language_forward(gpt2, &tiny->parameters, batch, tiny->dropout);
    gpt2_language_loss(gpt2, &tiny->parameters, batch, again);
    gpt2_language_backward(gpt2, &tiny->parameters, batch, tiny->dropout, weight, losses, &gradients, accumulate, done,
                           context);
    assert_memory_equal(losses, again, texts * sizeof *losses);
    for (size_t r = 0; r < batch->tokens; r++)
        for (size_t i = 0; i < width; i++)
            position[(size_t)batch->positions[r] * width + i] += gradients.residual[r * width + i];
}

static double largest(const float *values, size_t count) {
    double most = 0.0;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs((double)values[i]));
    return most;
}

static void probe(const Tiny *tiny, const char *name, double *values, const float *gradient, size_t count) {
    const double scale = largest(gradient, count);
    if (!(scale > 1e-4)) fail_msg("%s has no gradient", name);
    for (size_t k = 0; k < PROBES; k++) {
        const size_t i = (k * 2654435761U + 1) % count;
        const double kept = values[i];
        values[i] = kept + STEP;
        const double above = reference_sum(tiny);
        values[i] = kept - STEP;
        const double below = reference_sum(tiny);
        values[i] = kept;
        const double expected = 0.125 * (above - below) / (2 * STEP);
        if (!(fabs((double)gradient[i] - expected) <= GRADIENT_TOLERANCE * scale))
            fail_msg("%s[%zu]: gradient %.9g, not %.9g", name, i, (double)gradient[i], expected);
    }
}

static void check_gradients(Tiny *tiny, Gpt2 *gpt2, Batch *batch) {
    const ParameterLayout *layout = &tiny->layout;
    float *dense = tiny_allocate(layout->dense, sizeof *dense);
    float *position = tiny_allocate(layout->position.count, sizeof *position);
    backward(tiny, gpt2, batch, 0, TINY_SAMPLES, 0.125, dense, position, false, NULL, NULL);
    for (size_t t = 0; t < layout->tensors; t++)
        probe(tiny, layout->tensor[t].name, tiny->reference.dense + layout->tensor[t].offset,
              dense + layout->tensor[t].offset, layout->tensor[t].count);
    probe(tiny, layout->position.name, tiny->reference.position, position, layout->position.count);
    memory_free(dense);
    memory_free(position);
}

static void test_finite_differences(void **state) {
    (void)state;
    each_kind(check_gradients);
}

/** A unit in several micro-batches has the gradient of the unit at once. */
static void check_micro_batches(Tiny *tiny, Gpt2 *gpt2, Batch *batch) {
    const ParameterLayout *layout = &tiny->layout;
    float *arrays[4];
    for (size_t i = 0; i < 4; i++)
        arrays[i] = tiny_allocate(i < 2 ? layout->dense : layout->position.count, sizeof(float));
    backward(tiny, gpt2, batch, 0, TINY_SAMPLES, 1.0, arrays[0], arrays[2], false, NULL, NULL);
    backward(tiny, gpt2, batch, 0, 1, 1.0, arrays[1], arrays[3], false, NULL, NULL);
    backward(tiny, gpt2, batch, 1, 3, 1.0, arrays[1], arrays[3], true, NULL, NULL);
    backward(tiny, gpt2, batch, 4, 2, 1.0, arrays[1], arrays[3], true, NULL, NULL);
    for (size_t t = 0; t < layout->tensors; t++) {
        const size_t at = layout->tensor[t].offset, count = layout->tensor[t].count;
        const double bound = GRADIENT_TOLERANCE * largest(arrays[0] + at, count);
        for (size_t i = at; i < at + count; i++)
            if (!(fabs((double)arrays[0][i] - (double)arrays[1][i]) <= bound))
                fail_msg("%s: %.9g and %.9g", layout->tensor[t].name, (double)arrays[0][i], (double)arrays[1][i]);
    }
    for (size_t i = 0; i < 4; i++) memory_free(arrays[i]);
}

static void test_micro_batches_add_up(void **state) {
    (void)state;
    each_kind(check_micro_batches);
}

typedef struct {
    const ParameterLayout *layout;
    const float *dense;
    float *kept;
    size_t next;
} BucketCheck;

static void bucket_done(void *context, size_t bucket) {
    BucketCheck *check = context;
    const size_t *starts = check->layout->bucket_starts;
    assert_int_equal(bucket, --check->next);
    memcpy(check->kept + starts[bucket], check->dense + starts[bucket],
           (starts[bucket + 1] - starts[bucket]) * sizeof(float));
}

static void check_buckets(Tiny *tiny, Gpt2 *gpt2, Batch *batch) {
    const ParameterLayout *layout = &tiny->layout;
    float *dense = tiny_allocate(layout->dense, sizeof *dense), *kept = tiny_allocate(layout->dense, sizeof *kept);
    float *position = tiny_allocate(layout->position.count, sizeof *position);
    BucketCheck check = {layout, dense, kept, layout->buckets};
    backward(tiny, gpt2, batch, 0, TINY_SAMPLES, 1.0, dense, position, false, bucket_done, &check);
    assert_int_equal(check.next, 0);
    assert_memory_equal(dense, kept, layout->dense * sizeof *dense);
    memory_free(dense);
    memory_free(kept);
    memory_free(position);
}

static void test_buckets_are_final_when_done(void **state) {
    (void)state;
    each_kind(check_buckets);
}

/** Activations that are computed again give the same bits. */
static void check_checkpointing(Tiny *tiny, Gpt2 *gpt2, Batch *batch) {
    const ParameterLayout *layout = &tiny->layout;
    Gpt2 *checkpointing = tiny_gpt2_of(tiny, layout, true);
    float *arrays[4];
    for (size_t i = 0; i < 4; i++)
        arrays[i] = tiny_allocate(i < 2 ? layout->dense : layout->position.count, sizeof(float));
    backward(tiny, gpt2, batch, 0, TINY_SAMPLES, 1.0, arrays[0], arrays[2], false, NULL, NULL);
    backward(tiny, checkpointing, batch, 0, TINY_SAMPLES, 1.0, arrays[1], arrays[3], false, NULL, NULL);
    assert_memory_equal(arrays[0], arrays[1], layout->dense * sizeof(float));
    assert_memory_equal(arrays[2], arrays[3], layout->position.count * sizeof(float));
    for (size_t i = 0; i < 4; i++) memory_free(arrays[i]);
    gpt2_destroy(checkpointing);
}

static void test_checkpointing(void **state) {
    (void)state;
    each_kind(check_checkpointing);
}

/** Where NaN came up. */
static void test_find_not_finite(void **state) {
    (void)state;
    Tiny tiny;
    Batch batch;
    double losses[TINY_SAMPLES];
    char module[GPT2_MODULE_TEXT] = "";
    tiny_make_as(&tiny, &TINY_KINDS[0], true);
    tiny_batch(&batch);
    Gpt2 *gpt2 = tiny_gpt2(&tiny, true);
    tiny_pack(&batch, &tiny, 2, 1);
    gpt2_language_forward(gpt2, &tiny.parameters, &batch, NULL);
    gpt2_language_loss(gpt2, &tiny.parameters, &batch, losses);
    assert_false(gpt2_find_not_finite(gpt2, &tiny.parameters, &batch, NULL, module));
    tiny.parameters.token[10 * tiny.config.width] = INFINITY; /* a token that the text does not have, but may predict */
    gpt2_language_forward(gpt2, &tiny.parameters, &batch, NULL);
    gpt2_language_loss(gpt2, &tiny.parameters, &batch, losses);
    assert_true(gpt2_find_not_finite(gpt2, &tiny.parameters, &batch, NULL, module));
    assert_string_equal(module, "lm_head");
    gpt2_destroy(gpt2);
    batch_destroy(&batch);
    tiny_free(&tiny);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_finite_differences),
        cmocka_unit_test(test_micro_batches_add_up),
        cmocka_unit_test(test_buckets_are_final_when_done),
        cmocka_unit_test(test_checkpointing),
        cmocka_unit_test(test_find_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
