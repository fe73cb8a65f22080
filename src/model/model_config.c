/* Reading and writing config.json. model_config.h has the contract. */
#include "linnet/model/model_config.h"
#include "linnet/core/escape.h"
#include "linnet/core/file.h"
#include "linnet/core/json.h"
#include "linnet/core/memory.h"
#include "linnet/core/utf8.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX 65536 /* far more than the 1,000 of a token file; a file with more is damaged */
#define LAYERS_MAX 1024  /* the largest GPT-2 has 48; a file with more than this is damaged */

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
        {"n_ctx", NULL, &config->positions, INT32_MAX}, /* n_positions, where present, replaces it */
        {"vocab_size", NULL, &config->vocabulary, INT32_MAX},
        {"n_positions", "max_position_embeddings", &config->positions, INT32_MAX},
        {"n_embd", "hidden_size", &config->width, INT32_MAX / 4},
        {"n_layer", "num_hidden_layers", &config->layers, LAYERS_MAX},
        {"n_head", "num_attention_heads", &config->heads, INT32_MAX},
    };
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
    if (read_number(source, "initializer_range", 0, 1e3, &config->initializer_range, path, error)) return error->status;
    if (json_get_bool(source, "scale_attn_weights", &config->scale_weights, path, error)) return error->status;
    return json_get_bool(source, "scale_attn_by_inverse_layer_idx", &config->scale_by_inverse_layer, path, error);
}

/* A special token's id. −1 where it is null, or outside the vocabulary, which Transformers accepts (small models are
 * often saved with GPT-2's 50256). Of a list of ids, which generation allows, the first. */
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

/* A file without model_type still names its class, where Transformers wrote it. Quantized weights are of no dtype that
 * linnet reads, or need scales beside them. */
static Status check_class(const cJSON *source, const char *path, Error *error) {
    const cJSON *names = cJSON_GetObjectItemCaseSensitive(source, "architectures");
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(source, "model_type");
    const cJSON *quantized = cJSON_GetObjectItemCaseSensitive(source, "quantization_config");
    const char *name = cJSON_IsArray(names) && cJSON_IsString(names->child) ? names->child->valuestring : "GPT2";
    if ((!type || cJSON_IsNull(type)) && strncmp(name, "GPT2", 4) != 0)
        return error_set(error, STATUS_INPUT, "%s: architectures is \"%s\": linnet supports only \"gpt2\" models", path,
                         name);
    if (quantized && !cJSON_IsNull(quantized))
        return error_set(error, STATUS_INPUT,
                         "%s: quantization_config: linnet does not read quantized weights: load the model with "
                         "Transformers, then call dequantize() and save_pretrained()",
                         path);
    return STATUS_OK;
}

/* After the labels. */
static Status read_problem(ModelConfig *config, const char *path, Error *error) {
    const char *name = NULL;
    if (json_get_text(config->source, "problem_type", &name, path, error)) return error->status;
    config->problem_saved = name != NULL;
    config->problem = config->labels == 1 ? PROBLEM_REGRESSION : PROBLEM_SINGLE_LABEL;
    if (!name || problem_find(name, &config->problem)) return STATUS_OK;
    return error_set(error, STATUS_INPUT, "%s: problem_type must be %s, %s or %s, not \"%s\"", path,
                     problem_name(PROBLEM_SINGLE_LABEL), problem_name(PROBLEM_MULTI_LABEL),
                     problem_name(PROBLEM_REGRESSION), name);
}

bool model_config_fits(const ModelConfig *config, Problem problem) {
    return config->problem == problem || (!config->problem_saved && config->labels > 1);
}

