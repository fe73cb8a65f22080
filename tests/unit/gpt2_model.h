#ifndef LINNET_TESTS_GPT2_MODEL_H
#define LINNET_TESTS_GPT2_MODEL_H
/** A tiny random model, texts for it, and both of linnet's model and the float64 reference over them. */
#include "linnet/core/random.h"
#include "linnet/kernels/loss.h"
#include "unit/model_files.h"

#include "unit/gpt2_reference.h"

enum { TINY_VOCABULARY = 13, TINY_POSITIONS = 12, TINY_LABELS = 3, TINY_SAMPLES = 6, TINY_ROWS = 80 };
enum { TINY_PAD = 12 };

/** What sets one test's model apart. */
typedef struct {
    const char *name;
    int32_t width, layers, heads, inner;
    bool unscaled, by_inverse_layer;
    Pooling pooling;
    double dropout; /* 0 = none; the three kinds of dropout get different probabilities around this */
} TinyKind;

static const TinyKind TINY_KINDS[] = {
    {"plain", 24, 2, 3, 96, false, false, POOLING_LAST_TOKEN, 0.0},
    {"padded end", 24, 2, 3, 96, false, false, POOLING_PADDED_END, 0.0},
    {"one layer, odd inner width", 16, 1, 2, 37, false, false, POOLING_LAST_TOKEN, 0.0},
    {"one layer, padded end", 16, 1, 4, 64, false, false, POOLING_PADDED_END, 0.0},
    {"scaled by inverse layer", 24, 3, 2, 20, false, true, POOLING_LAST_TOKEN, 0.0},
    {"unscaled weights", 20, 2, 5, 80, true, false, POOLING_LAST_TOKEN, 0.0},
    {"dropout", 24, 3, 3, 50, false, false, POOLING_LAST_TOKEN, 0.2},
    {"dropout, padded end", 16, 2, 2, 64, false, true, POOLING_PADDED_END, 0.3},
};
enum { TINY_KIND_COUNT = sizeof TINY_KINDS / sizeof *TINY_KINDS };

/** Texts: of one token, as long as there are positions, ending in pads, nothing but pads, with a pad inside. */
static const struct {
    int32_t ids[TINY_POSITIONS];
    size_t length;
    int32_t label;
    uint64_t sample;
} TINY_TEXTS[TINY_SAMPLES] = {
    {{3, 1, 4, 1, 5}, 5, 0, 17},
    {{9}, 1, 2, 0},
    {{2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3}, 12, 1, 4294967299}, /* an index of more than 32 bits */
    {{8, 4, 6, TINY_PAD, TINY_PAD}, 5, 1, 5},
    {{TINY_PAD, TINY_PAD}, 2, 0, 23},
    {{7, TINY_PAD, 11, 10}, 4, 2, 6},
};

typedef struct {
    ModelConfig config;
    ParameterLayout layout;
    Parameters parameters;
    BatchRule rule;
    DropoutRule dropout_rule;
    const DropoutRule *dropout; /* NULL = none */
    ReferenceModel reference;
} Tiny;

static inline void *tiny_allocate(size_t count, size_t size) {
    Error error = {0};
    void *block = memory_allocate(count, size, &error);
    assert_fine(&error);
    return block;
}

/** Random values for every tensor: LayerNorm's weights around 1, all else around 0, large enough that nothing is
 *  near linear. */
static inline void tiny_fill(Tiny *tiny) {
    const ParameterLayout *layout = &tiny->layout;
    random_normal(tiny->parameters.token, (int64_t)layout->token.count, 0.7F, 5, 0);
    random_normal(tiny->parameters.position, (int64_t)layout->position.count, 0.5F, 5, 1);
    for (size_t t = 0; t < layout->tensors; t++) {
        const ParameterTensor *tensor = &layout->tensor[t];
        float *values = tiny->parameters.dense + tensor->offset;
        random_normal(values, (int64_t)tensor->count, 0.25F, 5, 2 + (uint32_t)t);
        bool norm = strstr(tensor->name, "ln_") != NULL && strstr(tensor->name, ".weight") != NULL;
        for (size_t i = 0; norm && i < tensor->count; i++) values[i] += 1.0F;
    }
}

static inline double *tiny_widen(const float *values, size_t count) {
    double *wide = tiny_allocate(count, sizeof *wide);
    for (size_t i = 0; i < count; i++) wide[i] = (double)values[i];
    return wide;
}

