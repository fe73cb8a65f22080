/* Reading config.json. model_config.h has the contract. */
#include "linnet/model/model_config.h"
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "model/config_labels.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define LAYERS_MAX 1024 /* the largest GPT-2 has 48; a file with more than this is damaged */

/* A key with an integer from 1 to maximum. */
typedef struct {
    const char *key;
    const char *synonym; /* from GPT2Config's attribute_map; for n_positions, its name in files of 2019 */
    int32_t *value;
    int32_t maximum;
} SizeRow;

static Status read_size(const cJSON *source, const SizeRow *row, const char *path, Error *error) {
    int64_t value = *row->value;
    if (row->synonym && json_get_int(source, row->synonym, &value, path, error)) return error->status;
    if (json_get_int(source, row->key, &value, path, error)) return error->status;
    if (value < 1 || value > row->maximum)
        return error_set(error, STATUS_INPUT, "%s: %s must be from 1 to %d, not %lld", path, row->key, row->maximum,
                         (long long)value);
    *row->value = (int32_t)value;
    return STATUS_OK;
}

static Status read_sizes(ModelConfig *config, const char *path, Error *error) {
    /* Four times the width, and three times in attention, must fit an int32_t. */
    const SizeRow rows[] = {
        {"vocab_size", NULL, &config->vocabulary, INT32_MAX},
        {"n_positions", "max_position_embeddings", &config->positions, INT32_MAX},
        {"n_embd", "hidden_size", &config->width, INT32_MAX / 4},
        {"n_layer", "num_hidden_layers", &config->layers, LAYERS_MAX},
        {"n_head", "num_attention_heads", &config->heads, INT32_MAX},
    };
    const SizeRow context = {"n_ctx", NULL, &config->positions, INT32_MAX};
    if (read_size(config->source, &context, path, error)) return error->status;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (read_size(config->source, &rows[i], path, error)) return error->status;
    if (config->width % config->heads)
        return error_set(error, STATUS_INPUT, "%s: n_embd %d is not a multiple of n_head %d", path, config->width,
                         config->heads);
    config->inner = 4 * config->width;
    const SizeRow inner = {"n_inner", NULL, &config->inner, INT32_MAX};
    return read_size(config->source, &inner, path, error);
}

/* A key with a number x, minimum ≤ x < limit. */
static Status read_number(const cJSON *source, const char *key, double minimum, double limit, double *value,
                          const char *path, Error *error) {
    if (json_get_double(source, key, value, path, error)) return error->status;
    if (*value >= minimum && *value < limit) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: %s must be at least %g and below %g, not %g", path, key, minimum, limit,
                     *value);
}

static Status read_numbers(ModelConfig *config, const char *path, Error *error) {
    const cJSON *source = config->source;
    if (read_number(source, "embd_pdrop", 0, 1, &config->embedding_dropout, path, error)) return error->status;
    if (read_number(source, "attn_pdrop", 0, 1, &config->attention_dropout, path, error)) return error->status;
    if (read_number(source, "resid_pdrop", 0, 1, &config->residual_dropout, path, error)) return error->status;
    if (read_number(source, "layer_norm_epsilon", 1e-30, 1, &config->epsilon, path, error)) return error->status;
    return read_number(source, "initializer_range", 0, 1e3, &config->initializer_range, path, error);
}

/* A special token's id. −1 where it is null, or outside the vocabulary, which Transformers accepts (small models are often
 * saved with GPT-2's 50256). Of a list of ids, which generation allows, the first. */
static Status read_token(const ModelConfig *config, const char *key, int32_t absent, int32_t *token, const char *path,
                         Error *error) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(config->source, key);
    int64_t value = absent;
    if (cJSON_IsNull(item))
        value = -1;
    else if (cJSON_IsArray(item) && cJSON_IsNumber(item->child))
        value = item->child->valueint;
    else if (json_get_int(config->source, key, &value, path, error))
        return error->status;
    *token = value >= 0 && value < config->vocabulary ? (int32_t)value : -1;
    return STATUS_OK;
}

/* A key that must be absent, or have `text` or `other` as its value. */
static Status require_text(const cJSON *source, const char *key, const char *text, const char *other, const char *path,
                           Error *error) {
    const char *value = text;
    if (json_get_text(source, key, &value, path, error)) return error->status;
    if (strcmp(value, text) == 0 || strcmp(value, other) == 0) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: %s is \"%s\": linnet supports only \"%s\"", path, key, value, text);
}

/* Refuse settings of another network than the one that linnet computes. */
static Status check_kind(const cJSON *source, const char *path, Error *error) {
    bool cross = false;
    if (require_text(source, "model_type", "gpt2", "gpt2", path, error)) return error->status;
    if (require_text(source, "activation_function", "gelu_new", "gelu_pytorch_tanh", path, error)) return error->status;
    if (require_text(source, "problem_type", "single_label_classification", "single_label_classification", path, error))
        return error->status;
    if (json_get_bool(source, "add_cross_attention", &cross, path, error)) return error->status;
    if (cross) return error_set(error, STATUS_INPUT, "%s: add_cross_attention must be false", path);
    return STATUS_OK;
}

