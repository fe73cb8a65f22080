/* Adapters: which linear layers they adapt, the layout of their values, and new ones. adapter.h has the contract. */
#include "linnet/model/adapter.h"
#include "linnet/core/memory.h"
#include "linnet/core/random.h"
#include "linnet/core/text.h"
#include "model/adapter_private.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const LINEAR_NAMES[ADAPTED_LINEARS] = {
    [ADAPTED_ATTN] = "attn.c_attn",
    [ADAPTED_PROJ] = "attn.c_proj",
    [ADAPTED_FC] = "mlp.c_fc",
    [ADAPTED_OUT] = "mlp.c_proj",
};

static const char DEFAULT_TARGETS[] = "[\"c_attn\"]";
static const char ALL_LINEAR[] = "all-linear";

/* Streams of random numbers: those below are of the model's own tensors. */
enum { STREAM_ADAPTERS = 1 << 24 };

#define LAYERS_MOST 1024 /* that a config.json may have */

void adapter_linear_name(int layer, AdaptedLinear which, char name[ADAPTER_NAME]) {
    snprintf(name, ADAPTER_NAME, "transformer.h.%d.%s", layer, LINEAR_NAMES[which]);
}

/* --- Targets ------------------------------------------------------------------------------------------------------ */

/* Whether a target is a module's name or the end of it behind a dot. */
static bool is_target_of(const char *target, const char *module) {
    const size_t size = strlen(target), length = strlen(module);
    return text_ends_with(module, target) && (size == length || (size > 0 && module[length - size - 1] == '.'));
}

/* Mark the linear layers that a target matches in adapted [layers · ADAPTED_LINEARS] (NULL: only ask); whether there are
 * any. */
static bool mark_target(const char *target, int32_t layers, bool *adapted) {
    bool found = false;
    for (int l = 0; l < layers; l++)
        for (AdaptedLinear which = 0; which < ADAPTED_LINEARS; which++) {
            char name[ADAPTER_NAME];
            adapter_linear_name(l, which, name);
            if (!is_target_of(target, name)) continue;
            found = true;
            if (adapted) adapted[l * ADAPTED_LINEARS + (int)which] = true;
        }
    return found;
}

static bool is_all_linear(const cJSON *list) {
    const cJSON *only = cJSON_IsArray(list) && cJSON_GetArraySize(list) == 1 ? list->child : list;
    return cJSON_IsString(only) && strcmp(only->valuestring, ALL_LINEAR) == 0;
}

static Status mark_name(const cJSON *name, int32_t layers, bool *adapted, Error *error) {
    char of[32] = "";
    if (cJSON_IsString(name) && mark_target(name->valuestring, layers > 0 ? layers : LAYERS_MOST, adapted))
        return STATUS_OK;
    if (layers > 0) snprintf(of, sizeof of, " with %d layer%s", layers, layers == 1 ? "" : "s");
    return error_set(error, STATUS_INPUT,
                     "\"%.80s\" matches no linear layer of a GPT-2%s: there are c_attn, c_proj, c_fc, attn.c_proj, "
                     "mlp.c_proj and, for one layer alone, h.0.attn.c_attn and the like, or \"all-linear\" alone",
                     cJSON_IsString(name) ? name->valuestring : "", of);
}

/* Mark what all targets match; each must match something. `layers` as in adapter_check_targets(). */
static Status mark_targets(const char *targets, int32_t layers, bool *adapted, Error *error) {
    cJSON *list = cJSON_Parse(targets ? targets : DEFAULT_TARGETS);
    if (!list) return error_set(error, STATUS_FAILURE, "out of memory for the targets of an adapter");
    if (is_all_linear(list)) {
        for (int i = 0; adapted && i < layers * ADAPTED_LINEARS; i++) adapted[i] = true;
    } else if (cJSON_IsArray(list) && list->child) {
        const cJSON *name;
        cJSON_ArrayForEach(name, list) if (mark_name(name, layers, adapted, error)) break;
    } else {
        mark_name(list, layers, adapted, error);
    }
    cJSON_Delete(list);
    return error->status;
}

Status adapter_check_targets(const char *targets, int32_t layers, Error *error) {
    return mark_targets(targets, layers, NULL, error);
}

/* --- The layout --------------------------------------------------------------------------------------------------- */

void adapter_linear_size(const ModelConfig *model, AdaptedLinear which, int64_t *in, int64_t *out) {
    const int64_t c = model->width;
    *in = which == ADAPTED_OUT ? model->inner : c;
    *out = which == ADAPTED_ATTN ? 3 * c : which == ADAPTED_FC ? model->inner : c;
}

/* A and B of a linear layer. */
static bool add_linear(Adapter *adapter, const ModelConfig *model, int layer, AdaptedLinear which) {
    char name[ADAPTER_NAME], prefix[ADAPTER_NAME + 20];
    int64_t in, out;
    const int64_t rank = adapter->config.rank;
    adapter_linear_name(layer, which, name);
    adapter_linear_size(model, which, &in, &out);
    snprintf(prefix, sizeof prefix, "%s%s", ADAPTER_PREFIX, name);
    adapter->places[layer * ADAPTED_LINEARS + (int)which] = adapter->layout.tensors;
    ParameterTensor *down = parameters_layout_add(&adapter->layout, prefix, ".lora_A.weight", rank, in);
    ParameterTensor *up = down ? parameters_layout_add(&adapter->layout, prefix, ".lora_B.weight", out, rank) : NULL;
    if (!up) return false;
    down->decay = up->decay = true;
    down->depth = up->depth = model->layers - layer;
    return true;
}