static inline void tiny_make_as(Tiny *tiny, const TinyKind *kind, bool language) {
    Error error = {0};
    *tiny = (Tiny){
        .config = {.vocabulary = TINY_VOCABULARY,
                   .positions = TINY_POSITIONS,
                   .width = kind->width,
                   .layers = kind->layers,
                   .heads = kind->heads,
                   .inner = kind->inner,
                   .language = language,
                   .labels = TINY_LABELS,
                   .epsilon = 1e-5,
                   .embedding_dropout = kind->dropout,
                   .attention_dropout = kind->dropout * 1.5,
                   .residual_dropout = kind->dropout * 0.5,
                   .scale_weights = !kind->unscaled,
                   .scale_by_inverse_layer = kind->by_inverse_layer},
        .rule = {.pooling = kind->pooling, .pad = TINY_PAD, .end_of_text = TINY_PAD, .positions = TINY_POSITIONS},
        .dropout_rule = {.seed = 77, .update = 3, .override = -1.0}};
    parameters_layout(&tiny->layout, &tiny->config, &error);
    assert_fine(&error);
    tiny->parameters.dense = tiny_allocate(tiny->layout.dense, sizeof(float));
    tiny->parameters.token = language ? tiny->parameters.dense + tiny->layout.token.offset
                                      : tiny_allocate(tiny->layout.token.count, sizeof(float));
    tiny->parameters.position = tiny_allocate(tiny->layout.position.count, sizeof(float));
    tiny_fill(tiny);
    if (kind->dropout > 0.0) tiny->dropout = &tiny->dropout_rule;
    tiny->reference = (ReferenceModel){.config = &tiny->config,
                                       .layout = &tiny->layout,
                                       .dense = tiny_widen(tiny->parameters.dense, tiny->layout.dense),
                                       .position = tiny_widen(tiny->parameters.position, tiny->layout.position.count),
                                       .rule = tiny->dropout};
    tiny->reference.token = language ? tiny->reference.dense + tiny->layout.token.offset
                                     : tiny_widen(tiny->parameters.token, tiny->layout.token.count);
}

static inline void tiny_make(Tiny *tiny, const TinyKind *kind) {
    tiny_make_as(tiny, kind, false);
}

static inline void tiny_free(Tiny *tiny) {
    if (!tiny->config.language) {
        memory_free(tiny->parameters.token);
        memory_free(tiny->reference.token);
    }
    memory_free(tiny->parameters.dense);
    memory_free(tiny->parameters.position);
    memory_free(tiny->reference.dense);
    memory_free(tiny->reference.position);
    parameters_layout_free(&tiny->layout);
}

static inline ParameterLayout tiny_learned(const Tiny *tiny, const Frozen *frozen) {
    ParameterLayout learned;
    Error error = {0};
    parameters_learned(&learned, &tiny->layout, frozen, &error);
    assert_fine(&error);
    return learned;
}

/** With the layout of what learns; NULL: for inference. */
static inline Gpt2 *tiny_gpt2_of(const Tiny *tiny, const ParameterLayout *learned, bool checkpointing) {
    Gpt2 *gpt2 = NULL;
    Error error = {0};
    gpt2_create(&gpt2, &tiny->config, &tiny->layout, learned, checkpointing, TINY_ROWS, TINY_SAMPLES, &error);
    assert_fine(&error);
    return gpt2;
}

static inline Gpt2 *tiny_gpt2(const Tiny *tiny, bool training) {
    return tiny_gpt2_of(tiny, training ? &tiny->layout : NULL, false);
}

static inline void tiny_batch(Batch *batch) {
    Error error = {0};
    batch_create(batch, TINY_ROWS, TINY_SAMPLES, &error);
    assert_fine(&error);
}

/** Add texts first … first + count − 1 to a batch. */
static inline void tiny_add(Batch *batch, const Tiny *tiny, size_t first, size_t count) {
    for (size_t i = first; i < first + count; i++)
        batch_add(batch, &tiny->rule, TINY_TEXTS[i].ids, TINY_TEXTS[i].length, TINY_TEXTS[i].label,
                  TINY_TEXTS[i].sample);
}

/** Put these alone into it. */
static inline void tiny_pack(Batch *batch, const Tiny *tiny, size_t first, size_t count) {
    batch_clear(batch);
    tiny_add(batch, tiny, first, count);
}

static inline void tiny_reference_logits(double logits[TINY_SAMPLES][TINY_LABELS], const Tiny *tiny) {
    for (size_t i = 0; i < TINY_SAMPLES; i++)
        reference_forward(logits[i], &tiny->reference, &tiny->rule, TINY_TEXTS[i].ids, TINY_TEXTS[i].length,
                          TINY_TEXTS[i].sample);
}

/** The reference's mean loss over all texts. */
static inline double tiny_reference_loss(const Tiny *tiny) {
    double logits[TINY_SAMPLES][TINY_LABELS], sum = 0.0;
    tiny_reference_logits(logits, tiny);
    for (size_t i = 0; i < TINY_SAMPLES; i++) sum += reference_loss(logits[i], TINY_LABELS, TINY_TEXTS[i].label);
    return sum / TINY_SAMPLES;
}

#endif