/* Refuse settings of another network than the one that linnet computes. */
static Status check_kind(const cJSON *source, const char *path, Error *error) {
    bool cross = false;
    if (check_class(source, path, error)) return error->status;
    if (require_text(source, "model_type", "gpt2", "gpt2", path, error)) return error->status;
    if (require_text(source, "activation_function", "gelu_new", "gelu_pytorch_tanh", path, error)) return error->status;
    if (json_get_bool(source, "add_cross_attention", &cross, path, error)) return error->status;
    if (cross) return error_set(error, STATUS_INPUT, "%s: add_cross_attention must be false", path);
    return STATUS_OK;
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

static void free_labels(ModelConfig *config) {
    for (int32_t i = 0; config->label_names && i < config->labels; i++) memory_free(config->label_names[i]);
    memory_free(config->label_names);
    config->label_names = NULL;
    config->labels = 0;
}

/* Room for `labels` names, all NULL, in place of the old ones. */
static Status new_names(ModelConfig *config, int32_t labels, Error *error) {
    free_labels(config);
    config->label_names = memory_allocate((size_t)labels, sizeof *config->label_names, error);
    if (config->label_names) config->labels = labels;
    return error->status;
}

/* Two labels of the same name could not be distinguished in any result. */
static Status refuse_twins(const ModelConfig *config, const char *place, Error *error) {
    for (int32_t i = 0; i < config->labels; i++)
        for (int32_t j = 0; j < i; j++)
            if (strcmp(config->label_names[i], config->label_names[j]) == 0)
                return error_set(error, STATUS_INPUT, "%s: labels %d and %d are both named \"%s\"", place, j, i,
                                 config->label_names[i]);
    return STATUS_OK;
}

/* The number that a key of id2label stands for; −1 if it is not a number below `labels`. */
static int32_t label_index(const char *key, int32_t labels) {
    char *end;
    if (key[0] < '0' || key[0] > '9') return -1;
    long index = strtol(key, &end, 10);
    return *end || index >= labels ? -1 : (int32_t)index;
}

/* Names are printed in results, on a terminal and between tabs. */
static bool is_printable(const char *name) {
    for (; *name; name++)
        if ((unsigned char)*name < 0x20 || *name == 0x7f) return false;
    return true;
}

/* Names that no configuration could be read with again. */
static Status refuse_unreadable(const ModelConfig *config, const char *place, Error *error) {
    Quoted shown;
    for (int32_t i = 0; i < config->labels; i++) {
        const char *name = config->label_names[i];
        const size_t size = strlen(name);
        if (!is_printable(name) || utf8_valid_length(name, size) != size)
            return error_set(error, STATUS_INPUT, "%s: label %d: expected UTF-8 without control characters, got %s",
                             place, i, quoted(name, size, &shown));
    }
    return STATUS_OK;
}

static Status read_map(ModelConfig *config, const cJSON *map, const char *path, Error *error) {
    const int32_t labels = cJSON_GetArraySize(map);
    if (labels < 1 || labels > LABELS_MAX)
        return error_set(error, STATUS_INPUT, "%s: id2label must name 1 to %d labels, not %d", path, LABELS_MAX,
                         labels);
    if (new_names(config, labels, error)) return error->status;
    const cJSON *item;
    cJSON_ArrayForEach(item, map) {
        int32_t index = label_index(item->string, labels);
        if (index < 0 || config->label_names[index])
            return error_set(error, STATUS_INPUT, "%s: id2label: the keys must be 0 to %d, each once, not \"%s\"", path,
                             labels - 1, item->string);
        if (!cJSON_IsString(item) || !is_printable(item->valuestring))
            return error_set(error, STATUS_INPUT,
                             "%s: id2label: the name of label %d must be a string without control characters", path,
                             index);
        config->label_names[index] = memory_text(item->valuestring, error);
        if (!config->label_names[index]) return error->status;
    }
    return refuse_twins(config, path, error);
}

/* LABEL_0 …, as Transformers names labels that nobody named. */
static Status plain_names(ModelConfig *config, int32_t labels, Error *error) {
    if (new_names(config, labels, error)) return error->status;
    for (int32_t i = 0; i < config->labels && !error->status; i++) {
        char name[32];
        snprintf(name, sizeof name, "LABEL_%d", i);
        config->label_names[i] = memory_text(name, error);
    }
    return error->status;
}

/* From id2label; where it is absent, Transformers' LABEL_0 … (num_labels of them, else two). One label is accepted:
 * some language models are saved with one, and get others from the data. */
static Status read_labels(ModelConfig *config, const char *path, Error *error) {
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(config->source, "id2label");
    if (cJSON_IsObject(map)) return read_map(config, map, path, error);
    if (map && !cJSON_IsNull(map))
        return error_set(error, STATUS_INPUT, "%s: id2label must be an object: {\"0\": name, …}", path);
    int64_t labels = 2;
    if (json_get_int(config->source, "num_labels", &labels, path, error)) return error->status;
    if (labels < 1 || labels > LABELS_MAX)
        return error_set(error, STATUS_INPUT, "%s: num_labels must be from 1 to %d, not %lld", path, LABELS_MAX,
                         (long long)labels);
    return plain_names(config, (int32_t)labels, error);
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
    if (check_kind(config->source, path, error) || read_sizes(config, path, error) ||
        read_numbers(config, path, error) || read_labels(config, path, error) || read_problem(config, path, error) ||
        read_token(config, "pad_token_id", -1, &config->pad_token, path, error) ||
        read_token(config, "eos_token_id", 50256, &config->end_of_text, path, error))
        return error->status;
    return read_pooling(config, path, error);
}

Status model_config_load(ModelConfig *config, const char *path, Error *error) {
    *config = defaults();
    if (json_load_text(&config->source, &config->text, path, error) || read_source(config, path, error))
        model_config_free(config);
    return error->status;
}

bool model_config_is_language(const ModelConfig *config) {
    const cJSON *names = cJSON_GetObjectItemCaseSensitive(config->source, "architectures");
    const cJSON *first = cJSON_IsArray(names) ? names->child : NULL;
    return cJSON_IsString(first) && strcmp(first->valuestring, "GPT2LMHeadModel") == 0;
}

void model_config_free(ModelConfig *config) {
    free_labels(config);
    cJSON_Delete(config->source);
    memory_free(config->text);
    config->source = NULL;
    config->text = NULL;
}

/* The text of a new model's config.json: what GPT2Config writes. */
static const char NEW_TEXT[] =
    "{\n  \"activation_function\": \"gelu_new\",\n  \"add_cross_attention\": false,"
    "\n  \"architectures\": [\"GPT2ForSequenceClassification\"],\n  \"attn_pdrop\": 0.1,"
    "\n  \"bos_token_id\": %d,\n  \"dtype\": \"float32\",\n  \"embd_pdrop\": 0.1,\n  \"eos_token_id\": %d,"
    "\n  \"initializer_range\": 0.02,\n  \"layer_norm_epsilon\": 1e-05,\n  \"model_type\": \"gpt2\","
    "\n  \"n_embd\": %d,\n  \"n_head\": %d,\n  \"n_inner\": null,\n  \"n_layer\": %d,\n  \"n_positions\": %d,"
    "\n  \"pad_token_id\": %d,\n  \"reorder_and_upcast_attn\": false,\n  \"resid_pdrop\": 0.1,"
    "\n  \"scale_attn_by_inverse_layer_idx\": false,\n  \"scale_attn_weights\": true,"
    "\n  \"summary_activation\": null,\n  \"summary_first_dropout\": 0.1,\n  \"summary_proj_to_labels\": true,"
    "\n  \"summary_type\": \"cls_index\",\n  \"summary_use_proj\": true,\n  \"use_cache\": true,"
    "\n  \"vocab_size\": %d\n}\n";

Status model_config_create(ModelConfig *config, int32_t vocabulary, int32_t positions, int32_t width, int32_t layers,
                           int32_t heads, Problem problem, const char *const *label_names, int32_t labels,
                           int32_t end_of_text, Error *error) {
    static const char name[] = "the new model's configuration";
    char text[sizeof NEW_TEXT + 8 * 16];
    *config = defaults();
    int length = snprintf(text, sizeof text, NEW_TEXT, end_of_text, end_of_text, width, heads, layers, positions,
                          end_of_text, vocabulary);
    config->text = memory_text(text, error);
    if (config->text && !json_parse(&config->source, config->text, (size_t)length, name, error) &&
        !read_source(config, name, error)) {
        config->problem = problem;
        model_config_set_labels(config, label_names, labels, error);
    }
    if (error->status) model_config_free(config);
    return error->status;
}

Status model_config_set_labels(ModelConfig *config, const char *const *label_names, int32_t labels, Error *error) {
    const int32_t least = config->problem == PROBLEM_SINGLE_LABEL ? 2 : 1;
    if (labels < least)
        return error_set(error, STATUS_INPUT, "a classifier needs at least %d label%s, not %d", least,
                         least > 1 ? "s" : "", labels);
    /* The new names may be the old ones, so the old ones are freed last. */
    ModelConfig made = {0};
    if (!label_names)
        plain_names(&made, labels, error);
    else if (!new_names(&made, labels, error))
        for (int32_t i = 0; i < labels && !error->status; i++) made.label_names[i] = memory_text(label_names[i], error);
    if (error->status || refuse_unreadable(&made, "labels", error) || refuse_twins(&made, "labels", error)) {
        free_labels(&made);
        return error->status;
    }
    free_labels(config);
    config->labels = labels;
    config->label_names = made.label_names;
    return STATUS_OK;
}