static bool add_head(Adapter *adapter, const ModelConfig *model) {
    ParameterTensor *score =
        parameters_layout_add(&adapter->layout, ADAPTER_PREFIX, "score.weight", model->labels, model->width);
    if (!score) return false;
    score->decay = score->head = true;
    return parameters_layout_end_bucket(&adapter->layout, adapter->layout.buckets - 1);
}

static bool add_layer(Adapter *adapter, const ModelConfig *model, int layer, const bool *adapted) {
    for (AdaptedLinear which = 0; which < ADAPTED_LINEARS; which++)
        if (adapted[layer * ADAPTED_LINEARS + (int)which] && !add_linear(adapter, model, layer, which)) return false;
    return parameters_layout_end_bucket(&adapter->layout, (size_t)layer);
}

static Status lay_out(Adapter *adapter, const ModelConfig *model, const bool *adapted, Error *error) {
    ParameterLayout *layout = &adapter->layout;
    const size_t linears = (size_t)model->layers * ADAPTED_LINEARS;
    adapter->places = memory_allocate(linears, sizeof *adapter->places, error);
    if (!adapter->places || parameters_layout_begin(layout, model->layers, 2 * linears + 1, error))
        return error->status;
    /* Its embeddings have no rows: none learns. */
    layout->token.shape[1] = layout->position.shape[1] = model->width;
    for (size_t i = 0; i < linears; i++) adapter->places[i] = ADAPTER_NONE;
    bool fits = true;
    for (int l = 0; l < model->layers && fits; l++) fits = add_layer(adapter, model, l, adapted);
    if (!fits || !add_head(adapter, model))
        error_set(error, STATUS_INPUT, "an adapter of rank %d is too large for this machine's memory",
                  adapter->config.rank);
    return error->status;
}

/* --- Making one --------------------------------------------------------------------------------------------------- */

static char *copy_text(const char *text, Error *error) {
    return text ? memory_text(text, error) : NULL;
}

static Status copy_config(AdapterConfig *to, const AdapterConfig *from, Error *error) {
    *to = *from;
    to->targets = copy_text(from->targets, error);
    to->base = copy_text(from->base, error);
    to->text = copy_text(from->text, error);
    return error->status;
}

void adapter_config_free(AdapterConfig *config) {
    memory_free(config->targets);
    memory_free(config->base);
    memory_free(config->text);
    *config = (AdapterConfig){0};
}

Status adapter_create_for(Adapter **adapter, const AdapterConfig *config, const ModelConfig *model, const bool *adapted,
                          Error *error) {
    Adapter *made = memory_allocate(1, sizeof *made, error);
    if (!made) return error->status;
    if (copy_config(&made->config, config, error) || lay_out(made, model, adapted, error)) {
        adapter_destroy(made);
        return error->status;
    }
    made->scaling = (float)(config->alpha / (config->rslora ? sqrt(config->rank) : config->rank));
    *adapter = made;
    return STATUS_OK;
}

Status adapter_create(Adapter **adapter, const AdapterConfig *config, const ModelConfig *model, Error *error) {
    bool *adapted = memory_allocate((size_t)model->layers * ADAPTED_LINEARS, sizeof *adapted, error);
    Error unmatched = {0};
    if (adapted && !mark_targets(config->targets, model->layers, adapted, &unmatched))
        adapter_create_for(adapter, config, model, adapted, error);
    if (unmatched.status) error_set(error, unmatched.status, "lora_target_modules: %s", unmatched.message);
    memory_free(adapted);
    return error->status;
}

void adapter_destroy(Adapter *adapter) {
    if (!adapter) return;
    adapter_config_free(&adapter->config);
    parameters_layout_free(&adapter->layout);
    memory_free(adapter->places);
    memory_free(adapter);
}

void adapter_new_values(const Adapter *adapter, uint64_t seed, float *values) {
    const ParameterLayout *layout = &adapter->layout;
    for (int i = 0; i < layout->layers * ADAPTED_LINEARS; i++) {
        if (adapter->places[i] == ADAPTER_NONE) continue;
        const ParameterTensor *down = &layout->tensor[adapter->places[i]], *up = down + 1;
        random_uniform(values + down->offset, (int64_t)down->count, (float)(1.0 / sqrt((double)down->shape[1])), seed,
                       STREAM_ADAPTERS + (uint32_t)i);
        memset(values + up->offset, 0, up->count * sizeof *values);
    }
}

size_t adapter_down(const Adapter *adapter, int layer, AdaptedLinear which) {
    return adapter->layout.tensor[adapter->places[layer * ADAPTED_LINEARS + (int)which]].offset;
}

size_t adapter_up(const Adapter *adapter, int layer, AdaptedLinear which) {
    return adapter->layout.tensor[adapter->places[layer * ADAPTED_LINEARS + (int)which] + 1].offset;
}

size_t adapter_score(const Adapter *adapter) {
    return adapter->layout.tensor[parameters_score(&adapter->layout)].offset;
}

int adapter_lowest(const Adapter *adapter) {
    int i = 0;
    while (i < adapter->layout.layers * ADAPTED_LINEARS && adapter->places[i] == ADAPTER_NONE) i++;
    return i / ADAPTED_LINEARS;
}
