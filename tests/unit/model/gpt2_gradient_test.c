/* The backward pass against finite differences of the float64 reference's loss. */
#include "linnet/kernels/linear.h"
#include "unit/gpt2_model.h"

/* A central difference with this step in float64 is off by about h² = 1e-10 of the third derivative and 1e-16 / h
 * = 1e-11: far below float32. */
static const double STEP = 1e-5;

/* The gradient in float32, relative to the largest of its tensor: a path crosses some 50 operations that each
 * round by 2^-24 = 6e-8 and are summed over a few dozen rows and columns; cancellation in LayerNorm's gradient
 * costs a little more. Between 1e-6 and 2e-6 was met, 1e-5 leaves room. */
static const double GRADIENT_TOLERANCE = 1e-5;

enum { PROBES = 4 }; /* parameters probed in every tensor */

/** All gradients, embeddings included. */
typedef struct {
    float *dense, *token, *position;
} AllGradients;

static AllGradients all_gradients_make(const Tiny *tiny) {
    return (AllGradients){.dense = tiny_allocate(tiny->layout.dense, sizeof(float)),
                          .token = tiny_allocate(tiny->layout.token.count, sizeof(float)),
                          .position = tiny_allocate(tiny->layout.position.count, sizeof(float))};
}

static void all_gradients_free(AllGradients *all) {
    memory_free(all->dense);
    memory_free(all->token);
    memory_free(all->position);
}

/** Forward and backward over units of texts starts[u] … starts[u + 1] − 1, whose loss is weighted as a part of all
 *  texts. */
static void backward_units(AllGradients *all, Gpt2 *gpt2, const Tiny *tiny, const size_t *starts, size_t units,
                           bool accumulate, BucketDone done, void *context) {
    double losses[TINY_SAMPLES];
    float dlogits[TINY_SAMPLES * TINY_LABELS];
    Gradients gradients = {.dense = all->dense};
    size_t width = (size_t)tiny->config.width;
    Batch batch;
    tiny_batch(&batch);
    batch_clear(&batch);
    for (size_t u = 0; u < units; u++) {
        if (u > 0) batch_next_unit(&batch);
        tiny_add(&batch, tiny, starts[u], starts[u + 1] - starts[u]);
    }
    const float *logits = gpt2_forward(gpt2, &tiny->parameters, &batch, tiny->dropout);
    loss_forward_backward(losses, dlogits, logits, batch.labels, batch.samples, TINY_LABELS, &(LossRule){0},
                          1.0 / TINY_SAMPLES);
    gpt2_backward(gpt2, &tiny->parameters, &batch, tiny->dropout, dlogits, &gradients, accumulate, done, context);
    for (size_t r = 0; r < batch.tokens && gradients.residual; r++)
        for (size_t i = 0; i < width; i++) {
            all->token[(size_t)batch.ids[r] * width + i] += gradients.residual[r * width + i];
            all->position[(size_t)batch.positions[r] * width + i] += gradients.residual[r * width + i];
        }
    batch_destroy(&batch);
}

/** The same over texts first … first + count − 1 as one unit. */
static void backward(AllGradients *all, Gpt2 *gpt2, const Tiny *tiny, size_t first, size_t count, bool accumulate,
                     BucketDone done, void *context) {
    backward_units(all, gpt2, tiny, (const size_t[]){first, first + count}, 1, accumulate, done, context);
}

static double largest(const float *values, size_t count) {
    double most = 0.0;
    for (size_t i = 0; i < count; i++)
        if (fabs((double)values[i]) > most) most = fabs((double)values[i]);
    return most;
}

/** Probe parameters spread over a tensor: values are the reference's, gradient [count] linnet's. */
static void probe(const Tiny *tiny, const char *name, double *values, const float *gradient, size_t count) {
    double scale = largest(gradient, count);
    /* Keys' biases have no gradient (softmax does not see what all keys share), but every tensor has one. */
    if (!(scale > 1e-4)) fail_msg("%s has no gradient", name);
    for (size_t k = 0; k < PROBES; k++) {
        size_t i = (k * 2654435761U + 1) % count;
        double kept = values[i], above, below;
        values[i] = kept + STEP;
        above = tiny_reference_loss(tiny);
        values[i] = kept - STEP;
        below = tiny_reference_loss(tiny);
        values[i] = kept;
        double expected = (above - below) / (2 * STEP);
        if (!(fabs((double)gradient[i] - expected) <= GRADIENT_TOLERANCE * scale))
            fail_msg("%s[%zu]: gradient %.9g, not %.9g", name, i, (double)gradient[i], expected);
    }
}

