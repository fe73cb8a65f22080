/* GPT-2's working memory and forward pass. gpt2.h has the contract; gpt2_backward.c has the backward pass. */
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include "linnet/kernels/embedding.h"
#include "linnet/kernels/gelu.h"
#include "linnet/kernels/language_head.h"
#include "linnet/kernels/layernorm.h"
#include "linnet/kernels/residual.h"
#include "model/gpt2_private.h"
#include <math.h>
#include <omp.h>
#include <string.h>

/* Takes arrays from one allocation; with a NULL base it only counts their floats. */
typedef struct {
    float *base;
    size_t used; /* floats */
} Arena;

static float *arena_take(Arena *arena, size_t rows, size_t columns) {
    float *array = arena->base ? arena->base + arena->used : NULL;
    arena->used += (rows * columns + 15) / 16 * 16;
    return array;
}

/* All arrays of a block but its input. */
static void place_activations(Arena *arena, Block *block, const ModelConfig *config, size_t m) {
    size_t c = (size_t)config->width;
    block->mean1 = arena_take(arena, m, 1);
    block->rstd1 = arena_take(arena, m, 1);
    block->qkv = arena_take(arena, m, 3 * c);
    block->lse = arena_take(arena, m, (size_t)config->heads);
    block->attended = arena_take(arena, m, c);
    block->middle = arena_take(arena, m, c);
    block->mean2 = arena_take(arena, m, 1);
    block->rstd2 = arena_take(arena, m, 1);
    block->fc = arena_take(arena, m, (size_t)config->inner);
}

/* What the head of a language model works with; returns the floats of scratch that its products need. */
static size_t place_language_head(Arena *arena, Gpt2 *gpt2, const ModelConfig *config, size_t m, bool training) {
    const size_t vocabulary = (size_t)config->vocabulary;
    gpt2->logits = arena_take(arena, 1, language_head_logits(m, vocabulary));
    gpt2->row_losses = (double *)arena_take(arena, m, sizeof(double) / sizeof(float));
    gpt2->targets = (int32_t *)arena_take(arena, m, 1);
    if (training) gpt2->token_links = (int32_t *)arena_take(arena, vocabulary + m, 1);
    return language_head_scratch(m, (size_t)config->width, vocabulary, (size_t)gpt2->products.threads);
}

/* The arrays that all blocks share. */
static void place_shared(Arena *arena, Gpt2 *gpt2, const ModelConfig *config, size_t m, size_t b, bool training) {
    size_t c = (size_t)config->width, inner = (size_t)config->inner, f = config->language ? m : b;
    gpt2->query = arena_take(arena, b, c);
    gpt2->pooled_ln1 = arena_take(arena, b, c);
    gpt2->pooled_input = arena_take(arena, b, c);
    gpt2->normalized = arena_take(arena, m, c);
    gpt2->gelu = arena_take(arena, m, training && 3 * c > inner ? 3 * c : inner);
    gpt2->branch = arena_take(arena, m, c);
    gpt2->output = arena_take(arena, f, c);
    gpt2->final = arena_take(arena, f, c);
    gpt2->final_mean = arena_take(arena, f, 1);
    gpt2->final_rstd = arena_take(arena, f, 1);
    if (!config->language) gpt2->logits = arena_take(arena, b, (size_t)config->labels);
    gpt2->attention_scratch = arena_take(
        arena, 1,
        attention_scratch((size_t)config->positions + 1, c / (size_t)config->heads, (size_t)omp_get_max_threads()));
    size_t widest = size_max(size_max(inner, 3 * c), (size_t)config->labels);
    gpt2->products.threads = omp_get_max_threads();
    size_t scratch = linear_scratch(size_max(m, b), c, widest, (size_t)gpt2->products.threads);
    if (config->language) scratch = size_max(scratch, place_language_head(arena, gpt2, config, m, training));
    gpt2->products.scratch = arena_take(arena, 1, scratch);
    if (!training) return;
    gpt2->dstream = arena_take(arena, m, c);
    gpt2->dbranch = gpt2->branch;
    gpt2->dattended = arena_take(arena, m, c);
    gpt2->dqkv = gpt2->dinner = gpt2->gelu;
    gpt2->dpooled = arena_take(arena, b, c);
    gpt2->norm_scratch = arena_take(arena, LAYERNORM_SCRATCH, c);
}

