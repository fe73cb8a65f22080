/* Measure a machine's constants with the program's own kernels and passes. */
#include "linnet/core/clock.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/data/batch.h"
#include "linnet/kernels/adamw.h"
#include "linnet/kernels/linear.h"
#include "linnet/kernels/vector.h"
#include "linnet/model/gpt2.h"
#include "linnet/model/model_new.h"
#include "linnet/plan/plan_constants.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WEIGHTS_ENOUGH ((size_t)64 << 20) /* bytes: more than most caches hold */
enum { VOCABULARY = 1024, FEWEST_TOKENS = 8, LABELS = 3, REPEATS_MOST = 9, REPEATS_LEAST = 3, OVERLAP_TOKENS = 128 };
#define SECONDS_A_SIZE 1.0 /* about, for all repeats with one number of tokens */

/* A reduced model that is trained on made-up tokens. */
typedef struct {
    const World *world;
    ModelConfig config;
    ParameterLayout layout;
    Parameters parameters;
    float *m, *v;
    float *gradient, *dlogits;
    Gpt2 *gpt2;
    Batch batch;
    size_t sample_tokens;
} Rig;

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

/* Enough layers to fill the caches, but no more than the model has: weights that stay in a cache between two passes
 * would be faster than in training. */
static Status choose_layers(Rig *rig, const PlanShape *shape, Error *error) {
    static const char *const labels[LABELS] = {"negative", "neutral", "positive"};
    size_t width = (size_t)shape->width, inner = (size_t)shape->inner;
    size_t layer = (4 * width * width + 2 * width * inner) * sizeof(float);
    int32_t layers = (int32_t)size_min((size_t)shape->layers, WEIGHTS_ENOUGH / layer + 3);
    if (model_config_create(&rig->config, VOCABULARY, shape->positions, shape->width, layers, shape->heads,
                            PROBLEM_SINGLE_LABEL, labels, LABELS, 0, error))
        return error->status;
    rig->config.inner = shape->inner;
    return parameters_layout(&rig->layout, &rig->config, error);
}

static Status rig_create(Rig *rig, const World *world, const PlanShape *shape, Error *error) {
    size_t rows = batch_rows_max(shape->positions);
    *rig =
        (Rig){.world = world, .sample_tokens = shape->sample_tokens < 1.0 ? 1 : (size_t)(shape->sample_tokens + 0.5)};
    if (choose_layers(rig, shape, error) == STATUS_OK) {
        size_t dense = rig->layout.dense;
        rig->parameters.dense = memory_allocate(dense, sizeof(float), error);
        rig->parameters.token = memory_allocate(rig->layout.token.count, sizeof(float), error);
        rig->parameters.position = memory_allocate(rig->layout.position.count, sizeof(float), error);
        rig->m = memory_allocate(dense, sizeof *rig->m, error);
        rig->v = memory_allocate(dense, sizeof *rig->v, error);
        rig->gradient = memory_allocate(dense, sizeof *rig->gradient, error);
        rig->dlogits = memory_allocate(rows * LABELS, sizeof *rig->dlogits, error);
        batch_create(&rig->batch, rows, rows, error);
        gpt2_create(&rig->gpt2, &rig->config, &rig->layout, &rig->layout, false, rows, rows, error);
    }
    if (world_agree(world, error, true)) return error->status;
    float *const large[] = {rig->parameters.dense, rig->m, rig->v, rig->gradient};
    for (size_t i = 0; i < sizeof large / sizeof *large; i++)
        memory_prefault(large[i], rig->layout.dense * sizeof(float));
    model_new_parameters(&rig->layout, &rig->config, 1, &rig->parameters);
    gpt2_set_bf16(rig->gpt2, shape->bf16);
    return STATUS_OK;
}

static void rig_destroy(Rig *rig) {
    gpt2_destroy(rig->gpt2);
    batch_destroy(&rig->batch);
    float *const blocks[] = {rig->parameters.dense, rig->parameters.token, rig->parameters.position, rig->m, rig->v,
                             rig->gradient,         rig->dlogits};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) memory_free(blocks[i]);
    parameters_layout_free(&rig->layout);
    model_config_free(&rig->config);
}

/* A micro-batch of texts of the mean length. */
static void fill_batch(Rig *rig, size_t tokens) {
    BatchRule rule = {.pad = 0, .end_of_text = 0, .positions = rig->config.positions};
    int32_t ids[VOCABULARY];
    batch_clear(&rig->batch);
    size_t most = size_min(size_min(rig->sample_tokens, VOCABULARY), (size_t)rule.positions);
    while (rig->batch.tokens < tokens) {
        size_t length = size_min(tokens - rig->batch.tokens, most);
        for (size_t i = 0; i < length; i++) ids[i] = (int32_t)(1 + (rig->batch.tokens + i) * 271 % (VOCABULARY - 1));
        batch_add(&rig->batch, &rule, ids, length, 0, rig->batch.samples);
    }
    for (size_t i = 0; i < rig->batch.samples * LABELS; i++) rig->dlogits[i] = 1e-3F;
}