static void check_kind(const TinyKind *kind) {
    Tiny tiny;
    tiny_make(&tiny, kind);
    AllGradients all = all_gradients_make(&tiny);
    Gpt2 *gpt2 = tiny_gpt2(&tiny, true);
    backward(&all, gpt2, &tiny, 0, TINY_SAMPLES, false, NULL, NULL);
    for (size_t t = 0; t < tiny.layout.tensors; t++) {
        const ParameterTensor *tensor = &tiny.layout.tensor[t];
        probe(&tiny, tensor->name, tiny.reference.dense + tensor->offset, all.dense + tensor->offset, tensor->count);
    }
    probe(&tiny, tiny.layout.token.name, tiny.reference.token, all.token, tiny.layout.token.count);
    probe(&tiny, tiny.layout.position.name, tiny.reference.position, all.position, tiny.layout.position.count);
    gpt2_destroy(gpt2);
    all_gradients_free(&all);
    tiny_free(&tiny);
}

static void test_finite_differences(void **state) {
    (void)state;
    for (size_t k = 0; k < TINY_KIND_COUNT; k++) check_kind(&TINY_KINDS[k]);
}

static void assert_alike(const char *name, const float *a, const float *b, size_t count) {
    double bound = GRADIENT_TOLERANCE * largest(a, count);
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)a[i] - (double)b[i]) <= bound))
            fail_msg("%s[%zu]: %.9g and %.9g", name, i, (double)a[i], (double)b[i]);
}

/** A unit's micro-batches, added up, have the gradient of the unit run at once. */
static void test_micro_batches_add_up(void **state) {
    (void)state;
    for (size_t k = 0; k < TINY_KIND_COUNT; k++) {
        Tiny tiny;
        tiny_make(&tiny, &TINY_KINDS[k]);
        AllGradients once = all_gradients_make(&tiny), parts = all_gradients_make(&tiny);
        Gpt2 *gpt2 = tiny_gpt2(&tiny, true);
        backward(&once, gpt2, &tiny, 0, TINY_SAMPLES, false, NULL, NULL);
        backward(&parts, gpt2, &tiny, 0, 1, false, NULL, NULL);
        backward(&parts, gpt2, &tiny, 1, 3, true, NULL, NULL);
        backward(&parts, gpt2, &tiny, 4, 2, true, NULL, NULL);
        for (size_t t = 0; t < tiny.layout.tensors; t++) {
            const ParameterTensor *tensor = &tiny.layout.tensor[t];
            assert_alike(tensor->name, once.dense + tensor->offset, parts.dense + tensor->offset, tensor->count);
        }
        assert_alike("token", once.token, parts.token, tiny.layout.token.count);
        assert_alike("position", once.position, parts.position, tiny.layout.position.count);
        gpt2_destroy(gpt2);
        all_gradients_free(&once);
        all_gradients_free(&parts);
        tiny_free(&tiny);
    }
}

/** Several units' gradient at once has the bits of each unit's alone, summed along the tree. */
static void test_units_at_once(void **state) {
    (void)state;
    static const size_t starts[] = {0, 1, 4, TINY_SAMPLES};
    const char *products = linear_products();
    linear_choose("own"); /* BLAS takes units one by one */
    for (size_t k = 0; k < TINY_KIND_COUNT; k++) {
        Tiny tiny;
        tiny_make(&tiny, &TINY_KINDS[k]);
        AllGradients once = all_gradients_make(&tiny), units[3];
        Gpt2 *gpt2 = tiny_gpt2(&tiny, true);
        backward_units(&once, gpt2, &tiny, starts, 3, false, NULL, NULL);
        for (size_t u = 0; u < 3; u++) {
            units[u] = all_gradients_make(&tiny);
            backward(&units[u], gpt2, &tiny, starts[u], starts[u + 1] - starts[u], false, NULL, NULL);
        }
        for (size_t t = 0; t < tiny.layout.tensors; t++) {
            const ParameterTensor *tensor = &tiny.layout.tensor[t];
            for (size_t i = tensor->offset; i < tensor->offset + tensor->count; i++) {
                float sum = units[0].dense[i] + units[1].dense[i];
                sum += units[2].dense[i];
                if (memcmp(&sum, &once.dense[i], sizeof sum) != 0)
                    fail_msg("%s[%zu]: %.9g, not %.9g", tensor->name, i - tensor->offset, (double)once.dense[i],
                             (double)sum);
            }
        }
        for (size_t u = 0; u < 3; u++) all_gradients_free(&units[u]);
        gpt2_destroy(gpt2);
        all_gradients_free(&once);
        tiny_free(&tiny);
    }
    linear_choose(products);
}

/** Without `accumulate` what was there does not matter; what lies between the tensors is never written. */
static void test_writes_tensors_and_nothing_else(void **state) {
    (void)state;
    const float before[2] = {3.0F, NAN};
    Tiny tiny;
    tiny_make(&tiny, &TINY_KINDS[2]);
    AllGradients results[2] = {all_gradients_make(&tiny), all_gradients_make(&tiny)};
    Gpt2 *gpt2 = tiny_gpt2(&tiny, true);
    for (size_t w = 0; w < 2; w++) {
        for (size_t i = 0; i < tiny.layout.dense; i++) results[w].dense[i] = before[w];
        backward(&results[w], gpt2, &tiny, 0, TINY_SAMPLES, false, NULL, NULL);
    }
    size_t at = 0;
    for (size_t t = 0; t < tiny.layout.tensors; t++) {
        const ParameterTensor *tensor = &tiny.layout.tensor[t];
        for (; at < tensor->offset; at++) assert_true(results[0].dense[at] == before[0]);
        assert_memory_equal(results[0].dense + at, results[1].dense + at, tensor->count * sizeof(float));
        at += tensor->count;
    }
    for (; at < tiny.layout.dense; at++) assert_true(results[0].dense[at] == before[0]);
    gpt2_destroy(gpt2);
    all_gradients_free(&results[0]);
    all_gradients_free(&results[1]);
    tiny_free(&tiny);
}