int gpt2_lowest_layer(const ParameterLayout *learned) {
    int layer = 0;
    if (learned->token.count > 0) return 0;
    while (layer < learned->layers && learned->bucket_starts[layer + 1] == learned->bucket_starts[layer]) layer++;
    return layer;
}

/* The first layer that has activations of its own: those below it, which no backward pass goes through, use its. */
static int first_kept(const ModelConfig *config, const ParameterLayout *learned) {
    const int last = config->layers - 1, lowest = learned ? gpt2_lowest_layer(learned) : last;
    return lowest < last ? lowest : last;
}

/* The arrays of all blocks [layers]; with NULL only count them. Layers below the first one that is kept have its arrays;
 * with checkpointing those above have all of them but the input. */
static void place_blocks(Arena *arena, Block *blocks, const ModelConfig *config, const ParameterLayout *learned,
                         bool checkpointing, size_t m) {
    const int kept = first_kept(config, learned);
    Block block = {0};
    for (int l = kept; l < config->layers; l++) {
        block.input = arena_take(arena, m, (size_t)config->width);
        if (l == kept || !checkpointing) place_activations(arena, &block, config, m);
        if (blocks) blocks[l] = block;
    }
    for (int l = 0; l < kept && blocks; l++) blocks[l] = blocks[kept];
}

size_t gpt2_bytes(const ModelConfig *config, const ParameterLayout *learned, bool checkpointing, size_t tokens,
                  size_t samples) {
    Gpt2 shared = {0};
    Arena arena = {0};
    place_blocks(&arena, NULL, config, learned, checkpointing, tokens);
    place_shared(&arena, &shared, config, tokens, samples, learned != NULL);
    return arena.used * sizeof(float);
}

Status gpt2_create(Gpt2 **gpt2, const ModelConfig *config, const ParameterLayout *layout,
                   const ParameterLayout *learned, bool checkpointing, size_t token_capacity, size_t sample_capacity,
                   Error *error) {
    Gpt2 *new = memory_allocate(1, sizeof *new, error);
    if (!new) return error->status;
    *new = (Gpt2){.config = config,
                  .layout = layout,
                  .learned = learned,
                  .checkpointing = checkpointing,
                  .rows = token_capacity,
                  .samples = sample_capacity};
    if (learned) new->lowest = gpt2_lowest_layer(learned);
    new->blocks = memory_allocate((size_t)config->layers, sizeof *new->blocks, error);
    size_t bytes = gpt2_bytes(config, learned, checkpointing, token_capacity, sample_capacity);
    new->pool = memory_allocate(bytes / sizeof(float), sizeof(float), error);
    if (error->status != STATUS_OK) {
        gpt2_destroy(new);
        return error->status;
    }
    Arena arena = {.base = new->pool};
    place_blocks(&arena, new->blocks, config, learned, checkpointing, token_capacity);
    place_shared(&arena, new, config, token_capacity, sample_capacity, learned != NULL);
    *gpt2 = new;
    return STATUS_OK;
}

void gpt2_destroy(Gpt2 *gpt2) {
    if (!gpt2) return;
    memory_free(gpt2->blocks);
    memory_free(gpt2->pool);
    memory_free(gpt2->adapter.pool);
    memory_free(gpt2);
}

void gpt2_set_profile(Gpt2 *gpt2, Profile *profile) {
    gpt2->profile = profile;
}

void gpt2_set_poll(Gpt2 *gpt2, void (*poll)(void *context), void *context) {
    gpt2->products.poll = poll;
    gpt2->products.poll_context = context;
}

void gpt2_set_bf16(Gpt2 *gpt2, bool bf16) {
    gpt2->products.bf16 = bf16;
}

/* Multiplications of a layer's linear layers, once: qkv, projection, both of the MLP. */
static double block_products(const ModelConfig *config, int layer, double m, double b) {
    double c = config->width, inner = config->inner, rest = 2.0 * c * c + 2.0 * c * inner;
    const bool pooled = layer == config->layers - 1 && !config->language;
    return m * 2.0 * c * c + (pooled ? b : m) * rest;
}

static double head_products(const ModelConfig *config, double m, double b) {
    return config->language ? m * config->width * config->vocabulary : b * config->width * config->labels;
}