static double time_pass(Rig *rig) {
    DropoutRule dropout = {.seed = 1, .override = -1.0};
    Gradients gradients = {.dense = rig->gradient};
    double start = clock_now();
    gpt2_forward(rig->gpt2, &rig->parameters, &rig->batch, &dropout);
    gpt2_backward(rig->gpt2, &rig->parameters, &rig->batch, &dropout, rig->dlogits, &gradients, false, NULL, NULL);
    return clock_now() - start;
}

static double time_adamw(Rig *rig) {
    AdamW adamw = {.rate = 1e-6, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .step = 1, .grad_scale = 1.0F};
    double start = clock_now();
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < rig->layout.dense; i += PARAMETERS_BLOCK)
        adamw_update(rig->parameters.dense + i, rig->m + i, rig->v + i, rig->gradient + i, PARAMETERS_BLOCK, &adamw);
    return clock_now() - start;
}

static double time_add(Rig *rig) {
    double start = clock_now();
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < rig->layout.dense; i += PARAMETERS_BLOCK)
        vector_add(rig->m + i, rig->m + i, rig->gradient + i, PARAMETERS_BLOCK);
    return clock_now() - start;
}

/* Seconds of passes, sums and AdamW with a number of tokens, in turns as in training, so that the caches hold the same.
 * Collective. */
static void measure_size(Rig *rig, size_t tokens, PlanConstants *c, double *adamw, double *add) {
    double pass[REPEATS_MOST + 1], update[REPEATS_MOST + 1], sum[REPEATS_MOST + 1], total = 0.0;
    int count = 0;
    fill_batch(rig, tokens);
    time_pass(rig); /* starts threads, touches memory */
    while (count < REPEATS_LEAST || (count < REPEATS_MOST && total < SECONDS_A_SIZE)) {
        world_check(rig->world, MPI_Barrier(rig->world->comm), "MPI_Barrier");
        pass[count] = world_slowest(rig->world, time_pass(rig));
        sum[count] = world_slowest(rig->world, time_add(rig));
        update[count] = world_slowest(rig->world, time_adamw(rig));
        total += pass[count] + sum[count] + update[count];
        count++;
    }
    c->tokens[c->rates] = (double)rig->batch.tokens;
    c->gflops[c->rates++] =
        3e-9 * gpt2_operations(&rig->config, rig->batch.tokens, rig->batch.samples) / median(pass, count);
    *adamw = median(update, count);
    *add = median(sum, count);
}

/* Bytes of this process in memory. */
static double resident(void) {
    long pages = 0, all = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0.0;
    if (fscanf(file, "%ld %ld", &all, &pages) != 2) pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* For LinkWork. */
static void run_pass(void *context, void (*poll)(void *poll_context), void *poll_context) {
    Rig *rig = context;
    gpt2_set_poll(rig->gpt2, poll, poll_context);
    time_pass(rig);
    gpt2_set_poll(rig->gpt2, NULL, NULL);
}

PlanShape plan_shape_default(void) {
    return (PlanShape){
        .width = 768, .inner = 3072, .heads = 12, .layers = 12, .positions = 1024, .sample_tokens = 20.0};
}

static bool all_have_bf16(const World *world) {
    int64_t lacking = !linear_bf16();
    world_max_integers(world, &lacking, 1);
    return lacking == 0;
}

Status plan_measure(const World *world, const PlanShape *wanted, int threads, PlanConstants *c, Error *error) {
    Rig rig;
    PlanShape run = *wanted, *shape = &run;
    run.bf16 = all_have_bf16(world) && run.bf16;
    *c = (PlanConstants){.ranks = world->size,
                         .nodes = world->nodes,
                         .threads = threads,
                         .width = shape->width,
                         .inner = shape->inner,
                         .heads = shape->heads,
                         .bf16 = shape->bf16};
    int64_t program = (int64_t)resident();
    world_max_integers(world, &program, 1);
    c->program_bytes = (double)program;
    if (rig_create(&rig, world, shape, error) == STATUS_OK) {
        double adamw[PLAN_RATES], add[PLAN_RATES], bytes = (double)rig.layout.dense * sizeof(float);
        for (size_t tokens = FEWEST_TOKENS; c->rates < PLAN_RATES && tokens <= rig.batch.token_capacity; tokens *= 2) {
            int i = c->rates;
            measure_size(&rig, tokens, c, &adamw[i], &add[i]);
        }
        c->adamw_bandwidth = 7.0 * bytes / median(adamw, c->rates);
        c->add_bandwidth = 3.0 * bytes / median(add, c->rates);
        size_t layer = rig.layout.bucket_starts[1] * sizeof(float);
        const LinkWork work = {run_pass, &rig, (size_t)shape->layers * layer};
        fill_batch(&rig, OVERLAP_TOKENS);
        links_measure(world, &work, &c->node, &c->network, error);
    }
    rig_destroy(&rig);
    return error->status;
}