/** What the buckets held when each was said to be final. */
typedef struct {
    const Tiny *tiny;
    const float *dense;
    float *kept;
    size_t next; /* buckets that are still to come */
} BucketCheck;

static void bucket_done(void *context, size_t bucket) {
    BucketCheck *check = context;
    const size_t *starts = check->tiny->layout.bucket_starts;
    assert_int_equal(bucket, --check->next);
    memcpy(check->kept + starts[bucket], check->dense + starts[bucket],
           (starts[bucket + 1] - starts[bucket]) * sizeof(float));
}

static void test_buckets_are_final_when_done(void **state) {
    (void)state;
    for (size_t k = 0; k < TINY_KIND_COUNT; k++) {
        Tiny tiny;
        tiny_make(&tiny, &TINY_KINDS[k]);
        AllGradients all = all_gradients_make(&tiny), kept = all_gradients_make(&tiny);
        Gpt2 *gpt2 = tiny_gpt2(&tiny, true);
        BucketCheck check = {&tiny, all.dense, kept.dense, tiny.layout.buckets};
        backward(&all, gpt2, &tiny, 0, TINY_SAMPLES, false, bucket_done, &check);
        assert_int_equal(check.next, 0);
        assert_memory_equal(all.dense, kept.dense, tiny.layout.dense * sizeof(float));
        gpt2_destroy(gpt2);
        all_gradients_free(&all);
        all_gradients_free(&kept);
        tiny_free(&tiny);
    }
}

static void count_bucket(void *context, size_t bucket) {
    size_t *next = context;
    assert_int_equal(bucket, --*next);
}

/** What learns has the bits that it has where everything learns, and nothing else is written. With checkpointing too: what
 * the backward pass computes again has the bits of the forward pass, dropout included. */
static void check_frozen(const Tiny *tiny, const AllGradients *all, const Frozen *frozen, bool checkpointing) {
    const size_t first = parameters_first_learned(&tiny->layout, frozen);
    ParameterLayout learned = tiny_learned(tiny, frozen);
    AllGradients some = all_gradients_make(tiny);
    Gpt2 *gpt2 = tiny_gpt2_of(tiny, &learned, checkpointing);
    size_t next = learned.buckets;
    backward(&some, gpt2, tiny, 0, TINY_SAMPLES, false, count_bucket, &next);
    assert_int_equal(next, 0);
    assert_memory_equal(some.dense, all->dense + first, learned.dense * sizeof(float));
    for (size_t i = learned.dense; i < tiny->layout.dense; i++) assert_true(some.dense[i] == 0.0F);
    for (size_t i = 0; i < tiny->layout.token.count; i++)
        assert_true(some.token[i] == (frozen->embeddings ? 0.0F : all->token[i]));
    for (size_t i = 0; i < tiny->layout.position.count; i++)
        assert_true(some.position[i] == (frozen->embeddings ? 0.0F : all->position[i]));
    gpt2_destroy(gpt2);
    all_gradients_free(&some);
    parameters_layout_free(&learned);
}

static void test_frozen(void **state) {
    (void)state;
    for (size_t k = 0; k < TINY_KIND_COUNT; k++) {
        Tiny tiny;
        tiny_make(&tiny, &TINY_KINDS[k]);
        AllGradients all = all_gradients_make(&tiny);
        Gpt2 *gpt2 = tiny_gpt2(&tiny, true);
        backward(&all, gpt2, &tiny, 0, TINY_SAMPLES, false, NULL, NULL);
        for (int layers = 0; layers <= tiny.layout.layers; layers++) {
            check_frozen(&tiny, &all, &(Frozen){layers, false}, false);
            check_frozen(&tiny, &all, &(Frozen){layers, true}, false);
            check_frozen(&tiny, &all, &(Frozen){layers, false}, true);
            check_frozen(&tiny, &all, &(Frozen){layers, true}, true);
        }
        gpt2_destroy(gpt2);
        all_gradients_free(&all);
        tiny_free(&tiny);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finite_differences),
        cmocka_unit_test(test_micro_batches_add_up),
        cmocka_unit_test(test_units_at_once),
        cmocka_unit_test(test_writes_tensors_and_nothing_else),
        cmocka_unit_test(test_buckets_are_final_when_done),
        cmocka_unit_test(test_frozen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