double gpt2_operations(const ModelConfig *config, size_t tokens, size_t samples) {
    double m = (double)tokens, b = (double)samples, products = head_products(config, m, b);
    for (int l = 0; l < config->layers; l++) products += block_products(config, l, m, b);
    return 2.0 * products;
}

double gpt2_backward_operations(const ModelConfig *config, const ParameterLayout *learned, size_t tokens,
                                size_t samples) {
    double m = (double)tokens, b = (double)samples, products = 2.0 * head_products(config, m, b);
    for (int l = gpt2_lowest_layer(learned); l < config->layers; l++) {
        const size_t *starts = learned->bucket_starts + parameters_bucket(learned, l);
        const bool learns = parameters_are_of_model(learned) && starts[1] > starts[0];
        products += (learns ? 2.0 : 1.0) * block_products(config, l, m, b); /* by the input, and by the weights */
    }
    return 2.0 * products;
}

double gpt2_repeated_operations(const ModelConfig *config, const ParameterLayout *learned, size_t tokens) {
    const int layers = config->layers - 1 - gpt2_lowest_layer(learned);
    double m = (double)tokens, out = m * config->inner * config->width;
    return layers > 0 ? 2.0 * layers * (block_products(config, 0, m, m) - out) : 0.0;
}

double gpt2_attention_operations(const AttentionShape *shape) {
    double key_counts = 0.0;
    for (int32_t r = 0; r < shape->cu_seqlens_q[shape->samples]; r++) key_counts += shape->key_counts[r];
    return 4.0 * key_counts * (double)(shape->heads * shape->head_width);
}

Rows gpt2_rows_after_attention(const Gpt2 *gpt2, const Batch *batch, int layer) {
    if (gpt2_is_pooled(gpt2, layer))
        return (Rows){batch->samples, batch->pooled_positions, batch->sample_ids, batch_sample_segments(batch)};
    return gpt2_all_rows(batch);
}

Rows gpt2_all_rows(const Batch *batch) {
    return (Rows){batch->tokens, batch->positions, batch->row_samples, batch_row_segments(batch)};
}

AttentionShape gpt2_attention_shape(const Gpt2 *gpt2, const Batch *batch, int layer) {
    const ModelConfig *config = gpt2->config;
    bool last = gpt2_is_pooled(gpt2, layer);
    size_t heads = (size_t)config->heads, d = (size_t)config->width / heads;
    double scale = config->scale_weights ? 1.0 / sqrt((double)d) : 1.0;
    if (config->scale_by_inverse_layer) scale /= layer + 1;
    return (AttentionShape){
        .samples = batch->samples,
        .heads = heads,
        .head_width = d,
        .cu_seqlens_q = last ? batch->pooled_cu_seqlens : batch->cu_seqlens,
        .cu_seqlens_k = batch->shared_rows > 0 ? batch->cu_keys : batch->cu_seqlens,
        .key_rows = batch->shared_rows > 0 ? batch->key_rows : NULL,
        .key_counts = last ? batch->pooled_key_counts : batch->key_counts,
        .positions = last ? batch->pooled_positions : batch->positions,
        .sample_ids = batch->sample_ids,
        .scale = (float)scale,
    };
}

const Dropout *gpt2_dropout(const Gpt2 *gpt2, const DropoutRule *rule, int layer, DropoutSite site, Dropout *dropout) {
    if (!rule) return NULL;
    double p = site == DROPOUT_EMBEDDING   ? gpt2->config->embedding_dropout
               : site == DROPOUT_ATTENTION ? gpt2->config->attention_dropout
                                           : gpt2->config->residual_dropout;
    if (rule->override >= 0.0) p = rule->override;
    if (p == 0.0) return NULL;
    *dropout = dropout_make(p, rule->seed, rule->update, layer, site);
    return dropout;
}

float *gpt2_tensor(const Gpt2 *gpt2, float *dense, int layer, LayerTensor which) {
    return dense + gpt2->layout->tensor[parameters_layer(gpt2->layout, layer, which)].offset;
}

void gpt2_normalize(Gpt2 *gpt2, float *dense, int layer, LayerTensor weight, size_t rows) {
    Block *block = &gpt2->blocks[layer];
    bool first = weight == LN1_WEIGHT;
    layernorm_forward(gpt2->normalized, first ? block->mean1 : block->mean2, first ? block->rstd1 : block->rstd2,
                      first ? block->input : block->middle, gpt2_tensor(gpt2, dense, layer, weight),
                      gpt2_tensor(gpt2, dense, layer, first ? LN1_BIAS : LN2_BIAS), rows, (size_t)gpt2->config->width,
                      (float)gpt2->config->epsilon);
}

