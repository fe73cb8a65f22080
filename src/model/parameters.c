/* The layout of the parameters. parameters.h has the contract. */
#include "linnet/model/parameters.h"
#include "linnet/core/integers.h"
#include "linnet/core/memory.h"
#include <stdio.h>

#define TENSOR_ALIGNMENT 16 /* floats: one cache line, one AVX-512 register */

/* The lengths that a tensor's axes can have; AXIS_NONE: the tensor has one axis only. */
typedef enum { AXIS_NONE, AXIS_WIDTH, AXIS_THREE_WIDTHS, AXIS_INNER, AXIS_LABELS, AXIS_VOCABULARY } Axis;

typedef struct {
    const char *name; /* within its layer, or the complete name */
    Axis axis[2];     /* Conv1D weights are [in, out], score [labels, width] */
    bool decay, head;
} TensorKind;

static const TensorKind LAYER_KINDS[LAYER_TENSORS] = {
    [LN1_WEIGHT] = {.name = "ln_1.weight", .axis = {AXIS_WIDTH}},
    [LN1_BIAS] = {.name = "ln_1.bias", .axis = {AXIS_WIDTH}},
    [ATTN_WEIGHT] = {.name = "attn.c_attn.weight", .axis = {AXIS_WIDTH, AXIS_THREE_WIDTHS}, .decay = true},
    [ATTN_BIAS] = {.name = "attn.c_attn.bias", .axis = {AXIS_THREE_WIDTHS}},
    [PROJ_WEIGHT] = {.name = "attn.c_proj.weight", .axis = {AXIS_WIDTH, AXIS_WIDTH}, .decay = true},
    [PROJ_BIAS] = {.name = "attn.c_proj.bias", .axis = {AXIS_WIDTH}},
    [LN2_WEIGHT] = {.name = "ln_2.weight", .axis = {AXIS_WIDTH}},
    [LN2_BIAS] = {.name = "ln_2.bias", .axis = {AXIS_WIDTH}},
    [FC_WEIGHT] = {.name = "mlp.c_fc.weight", .axis = {AXIS_WIDTH, AXIS_INNER}, .decay = true},
    [FC_BIAS] = {.name = "mlp.c_fc.bias", .axis = {AXIS_INNER}},
    [OUT_WEIGHT] = {.name = "mlp.c_proj.weight", .axis = {AXIS_INNER, AXIS_WIDTH}, .decay = true},
    [OUT_BIAS] = {.name = "mlp.c_proj.bias", .axis = {AXIS_WIDTH}},
};

enum { FINAL_WEIGHT, FINAL_BIAS, FINAL_SCORE, FINAL_TENSORS };

static const TensorKind FINAL_KINDS[FINAL_TENSORS] = {
    [FINAL_WEIGHT] = {.name = "transformer.ln_f.weight", .axis = {AXIS_WIDTH}},
    [FINAL_BIAS] = {.name = "transformer.ln_f.bias", .axis = {AXIS_WIDTH}},
    [FINAL_SCORE] = {.name = "score.weight", .axis = {AXIS_LABELS, AXIS_WIDTH}, .decay = true, .head = true},
};

static const TensorKind TOKEN_KIND = {"transformer.wte.weight", {AXIS_VOCABULARY, AXIS_WIDTH}, true, false};

static int64_t axis_length(Axis axis, const ModelConfig *config) {
    const int64_t lengths[] = {
        1, config->width, 3 * (int64_t)config->width, config->inner, config->labels, config->vocabulary};
    return lengths[axis];
}

/* Round *value up to a multiple of `unit`; false on overflow. */
static bool round_up(size_t *value, size_t unit) {
    size_t raised;
    if (__builtin_add_overflow(*value, unit - 1, &raised)) return false;
    *value = raised - raised % unit;
    return true;
}

