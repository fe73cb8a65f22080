/* Writing config.json. model_config.h has the contract. */
#include "linnet/core/json.h"
#include "linnet/model/model_config.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Replace a field, or append it; takes ownership of `item`. False without memory. */
static bool set_member(cJSON *object, const char *key, cJSON *item) {
    if (!item) return false;
    bool set = cJSON_GetObjectItemCaseSensitive(object, key) ? cJSON_ReplaceItemInObjectCaseSensitive(object, key, item)
                                                             : cJSON_AddItemToObject(object, key, item);
    if (!set) cJSON_Delete(item);
    return set && item->string; /* cJSON 1.7.15 also replaces when it has no memory for the name */
}

static bool set_number(cJSON *object, const char *key, double value) {
    return set_member(object, key, cJSON_CreateNumber(value));
}

/* Transformers 5 refuses an integer where it expects a float: 0 must be written as 0.0, which cJSON does not do. */
static bool set_float(cJSON *object, const char *key, double value) {
    char text[32];
    if (value != floor(value)) return set_number(object, key, value);
    snprintf(text, sizeof text, "%.1f", value);
    return set_member(object, key, cJSON_CreateRaw(text));
}

static bool set_labels(cJSON *object, const ModelConfig *config) {
    cJSON *names = cJSON_CreateObject(), *numbers = cJSON_CreateObject();
    bool done = names && numbers;
    for (int32_t i = 0; i < config->labels && done; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        done = cJSON_AddStringToObject(names, key, config->label_names[i]) &&
               cJSON_AddNumberToObject(numbers, config->label_names[i], i);
    }
    if (!done) {
        cJSON_Delete(names);
        cJSON_Delete(numbers);
        return false;
    }
    /* An old count would contradict the names. */
    cJSON_DeleteItemFromObjectCaseSensitive(object, "num_labels");
    cJSON_DeleteItemFromObjectCaseSensitive(object, "_num_labels");
    bool set = set_member(object, "id2label", names);
    return set_member(object, "label2id", numbers) && set;
}

/* Transformers 5 writes dtype, earlier versions torch_dtype: keeps the one that the file has. */
static bool set_dtype(cJSON *object) {
    bool old = cJSON_GetObjectItemCaseSensitive(object, "torch_dtype");
    bool set = !old || set_member(object, "torch_dtype", cJSON_CreateString("float32"));
    if (!old || cJSON_GetObjectItemCaseSensitive(object, "dtype"))
        set = set && set_member(object, "dtype", cJSON_CreateString("float32"));
    return set;
}

/* With a pad token Transformers reads the last token before the padding, without one the last token of all. */
static bool set_pooling(cJSON *object, const ModelConfig *config) {
    int32_t pad = config->pad_token >= 0 ? config->pad_token : config->end_of_text;
    bool set = true;
    if (config->pooling == POOLING_PADDED_END)
        cJSON_DeleteItemFromObjectCaseSensitive(object, "pad_token_id");
    else if (pad >= 0)
        set = set_number(object, "pad_token_id", pad);
    cJSON *own = cJSON_GetObjectItemCaseSensitive(object, "linnet");
    if (!own) own = cJSON_AddObjectToObject(object, "linnet");
    return set && own && set_member(own, "pooling", cJSON_CreateString(pooling_name(config->pooling)));
}

static bool set_all(cJSON *object, const ModelConfig *config) {
    static const char *const architecture = "GPT2ForSequenceClassification";
    return set_member(object, "architectures", cJSON_CreateStringArray(&architecture, 1)) &&
           set_member(object, "model_type", cJSON_CreateString("gpt2")) &&
           set_number(object, "n_positions", config->positions) && /* Transformers no longer reads n_ctx */
           set_float(object, "initializer_range", config->initializer_range) &&
           set_float(object, "embd_pdrop", config->embedding_dropout) &&
           set_float(object, "attn_pdrop", config->attention_dropout) &&
           set_float(object, "resid_pdrop", config->residual_dropout) && set_labels(object, config) &&
           set_dtype(object) && set_pooling(object, config);
}

Status model_config_save(const ModelConfig *config, const char *path, Error *error) {
    cJSON *copy = cJSON_Duplicate(config->source, true);
    if (copy && set_all(copy, config))
        json_save(copy, path, true, error);
    else
        error_set(error, STATUS_FAILURE, "out of memory for %s", path);
    cJSON_Delete(copy);
    return error->status;
}