void gpt2_gather_pooled(float *out, const float *x, const Batch *batch, size_t width) {
    for (size_t b = 0; b < batch->samples; b++)
        memcpy(out + b * width, x + (size_t)batch->pooled[b] * width, width * sizeof *out);
}

/* block->attended = the outputs of a block's heads: ln1 → qkv → attention. */
static void forward_attention(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, int layer,
                              const DropoutRule *rule) {
    Block *block = &gpt2->blocks[layer];
    float *dense = parameters->dense;
    size_t c = (size_t)gpt2->config->width, m = batch->tokens;
    const float *weight = gpt2_tensor(gpt2, dense, layer, ATTN_WEIGHT);
    const float *bias = gpt2_tensor(gpt2, dense, layer, ATTN_BIAS);
    Dropout dropout;
    AttentionShape shape = gpt2_attention_shape(gpt2, batch, layer);
    const bool last = gpt2_is_pooled(gpt2, layer);
    /* In the last block of a classifier the first C columns of the weight make the queries of the pooled rows alone. */
    const size_t skipped = last ? c : 0, columns = 3 * c - skipped;
    gpt2_normalize(gpt2, dense, layer, LN1_WEIGHT, m);
    if (last) {
        gpt2_gather_pooled(gpt2->pooled_ln1, gpt2->normalized, batch, c);
        linear_forward(gpt2->query, gpt2->pooled_ln1, weight, bias, batch->samples, &(LinearShape){c, c, 3 * c, c, c},
                       &gpt2->products);
    }
    linear_forward(block->qkv, gpt2->normalized, weight + skipped, bias + skipped, m,
                   &(LinearShape){c, columns, 3 * c, c, columns}, &gpt2->products);
    const Rows rows = gpt2_all_rows(batch);
    if (last)
        gpt2_adapt_last(gpt2, parameters, gpt2->query, block->qkv, gpt2->normalized, batch, rule);
    else
        gpt2_adapt(gpt2, parameters, layer, ADAPTED_ATTN, block->qkv, gpt2->normalized, &rows, rule);
    const float *keys = block->qkv + columns - 2 * c;
    profile_enter(gpt2->profile, REGION_ATTENTION);
    attention_forward(block->attended, block->lse, last ? gpt2->query : block->qkv, last ? c : columns, keys, keys + c,
                      columns, &shape, gpt2_dropout(gpt2, rule, layer, DROPOUT_ATTENTION, &dropout),
                      gpt2->attention_scratch);
    profile_leave(gpt2->profile, gpt2_attention_operations(&shape));
}

/* What the linear layers after a block's attention share. */
typedef struct {
    Gpt2 *gpt2;
    const Parameters *parameters;
    const DropoutRule *rule;
    int layer;
    Rows rows;
} Stage;

/* One of them: y [rows, out] from x [rows, in]. Its bias is the tensor behind its weight. */
static void forward_linear(const Stage *stage, LayerTensor weight, AdaptedLinear which, float *y, const float *x,
                           size_t in, size_t out) {
    Gpt2 *gpt2 = stage->gpt2;
    float *dense = stage->parameters->dense;
    linear_forward(y, x, gpt2_tensor(gpt2, dense, stage->layer, weight),
                   gpt2_tensor(gpt2, dense, stage->layer, weight + 1), stage->rows.count,
                   &(LinearShape){in, out, out, in, out}, &gpt2->products);
    gpt2_adapt(gpt2, stage->parameters, stage->layer, which, y, x, &stage->rows, stage->rule);
}

/* block->middle and block->fc from the outputs of the block's heads. */
static void forward_middle(const Stage *stage, const float *stream) {
    Gpt2 *gpt2 = stage->gpt2;
    Block *block = &gpt2->blocks[stage->layer];
    size_t c = (size_t)gpt2->config->width, inner = (size_t)gpt2->config->inner;
    const Rows *rows = &stage->rows;
    Dropout dropout;
    forward_linear(stage, PROJ_WEIGHT, ADAPTED_PROJ, gpt2->branch, block->attended, c, c);
    residual_forward(block->middle, stream, gpt2->branch, rows->positions, rows->samples, rows->count, c,
                     gpt2_dropout(gpt2, stage->rule, stage->layer, DROPOUT_ATTENTION_OUTPUT, &dropout));
    gpt2_normalize(gpt2, stage->parameters->dense, stage->layer, LN2_WEIGHT, rows->count);
    forward_linear(stage, FC_WEIGHT, ADAPTED_FC, block->fc, gpt2->normalized, c, inner);
}