/* Set shape and count of `tensor`; false when its bytes overflow size_t. */
static bool set_shape(ParameterTensor *tensor, int64_t rows, int64_t columns, int dimensions) {
    tensor->dimensions = dimensions;
    tensor->shape[0] = rows;
    tensor->shape[1] = columns;
    size_t bytes;
    return memory_multiply((size_t)rows, (size_t)columns, &tensor->count) &&
           memory_multiply(tensor->count, sizeof(float), &bytes);
}

ParameterTensor *parameters_layout_add(ParameterLayout *layout, const char *prefix, const char *name, int64_t rows,
                                       int64_t columns) {
    ParameterTensor *tensor = &layout->tensor[layout->tensors];
    if (!set_shape(tensor, rows, columns ? columns : 1, columns ? 2 : 1) || !round_up(&layout->dense, TENSOR_ALIGNMENT))
        return NULL;
    snprintf(tensor->name, sizeof tensor->name, "%s%s", prefix, name);
    tensor->offset = layout->dense;
    layout->tensors++;
    return __builtin_add_overflow(layout->dense, tensor->count, &layout->dense) ? NULL : tensor;
}

bool parameters_layout_end_bucket(ParameterLayout *layout, size_t bucket) {
    size_t bytes;
    if (!round_up(&layout->dense, PARAMETERS_BLOCK)) return false;
    layout->bucket_starts[bucket + 1] = layout->dense;
    return memory_multiply(layout->dense, sizeof(float), &bytes);
}

/* A bucket's tensors: of a language model the token embedding first, then the layers, and last ln_f and the head. */
static bool add_bucket(ParameterLayout *layout, size_t bucket, const ModelConfig *config) {
    const bool token = layout->language && bucket == 0, final = bucket == layout->buckets - 1;
    const TensorKind *kinds = token ? &TOKEN_KIND : final ? FINAL_KINDS : LAYER_KINDS;
    const size_t finals = layout->language ? FINAL_SCORE : FINAL_TENSORS;
    const size_t count = token ? 1 : final ? finals : LAYER_TENSORS;
    char prefix[40] = "";
    if (!token && !final) snprintf(prefix, sizeof prefix, "transformer.h.%zu.", bucket - layout->language);
    for (size_t i = 0; i < count; i++) {
        const TensorKind *kind = &kinds[i];
        const int64_t columns = kind->axis[1] == AXIS_NONE ? 0 : axis_length(kind->axis[1], config);
        ParameterTensor *tensor =
            parameters_layout_add(layout, prefix, kind->name, axis_length(kind->axis[0], config), columns);
        if (!tensor) return false;
        tensor->decay = kind->decay;
        tensor->head = kind->head;
        tensor->depth = layout->layers + layout->language - (int)bucket;
    }
    return parameters_layout_end_bucket(layout, bucket);
}

static bool set_embedding(ParameterTensor *tensor, const char *name, int32_t rows, const ModelConfig *config) {
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    tensor->decay = true;
    tensor->depth = config->layers + 1;
    return set_shape(tensor, rows, config->width, 2);
}

/* Room for the tensors of a layout with so many buckets. */
static Status begin(ParameterLayout *layout, int layers, size_t buckets, size_t tensors, Error *error) {
    *layout = (ParameterLayout){.layers = layers, .buckets = buckets};
    layout->bucket_starts = memory_allocate(layout->buckets + 1, sizeof *layout->bucket_starts, error);
    layout->tensor = memory_allocate(tensors, sizeof *layout->tensor, error);
    if (error->status) parameters_layout_free(layout);
    return error->status;
}

Status parameters_layout_begin(ParameterLayout *layout, int layers, size_t tensors, Error *error) {
    return begin(layout, layers, (size_t)layers + 1, tensors, error);
}