static Status read_flags(ModelConfig *config, const char *path, Error *error) {
    const cJSON *source = config->source;
    if (json_get_bool(source, "scale_attn_weights", &config->scale_weights, path, error)) return error->status;
    return json_get_bool(source, "scale_attn_by_inverse_layer_idx", &config->scale_by_inverse_layer, path, error);
}

static Status read_pooling(ModelConfig *config, const char *path, Error *error) {
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(config->source, "linnet");
    const char *name = NULL;
    if (!own) return STATUS_OK;
    if (!cJSON_IsObject(own)) return error_set(error, STATUS_INPUT, "%s: linnet must be an object", path);
    if (json_get_text(own, "pooling", &name, path, error) || !name) return error->status;
    for (Pooling pooling = POOLING_LAST_TOKEN; pooling <= POOLING_PADDED_END; pooling++) {
        if (strcmp(name, pooling_name(pooling)) != 0) continue;
        config->pooling = pooling;
        config->pooling_saved = true;
        return STATUS_OK;
    }
    return error_set(error, STATUS_INPUT, "%s: linnet.pooling must be last_token or padded_end, not \"%s\"", path,
                     name);
}

/* GPT2Config's defaults. */
static ModelConfig defaults(void) {
    return (ModelConfig){.vocabulary = 50257,
                         .positions = 1024,
                         .width = 768,
                         .layers = 12,
                         .heads = 12,
                         .epsilon = 1e-5,
                         .embedding_dropout = 0.1,
                         .attention_dropout = 0.1,
                         .residual_dropout = 0.1,
                         .initializer_range = 0.02,
                         .scale_weights = true,
                         .pooling = POOLING_LAST_TOKEN};
}

/* Fill config from config->source; `path` names it in errors. */
static Status read_source(ModelConfig *config, const char *path, Error *error) {
    if (!cJSON_IsObject(config->source))
        return error_set(error, STATUS_INPUT, "%s: must be an object with the configuration of a GPT-2 model", path);
    if (check_kind(config->source, path, error)) return error->status;
    if (read_sizes(config, path, error)) return error->status;
    if (read_numbers(config, path, error)) return error->status;
    if (read_flags(config, path, error)) return error->status;
    if (read_token(config, "pad_token_id", -1, &config->pad_token, path, error)) return error->status;
    if (read_token(config, "eos_token_id", 50256, &config->end_of_text, path, error)) return error->status;
    if (config_read_labels(config, path, error)) return error->status;
    return read_pooling(config, path, error);
}

Status model_config_load(ModelConfig *config, const char *path, Error *error) {
    *config = defaults();
    char *text = NULL;
    size_t size = 0;
    if (file_read(path, &text, &size, error)) return error->status;
    if (json_parse(&config->source, text, size, path, error)) goto cleanup;
    if (json_refuse_repeats(config->source, text, path, error)) goto cleanup;
    read_source(config, path, error);
cleanup:
    memory_free(text);
    if (error->status) model_config_free(config);
    return error->status;
}

void model_config_free(ModelConfig *config) {
    config_free_labels(config);
    cJSON_Delete(config->source);
    config->source = NULL;
}

/* The source of a new model: what GPT2Config writes. */
static const char NEW_SOURCE[] =
    "{\"activation_function\": \"gelu_new\", \"add_cross_attention\": false,"
    " \"architectures\": [\"GPT2ForSequenceClassification\"], \"attn_pdrop\": 0.1, \"bos_token_id\": %d,"
    " \"dtype\": \"float32\", \"embd_pdrop\": 0.1, \"eos_token_id\": %d, \"initializer_range\": 0.02,"
    " \"layer_norm_epsilon\": 1e-05, \"model_type\": \"gpt2\", \"n_embd\": %d, \"n_head\": %d, \"n_inner\": null,"
    " \"n_layer\": %d, \"n_positions\": %d, \"pad_token_id\": %d, \"reorder_and_upcast_attn\": false,"
    " \"resid_pdrop\": 0.1, \"scale_attn_by_inverse_layer_idx\": false, \"scale_attn_weights\": true,"
    " \"summary_activation\": null, \"summary_first_dropout\": 0.1, \"summary_proj_to_labels\": true,"
    " \"summary_type\": \"cls_index\", \"summary_use_proj\": true, \"use_cache\": true, \"vocab_size\": %d}";

Status model_config_create(ModelConfig *config, int32_t vocabulary, int32_t positions, int32_t width, int32_t layers,
                           int32_t heads, const char *const *label_names, int32_t labels, int32_t end_of_text,
                           Error *error) {
    static const char name[] = "the new model's configuration";
    char text[sizeof NEW_SOURCE + 8 * 16];
    *config = defaults();
    int length = snprintf(text, sizeof text, NEW_SOURCE, end_of_text, end_of_text, width, heads, layers, positions,
                          end_of_text, vocabulary);
    if (json_parse(&config->source, text, (size_t)length, name, error)) goto cleanup;
    if (read_source(config, name, error)) goto cleanup;
    model_config_set_labels(config, label_names, labels, error);
cleanup:
    if (error->status) model_config_free(config);
    return error->status;
}