/* out = the stream after the block. */
static void forward_output(const Stage *stage, float *out) {
    Gpt2 *gpt2 = stage->gpt2;
    Block *block = &gpt2->blocks[stage->layer];
    size_t c = (size_t)gpt2->config->width, inner = (size_t)gpt2->config->inner;
    const Rows *rows = &stage->rows;
    Dropout dropout;
    gelu_forward(gpt2->gelu, block->fc, rows->count * inner);
    forward_linear(stage, OUT_WEIGHT, ADAPTED_OUT, gpt2->branch, gpt2->gelu, inner, c);
    residual_forward(out, block->middle, gpt2->branch, rows->positions, rows->samples, rows->count, c,
                     gpt2_dropout(gpt2, stage->rule, stage->layer, DROPOUT_MLP_OUTPUT, &dropout));
}

void gpt2_repeat_block(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, int layer,
                       const DropoutRule *rule) {
    const Stage stage = {gpt2, parameters, rule, layer, gpt2_rows_after_attention(gpt2, batch, layer)};
    forward_attention(gpt2, parameters, batch, layer, rule);
    forward_middle(&stage, gpt2_is_pooled(gpt2, layer) ? gpt2->pooled_input : gpt2->blocks[layer].input);
}

void gpt2_forward_blocks(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, const DropoutRule *rule) {
    const ModelConfig *config = gpt2->config;
    const ParameterLayout *layout = gpt2->layout;
    size_t c = (size_t)config->width;
    float *dense = parameters->dense;
    Dropout dropout;
    if (layout->language) parameters_await(parameters, 0);
    embedding_forward(gpt2->blocks[0].input, parameters->token, parameters->position, batch->ids, batch->positions,
                      batch->row_samples, batch->tokens, c, gpt2_dropout(gpt2, rule, 0, DROPOUT_EMBEDDING, &dropout));
    for (int l = 0; l < config->layers; l++) {
        const float *input = gpt2->blocks[l].input;
        const bool pooled = gpt2_is_pooled(gpt2, l);
        parameters_await(parameters, parameters_bucket(layout, l));
        forward_attention(gpt2, parameters, batch, l, rule);
        if (pooled) gpt2_gather_pooled(gpt2->pooled_input, input, batch, c);
        const Stage stage = {gpt2, parameters, rule, l, gpt2_rows_after_attention(gpt2, batch, l)};
        forward_middle(&stage, pooled ? gpt2->pooled_input : input);
        forward_output(&stage, gpt2_is_last(gpt2, l) ? gpt2->output : gpt2->blocks[l + 1].input);
    }
    parameters_await(parameters, layout->buckets - 1);
    layernorm_forward(gpt2->final, gpt2->final_mean, gpt2->final_rstd, gpt2->output,
                      dense + layout->tensor[parameters_final_weight(layout)].offset,
                      dense + layout->tensor[parameters_final_bias(layout)].offset, gpt2_final_rows(gpt2, batch), c,
                      (float)config->epsilon);
}

const float *gpt2_forward(Gpt2 *gpt2, const Parameters *parameters, const Batch *batch, const DropoutRule *rule) {
    const ModelConfig *config = gpt2->config;
    size_t c = (size_t)config->width, b = batch->samples, labels = (size_t)config->labels;
    profile_enter(gpt2->profile, REGION_FORWARD);
    gpt2_forward_blocks(gpt2, parameters, batch, rule);
    /* logits = final · scoreᵀ: score is [labels, C], so this has the form of an input's gradient. */
    linear_backward_input(gpt2->logits, gpt2->final, gpt2_score(gpt2, parameters), b,
                          &(LinearShape){labels, c, c, labels, c}, &gpt2->products);
    profile_leave(gpt2->profile, gpt2_operations(config, batch->tokens, b));
    return gpt2->logits;
}