Status parameters_layout(ParameterLayout *layout, const ModelConfig *config, Error *error) {
    size_t tensors = (size_t)config->layers * LAYER_TENSORS + FINAL_TENSORS;
    const size_t buckets = (size_t)config->layers + 1 + config->language;
    if (begin(layout, config->layers, buckets, tensors, error)) return error->status;
    layout->language = config->language;
    bool fits = set_embedding(&layout->token, "transformer.wte.weight", config->vocabulary, config) &&
                set_embedding(&layout->position, "transformer.wpe.weight", config->positions, config);
    for (size_t bucket = 0; bucket < layout->buckets && fits; bucket++) fits = add_bucket(layout, bucket, config);
    if (layout->language && fits) layout->token.offset = layout->tensor[0].offset;
    layout->sparse = layout->position.count + (layout->language ? 0 : layout->token.count);
    if (!fits)
        error_set(error, STATUS_INPUT,
                  "a model of %d layers, width %d and inner width %d is too large for this machine's memory",
                  config->layers, config->width, config->inner);
    if (error->status) parameters_layout_free(layout);
    return error->status;
}

size_t parameters_first_learned(const ParameterLayout *layout, const Frozen *frozen) {
    return layout->bucket_starts[frozen->layers];
}

/* Copy the layout without the lowest layers. */
static void set_learned(ParameterLayout *learned, const ParameterLayout *layout, const Frozen *frozen) {
    const size_t first = parameters_first_learned(layout, frozen);
    learned->dense = layout->dense - first;
    for (size_t b = 0; b <= layout->buckets; b++)
        learned->bucket_starts[b] = layout->bucket_starts[b] > first ? layout->bucket_starts[b] - first : 0;
    for (size_t i = 0; i < layout->tensors; i++) {
        ParameterTensor *tensor = &learned->tensor[i];
        *tensor = layout->tensor[i];
        const bool learns = tensor->offset >= first;
        tensor->offset = learns ? tensor->offset - first : 0;
        tensor->count = learns ? tensor->count : 0;
    }
    if (!frozen->embeddings) return;
    learned->token.shape[0] = learned->position.shape[0] = 0;
    learned->token.count = learned->position.count = learned->sparse = 0;
}

Status parameters_learned(ParameterLayout *learned, const ParameterLayout *layout, const Frozen *frozen, Error *error) {
    *learned = *layout;
    learned->bucket_starts = memory_allocate(layout->buckets + 1, sizeof *learned->bucket_starts, error);
    learned->tensor = memory_allocate(layout->tensors, sizeof *learned->tensor, error);
    if (learned->bucket_starts && learned->tensor)
        set_learned(learned, layout, frozen);
    else
        parameters_layout_free(learned);
    return error->status;
}

void parameters_layout_free(ParameterLayout *layout) {
    memory_free(layout->bucket_starts);
    memory_free(layout->tensor);
    *layout = (ParameterLayout){0};
}

bool parameters_are_of_model(const ParameterLayout *layout) {
    return layout->tensors == (size_t)layout->layers * LAYER_TENSORS + FINAL_TENSORS;
}

size_t parameters_bucket(const ParameterLayout *layout, int layer) {
    return (size_t)layer + layout->language;
}

size_t parameters_token_rows(const ParameterLayout *layout, size_t rows) {
    return layout->language ? 0 : size_min(rows, (size_t)layout->token.shape[0]);
}

size_t parameters_count(const ParameterLayout *layout) {
    size_t count = layout->sparse;
    for (size_t i = 0; i < layout->tensors; i++) count += layout->tensor[i].count;
    return count;
}

size_t parameters_layer(const ParameterLayout *layout, int layer, LayerTensor which) {
    return (size_t)layer * LAYER_TENSORS + (size_t)which + layout->language;
}

/* The first tensor of the last bucket. */
static size_t first_final(const ParameterLayout *layout) {
    return (size_t)layout->layers * LAYER_TENSORS + layout->language;
}

size_t parameters_final_weight(const ParameterLayout *layout) {
    return first_final(layout) + FINAL_WEIGHT;
}

size_t parameters_final_bias(const ParameterLayout *layout) {
    return first_final(layout) + FINAL_BIAS;
}

size_t parameters_score(const ParameterLayout *layout) {
    return layout->tensors - !layout->language; /* of an adapter, too */
}

void parameters_await(const Parameters *parameters, size_t bucket) {
    if (parameters->ready) parameters->ready(parameters->ready_context, bucket);
}
